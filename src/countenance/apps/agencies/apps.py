"""Django's registration of this app."""

from django.apps import AppConfig


class AgenciesConfig(AppConfig):
    """The `agencies` app."""

    name = "countenance.apps.agencies"
    label = "agencies"
    default_auto_field = "django.db.models.BigAutoField"
