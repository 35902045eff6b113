"""Django's registration of this app."""

from django.apps import AppConfig


class SearchesConfig(AppConfig):
    """The `searches` app."""

    name = "countenance.apps.searches"
    label = "searches"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell approvals how a case is erased before its time, and the inbox what waits here."""
        from countenance.apps.approvals import effects
        from countenance.apps.cases.queries import reference_of
        from countenance.apps.records.waiting import register
        from countenance.apps.searches import erasable
        from countenance.apps.searches.waiting import waiting

        effects.register(
            erasable.KIND,
            "case_erased",
            subject=reference_of,
            words=erasable.in_words,
            check=erasable.check,
        )
        register(waiting)
