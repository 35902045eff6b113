"""Which columns of the database are sealed."""

from __future__ import annotations

from typing import Any


def sealed_models() -> list[tuple[Any, list[str]]]:
    """Return every model with sealed columns, and their names, an object's wrapped key among them."""
    from django.apps import apps

    from countenance.apps.records.sealed import (
        ObjectKeyField,
        SealedBytes,
        SealedJSON,
        SealedModel,
        SealedText,
    )

    kinds = (SealedText, SealedJSON, SealedBytes, ObjectKeyField)
    found = []
    for model in apps.get_models():
        if issubclass(model, SealedModel):
            fields = model._meta.concrete_fields  # noqa: SLF001 # Django's documented API
            columns = [str(one.attname) for one in fields if isinstance(one, kinds)]
            found.append((model, columns))
    return found
