"""Django's registration of this app."""

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    """The `records` app."""

    name = "countenance.apps.records"
    label = "records"
    default_auto_field = "django.db.models.BigAutoField"
