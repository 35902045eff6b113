"""Django's registration of this app."""

from django.apps import AppConfig


class ExaminationsConfig(AppConfig):
    """The `examinations` app."""

    name = "countenance.apps.examinations"
    label = "examinations"
    default_auto_field = "django.db.models.BigAutoField"
