"""The command line: one module per noun, each a thin skin over one service.

Lives here: Click commands, what they print (plans, logs, tables, progress), and how errors become exit statuses.
May import: services and everything below it, jobs, click, rich, Flask's application context.
Must never: query, commit, decide about money, or import a service before its command runs (`--help` stays quick).
"""
