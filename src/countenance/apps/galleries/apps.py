"""Django's registration of this app."""

from django.apps import AppConfig


class GalleriesConfig(AppConfig):
    """The `galleries` app."""

    name = "countenance.apps.galleries"
    label = "galleries"
    default_auto_field = "django.db.models.BigAutoField"
