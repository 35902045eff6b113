"""Django's registration of this app."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """The `approvals` app."""

    name = "countenance.apps.approvals"
    label = "approvals"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the inbox what waits here."""
        from countenance.apps.approvals.waiting import waiting
        from countenance.apps.records.waiting import register

        register(waiting)
