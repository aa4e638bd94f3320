"""Running everything on one machine: demo data and what `make run` starts.

Lives here: the demo partner's files, the seeding of the simulator with them, and the supervisor of `make run`.
May import: everything below `app`, and cwportal.sandbox.
Must never: be imported by any other room, or be needed in production.
"""
