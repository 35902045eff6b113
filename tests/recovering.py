"""Whether anything of erased people can be had again from a home, with every key that it has.

Every sealed value of the database and every object of the store is tried with every key, in the place where it was
found; every wrapped key is tried as the key of each erased photo. What opens is searched for the erased people.
"""

import hashlib
import json
import re
import subprocess
from contextlib import suppress
from pathlib import Path

from countenance import config
from countenance.errors import CountenanceError, SealBroken

WRAPPED = 1 + 4 + 12 + 32 + 32 + 16
SIZES = {WRAPPED, WRAPPED + 4, 2 * WRAPPED, 2 * WRAPPED + 4}
"""Of an object's wrapped key; behind it may stand an epoch, and during a rotation the one before."""
NAME = re.compile(rb"erased-\d{4}")


def remember(session, path):
    """Write down what there is of the people who will be erased: names, templates, and every sealed value."""
    from countenance.apps.galleries.models import Face, Subject

    photos, templates, sealed = [], [], []
    for face in Face.objects.select_related("photo__gallery", "subject").order_by("pk"):
        if not (face.subject.label or "").startswith("erased-"):
            continue
        photos.append(str(face.photo_id))
        templates.append(bytes(face.template).hex())
        sealed.append(hashlib.sha256(session.tools.store.get(face.photo_id)).hexdigest())
    for table, column in _columns():
        if table in {"galleries_photo", "galleries_face", "galleries_subject"}:
            sealed += _values(table, column, erased_only=True)
    labels = [
        one.label
        for one in Subject.objects.order_by("pk")
        if (one.label or "").startswith("erased-")
    ]
    noted = {"labels": labels, "photos": photos, "templates": templates, "sealed": sealed}
    Path(path).write_text(json.dumps(noted))
    return {"people": len(labels), "sealed": len(sealed)}


def erase(session, path):
    """Erase every subject whose name begins so, one by one, as a steward does."""
    from countenance.apps.galleries import services
    from countenance.apps.galleries.models import Subject

    count = 0
    for subject in Subject.objects.filter(removed_at=None).select_related("gallery"):
        if (subject.label or "").startswith("erased-"):
            services.remove_subject(
                session.actor,
                subject=subject,
                reason="Asked for by the person",
                tools=session.tools,
            )
            count += 1
    return {"erased": count}


def recover(path):
    """Search this home, also one that does not serve; return whom it gave back and what is left of them."""
    from countenance.cli.session import token_file  # noqa: F401 # the command line is set up
    from countenance.sealing.factors import FileFactor
    from countenance.web import wiring

    noted = json.loads(Path(path).read_text())
    settings = wiring.start(config.current())
    try:
        tools = wiring.open_keys(FileFactor(settings.file_factor))
        return _recover(tools, noted)
    finally:
        wiring.stop()


def _recover(tools, noted):
    opened, tried = [], 0
    keys = _keys(tools.keyring)
    for kind, agency, blob in _wrapped():
        for photo in noted["photos"]:
            tried += 1
            with suppress(CountenanceError):
                keys.append(_opened_key(tools.keyring, kind, agency, blob, photo))
    for blob, context in _sealed_values(tools.keyring):
        tried += len(keys)
        opened += _open(blob, context, keys)
    for blob, contexts in _objects(tools):
        for context in contexts:
            tried += len(keys)
            opened += _open(blob, context, keys)
    found = {name.decode() for plain in opened for name in NAME.findall(plain)}
    templates = set(noted["templates"])
    faces = sum(plain.hex() in templates for plain in opened)
    present = _present(tools)
    return {
        "people": sorted(found & set(noted["labels"])),
        "templates": faces,
        "left": len(present & set(noted["sealed"])),
        "dumped": len(_dumped() & set(noted["sealed"])),
        "opened": len(opened),
        "tried": tried,
        "keys": len(keys),
    }


def _keys(keyring):
    """Return every key of the deployment: all classes, agencies and epochs, and all objects' own."""
    from countenance.apps.records.models import KeyRow
    from countenance.sealing.kinds import KeyKind

    keys = [
        keyring.key(KeyKind(row.kind), agency=row.agency, epoch=row.epoch)[0]
        for row in KeyRow.objects.all()
    ]
    for model in _models(keyed=True):
        for row in model._default_manager.exclude(object_key=None):
            with suppress(SealBroken):
                keys.append(row.open_key())
    return keys


def _models(*, keyed):
    from django.apps import apps

    from countenance.apps.records.sealed import ObjectSealedModel, SealedModel

    kind = ObjectSealedModel if keyed else SealedModel
    return [model for model in apps.get_models() if issubclass(model, kind)]


def _wrapped():
    """Yield every value that can be the wrapped key of a photo, with the agencies whose it may be."""
    from countenance.apps.agencies.models import Agency
    from countenance.sealing.kinds import KeyKind

    agencies = list(Agency.objects.values_list("pk", flat=True))
    for table, column in _columns():
        for blob in _raw(table, column):
            if len(blob) in SIZES:
                yield from ((KeyKind.PHOTO, agency, blob) for agency in agencies)


def _opened_key(keyring, kind, agency, blob, photo):
    from uuid import UUID

    return keyring.open_object_key(blob, kind=kind, agency=agency, object=UUID(photo))


def _sealed_values(keyring):
    """Yield each sealed column of each row with its context."""
    from countenance.apps.galleries.models import Face
    from countenance.apps.records.models import LedgerRow
    from countenance.apps.records.sealed import _SealedField
    from countenance.sealing.kinds import KeyKind

    for model in _models(keyed=False):
        fields = [one for one in model._meta.concrete_fields if isinstance(one, _SealedField)]
        for row in model._default_manager.all():
            for field in fields:
                blob = row.__dict__[field.attname]
                if blob is None:
                    continue
                owner, name = row, field.sealed_name
                if model is Face:  # Under the key of its photo.
                    owner, name = row.photo, f"{name}.{row.ordinal}"
                agency = owner.seal_agency()
                yield bytes(blob), keyring.context(row.seal_kind, agency, owner.pk, name)
    for row in LedgerRow.objects.exclude(body=None):
        kind = KeyKind.LEDGER if row.agency is None else KeyKind.ENTRY
        yield bytes(row.body), keyring.context(kind, row.agency, f"entry-{row.index}", "body")


def _objects(tools):
    from countenance.apps.agencies.models import Agency

    agencies = list(Agency.objects.values_list("pk", flat=True))
    for one in tools.store.ids():
        contexts = [
            tools.keyring.context(model.seal_kind, agency, one, f"{model._meta.db_table}:object")
            for model in _models(keyed=True)
            for agency in agencies
        ]
        yield tools.store.get(one), contexts


def _open(blob, context, keys):
    from countenance.sealing.envelope import unseal

    for key in keys:
        with suppress(CountenanceError):
            return [unseal(blob, key=key, context=context)]
    return []


def _present(tools):
    """Return the hashes of every binary value of the database and of every object."""
    found = {hashlib.sha256(tools.store.get(one)).hexdigest() for one in tools.store.ids()}
    for table, column in _columns():
        found |= set(_values(table, column))
    return found


def _dumped():
    """Return the hashes of every binary value in a dump of the database."""
    from django.db import connection

    from countenance.web.backups import programs

    settings = connection.get_connection_params()
    address = [
        f"--{name}={settings[name]}" for name in ("host", "port", "dbname") if name in settings
    ]
    text = subprocess.run(
        [programs._find("pg_dump"), *address, f"--username={settings['user']}", "--inserts"],
        capture_output=True,
        check=True,
    ).stdout
    values = re.findall(rb"'\\x([0-9a-f]+)'", text)
    assert values
    return {hashlib.sha256(bytes.fromhex(one.decode())).hexdigest() for one in values}


def _columns():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND data_type = 'bytea' ORDER BY 1, 2"
        )
        return cursor.fetchall()


def _raw(table, column):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL'
        )  # the catalogue's names
        return [bytes(row[0]) for row in cursor.fetchall()]


def _values(table, column, *, erased_only=False):
    """Return the hashes of a column's values; of the erased people only where that is asked for."""
    from django.db import connection

    ids = {
        "galleries_photo": "subject_id",
        "galleries_face": "subject_id",
        "galleries_subject": "id",
    }
    wanted = ""
    if erased_only:
        wanted = f' AND "{ids[table]}" = ANY(%s)'
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL{wanted}',  # the catalogue's names
            [_erased_subjects()] if erased_only else None,
        )
        return [hashlib.sha256(bytes(row[0])).hexdigest() for row in cursor.fetchall()]


def _erased_subjects():
    from countenance.apps.galleries.models import Subject

    rows = Subject.objects.filter(removed_at=None)
    return [one.pk for one in rows if (one.label or "").startswith("erased-")]
