"""Django's registration of this app."""

from django.apps import AppConfig


class ExaminationsConfig(AppConfig):
    """The `examinations` app."""

    name = "countenance.apps.examinations"
    label = "examinations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let a purge of a search destroy what was written about its candidates."""
        from countenance.apps.examinations.destroying import destroy_examinations
        from countenance.apps.searches.purged_with import register

        register(destroy_examinations)
