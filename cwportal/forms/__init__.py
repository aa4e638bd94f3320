"""Forms of the pages.

Lives here: WTForms: shape and field rules of what people send.
May import: vocabulary, errors, flask_wtf.
Must never: query, write, or accept what came without our token.
"""
