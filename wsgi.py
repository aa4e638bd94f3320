"""For WSGI servers: `waitress-serve wsgi:app`."""

from cwportal.app import create_served_app
from cwportal.dev import valkey

app = create_served_app(broker=valkey.ensure)
