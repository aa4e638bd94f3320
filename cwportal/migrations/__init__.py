"""Alembic scripts of the plugin's tables.

Lives here: `env.py` and one script per schema change in `versions/`, numbered 0001, 0002, …
May import: cwportal.models, cwportal.db and Alembic.
Must never: touch a table that is not prefixed `cwportal_`, or the version table of a host or of the portal.
"""
