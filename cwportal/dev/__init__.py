"""Running everything on one machine: demo data, the embedded Valkey and what `make run` starts.

Lives here: the demo partner's files, the seeding of the simulator with them, the embedded Valkey, and the process supervisor.
May import: everything below `app`, and cwportal.sandbox.
Must never: be imported by any other room than cli, or be needed where CWPORTAL_REDIS_URL is set.
"""
