"""Django's registration of this app."""

from django.apps import AppConfig


class LeadsConfig(AppConfig):
    """The `leads` app."""

    name = "countenance.apps.leads"
    label = "leads"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell other apps which leads there are, what waits of them, and what a purge destroys."""
        from countenance.apps.cases import keeping
        from countenance.apps.examinations import queueing
        from countenance.apps.leads.afterwards import came_of, links_from
        from countenance.apps.leads.destroying import destroy_leads
        from countenance.apps.leads.ending import ending
        from countenance.apps.leads.queries import has_open_lead, released
        from countenance.apps.leads.unsupported import waiting as to_withdraw
        from countenance.apps.leads.waiting import waiting
        from countenance.apps.records.waiting import register as register_waiting
        from countenance.apps.searches import afterwards
        from countenance.apps.searches.purged_with import register

        afterwards.register(came_of, links_from)
        keeping.register(has_open_lead)
        queueing.register(released)
        register(destroy_leads)
        register_waiting(waiting)
        register_waiting(ending)
        register_waiting(to_withdraw)
