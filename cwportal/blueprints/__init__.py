"""Pages: HTTP in, HTML out.

Lives here: the guard of all pages, views that parse, call one service or enqueue one job and render; words and shapes of states.
May import: forms, jobs, services, runtime, billing and what is below them, flask.
Must never: query or commit, decide on money or dates, or have a view that does not say which role it needs.
"""
