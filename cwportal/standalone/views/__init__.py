"""The portal's own pages, one module a noun: read a form, ask one function of the portal, render.

Lives here: views that hang themselves on the portal's blueprint.
May import: the portal's other modules, Flask.
Must never: query or write by themselves, or answer anybody without `@needs` or `@everybody`.
"""
