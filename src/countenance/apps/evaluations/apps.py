"""Django's registration of this app."""

from django.apps import AppConfig


class EvaluationsConfig(AppConfig):
    """The `evaluations` app."""

    name = "countenance.apps.evaluations"
    label = "evaluations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the approvals what an operating point changes, the removals what else they destroy, and the inbox what waits."""
        from countenance.apps.evaluations import asked
        from countenance.apps.evaluations.forgetting import forget_with
        from countenance.apps.evaluations.waiting import waiting
        from countenance.apps.galleries.erased_with import register as register_erased
        from countenance.apps.records.waiting import register as register_waiting

        asked.register_all()
        register_erased(forget_with)
        register_waiting(waiting)
