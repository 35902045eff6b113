"""Django's registration of this app."""

from django.apps import AppConfig


class GalleriesConfig(AppConfig):
    """The `galleries` app."""

    name = "countenance.apps.galleries"
    label = "galleries"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the approvals which of them are about galleries and sources, and how each is carried out; and the inbox what waits."""
        from countenance.apps.galleries import asked
        from countenance.apps.galleries.waiting import waiting
        from countenance.apps.records.waiting import register

        asked.register_all()
        register(waiting)
