"""Django's registration of this app."""

from django.apps import AppConfig


class ExaminationsConfig(AppConfig):
    """The `examinations` app."""

    name = "countenance.apps.examinations"
    label = "examinations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell other apps what waits here, who may know of what, and what a purge destroys."""
        from countenance.apps.examinations.destroying import destroy_examinations
        from countenance.apps.examinations.forgotten import forget_with
        from countenance.apps.examinations.knowing import drawn_open, known, sees
        from countenance.apps.examinations.waiting import waiting
        from countenance.apps.galleries.drawn import register as register_drawn
        from countenance.apps.galleries.erased_with import register as register_erased
        from countenance.apps.records.waiting import register as register_waiting
        from countenance.apps.searches.knowing import register as register_knowing
        from countenance.apps.searches.purged_with import register

        register(destroy_examinations)
        register_drawn(drawn_open)
        register_erased(forget_with)
        register_knowing(known, sees)
        register_waiting(waiting)
