"""For WSGI servers: `waitress-serve wsgi:app`."""

from cwportal.app import create_app

app = create_app()
