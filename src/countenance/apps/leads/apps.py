"""Django's registration of this app."""

from django.apps import AppConfig


class LeadsConfig(AppConfig):
    """The `leads` app."""

    name = "countenance.apps.leads"
    label = "leads"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep what a lead stands on until somebody says what became of it; let a purge destroy it."""
        from countenance.apps.cases import keeping
        from countenance.apps.leads.destroying import destroy_leads
        from countenance.apps.leads.queries import has_open_lead
        from countenance.apps.searches.purged_with import register

        keeping.register(has_open_lead)
        register(destroy_leads)
