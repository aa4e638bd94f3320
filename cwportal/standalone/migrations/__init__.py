"""Alembic scripts of the portal's own tables.

Lives here: `env.py` and one script per schema change in `versions/`.
May import: cwportal.standalone.tables and Alembic.
Must never: touch a table that is not prefixed `portal_`, or the version table of the plugin or of a host.
"""
