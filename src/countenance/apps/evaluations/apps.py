"""Django's registration of this app."""

from django.apps import AppConfig


class EvaluationsConfig(AppConfig):
    """The `evaluations` app."""

    name = "countenance.apps.evaluations"
    label = "evaluations"
    default_auto_field = "django.db.models.BigAutoField"
