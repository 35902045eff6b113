"""Django's registration of this app."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_delete


class RecordsConfig(AppConfig):
    """The `records` app."""

    name = "countenance.apps.records"
    label = "records"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the ledger know of deleted rows that give power; of no others, whose deletion stays fast."""
        from countenance.apps.records.sealed import SealedModel, note_deleted

        def deleted(instance: SealedModel, **_: object) -> None:
            note_deleted(instance)

        for model in apps.get_models():
            if issubclass(model, SealedModel) and model.ON_LEDGER:
                post_delete.connect(deleted, sender=model, weak=False)
