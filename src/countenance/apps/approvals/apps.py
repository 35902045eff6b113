"""Django's registration of this app."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """The `approvals` app."""

    name = "countenance.apps.approvals"
    label = "approvals"
    default_auto_field = "django.db.models.BigAutoField"
