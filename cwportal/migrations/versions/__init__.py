"""One script per schema change.

Lives here: scripts named after their revision and subject.
May import: Alembic and SQLAlchemy.
Must never: import models: a script says what the schema was at its time, whatever the models say today.
"""
