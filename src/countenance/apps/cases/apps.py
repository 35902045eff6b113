"""Django's registration of this app."""

from django.apps import AppConfig


class CasesConfig(AppConfig):
    """The `cases` app."""

    name = "countenance.apps.cases"
    label = "cases"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell approvals what is about a case and which page carries a widening out, and the inbox what waits."""
        from countenance.apps.approvals import effects
        from countenance.apps.cases import queries
        from countenance.apps.cases.waiting import waiting
        from countenance.apps.records.waiting import register
        from countenance.policy.approvals import ApprovalKind

        effects.register(ApprovalKind.CASE_WIDENING, "case_widened", subject=queries.reference_of)
        effects.register(ApprovalKind.BREAK_GLASS, subject=queries.reference_of)
        effects.register(ApprovalKind.SENSITIVE_GALLERY, words=queries.named_in)
        register(waiting)
