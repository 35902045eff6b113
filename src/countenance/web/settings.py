"""Django's settings, all of them from `countenance.config`."""

from __future__ import annotations

import secrets
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from countenance import config

_config = config.current()


def _database(url: str) -> dict[str, Any]:
    parts = dict(conninfo_to_dict(url))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "OPTIONS": {key: value for key, value in parts.items() if value is not None},
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }


# The local database's address is known once it runs (`web.wiring.start`); until then no query can be
# made, which is all that a type checker needs.
DATABASES = {
    "default": (
        {"ENGINE": "django.db.backends.dummy"}
        if _config.database.url is None
        else _database(_config.database.url.get_secret_value())
    )
}

# Nothing signed with it outlives the process: sessions are rows, and a restart ends them all. So it is
# never written anywhere, and leaking it after the fact opens nothing.
SECRET_KEY = secrets.token_urlsafe(64)
DEBUG = False
ALLOWED_HOSTS = list(_config.web.names)
ROOT_URLCONF = "countenance.web.urls"
WSGI_APPLICATION = "countenance.web.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "procrastinate.contrib.django",
    "countenance.ui",
    "countenance.apps.records",
    "countenance.apps.approvals",
    "countenance.apps.agencies",
    "countenance.apps.galleries",
    "countenance.apps.evaluations",
    "countenance.apps.cases",
    "countenance.apps.searches",
    "countenance.apps.examinations",
    "countenance.apps.leads",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "countenance.web.middleware.RequestNumber",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "countenance.web.middleware.Gate",
]
CSRF_FAILURE_VIEW = "countenance.web.views.csrf_failed"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

AUTH_USER_MODEL = "agencies.Person"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "/sign-in/"

# Sealed rows of our own; idle and absolute limits are kept there, not in the cookie.
SESSION_ENGINE = "countenance.apps.agencies.sessions"
# The gate says which requests put off the idle lock: images and polls do not.
SESSION_SAVE_EVERY_REQUEST = False
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
# The prefix binds a cookie to this very host; browsers take it over HTTPS only.
_PREFIX = "__Host-" if _config.web.https else ""
SESSION_COOKIE_NAME = f"{_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{_PREFIX}csrftoken"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_SECURE = _config.web.https
CSRF_COOKIE_SECURE = _config.web.https
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"

SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _config.web.https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _config.web.https else None
SECURE_CONTENT_TYPE_NOSNIFF = True
# Not "no-referrer": browsers then send `Origin: null` with our own forms, which CSRF has to refuse.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

# Uploads stay in memory: Django's other handler would write photos to a temporary file in clear.
FILE_UPLOAD_HANDLERS = ["countenance.web.uploads.InMemoryOnly"]
UPLOAD_LIMIT = _config.web.upload_limit
VIDEO_LIMIT = min(_config.web.video_limit, UPLOAD_LIMIT)
PRIVATE_PROVIDERS = frozenset(_config.web.private_providers)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 2000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 4000

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
LOGGING_CONFIG = None
