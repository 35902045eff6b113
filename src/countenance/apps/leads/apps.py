"""Django's registration of this app."""

from django.apps import AppConfig


class LeadsConfig(AppConfig):
    """The `leads` app."""

    name = "countenance.apps.leads"
    label = "leads"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep what a lead stands on for as long as nobody said what became of it."""
        from countenance.apps.cases import keeping
        from countenance.apps.leads.queries import has_open_lead

        keeping.register(has_open_lead)
