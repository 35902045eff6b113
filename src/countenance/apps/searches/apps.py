"""Django's registration of this app."""

from django.apps import AppConfig


class SearchesConfig(AppConfig):
    """The `searches` app."""

    name = "countenance.apps.searches"
    label = "searches"
    default_auto_field = "django.db.models.BigAutoField"
