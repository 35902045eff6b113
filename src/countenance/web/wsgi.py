"""The web app as a WSGI application; `countenance serve` sets everything up before importing it."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
