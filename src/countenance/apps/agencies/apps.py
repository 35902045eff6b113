"""Django's registration of this app."""

from django.apps import AppConfig


class AgenciesConfig(AppConfig):
    """The `agencies` app."""

    name = "countenance.apps.agencies"
    label = "agencies"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Leave noting a sign-in to its service; tell approvals and inbox what is about people."""
        from django.contrib.auth.models import update_last_login
        from django.contrib.auth.signals import user_logged_in

        from countenance.apps.agencies import asked
        from countenance.apps.agencies.waiting import waiting
        from countenance.apps.records.waiting import register

        user_logged_in.disconnect(update_last_login, dispatch_uid="update_last_login")
        asked.register_all()
        register(waiting)
