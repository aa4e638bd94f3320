"""Schema changes of the portal's own tables, oldest first.

Lives here: one module per change, named NNNN_what.py.
May import: Alembic and SQLAlchemy.
Must never: import the tables, which describe today's schema and not the one of the script.
"""
