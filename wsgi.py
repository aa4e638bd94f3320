"""For WSGI servers: `waitress-serve wsgi:app`."""

import gc

from cwportal.app import create_app
from cwportal.dev import valkey

app = create_app(broker=valkey.ensure)
# What is loaded now stays: looking through all of it for garbage, again and again, stops a page for up to a tenth of a second.
gc.collect()
gc.freeze()
