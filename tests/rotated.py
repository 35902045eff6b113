"""What a rotation must not change: every sealed value, every object and every body of the ledger, read and compared."""

from uuid import UUID

from django.apps import apps

from countenance.apps.records.models import KeyRow, LedgerRow
from countenance.apps.records.objects import get_object
from countenance.apps.records.sealed import ObjectSealedModel, SealedModel, _SealedField
from countenance.apps.records.services import unseal_body
from countenance.errors import NotFound


def everything(tools):
    """Return all that is sealed, opened; whatever does not open raises."""
    found = {}
    for model in apps.get_models():
        if not issubclass(model, SealedModel):
            continue
        fields = [one for one in model._meta.fields if isinstance(one, _SealedField)]
        for row in model._base_manager.order_by("pk"):
            for field in fields:
                found[model.__name__, str(row.pk), field.name] = getattr(row, field.attname)
            if issubclass(model, ObjectSealedModel) and row.object_key is not None:
                for identity, part in row.stored_objects():
                    try:
                        data = get_object(row, tools=tools, id=identity, part=part)
                    except NotFound:
                        continue
                    found[model.__name__, str(row.pk), part] = data
    for row in LedgerRow.objects.order_by("index"):
        found["body", row.index] = unseal_body(row, keyring=tools.keyring)
    return found


def unchanged(before, after):
    """Compare, passing over what the rotation itself added to the ledger, and snapshots, which are made anew."""

    def kept(found):
        return {key: value for key, value in found.items() if key[0] != "IndexSnapshot"}

    first, second = kept(before), kept(after)
    missing = [key for key in first if key not in second]
    other = [key for key, value in first.items() if key in second and second[key] != value]
    assert (missing, other) == ([], [])


def epochs():
    """Return the stored epochs by kind."""
    found = {}
    for agency, kind, epoch in KeyRow.objects.values_list("agency", "kind", "epoch"):
        found.setdefault((agency, kind), []).append(epoch)
    return {key: sorted(value) for key, value in found.items()}


def stored_id(value):
    return UUID(str(value))
