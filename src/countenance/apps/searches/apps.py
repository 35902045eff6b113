"""Django's registration of this app."""

from django.apps import AppConfig


class SearchesConfig(AppConfig):
    """The `searches` app."""

    name = "countenance.apps.searches"
    label = "searches"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the inbox what waits here."""
        from countenance.apps.records.waiting import register
        from countenance.apps.searches.waiting import waiting

        register(waiting)
