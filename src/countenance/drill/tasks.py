"""What the drill does inside its own deployment, with all keys, in a process of its own: see `host`.

Nothing here is a thief: these tasks tell the thieves what they would have (a leaked secret, a credential of
the database), try what they try, and say what the product made of it.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countenance.drill.columns import sealed_models
from countenance.sealing.kinds import KeyKind

if TYPE_CHECKING:
    from countenance.sealing.envelope import Context, Key
    from countenance.tools import Tools

    Task = Callable[..., Any]

ROWS = 2


def run(name: str, arguments: list[str]) -> int:
    """Do a task and print what it returns as JSON; return the exit code."""
    from countenance.web import wiring

    try:
        wiring.start()
        factor = wiring.known_factor()
        if factor is None:
            return 1
        value = TASKS[name](wiring.unseal(factor), *arguments)
    except Exception:  # noqa: BLE001 # whoever asked shows it
        traceback.print_exc()
        return 1
    finally:
        wiring.stop()
    print(json.dumps(value, default=str))  # noqa: T201 # the answer to whoever asked
    return 0


def signing_key(tools: Tools) -> dict[str, str]:
    """Return what reports and bundles are signed with, as it is kept and as it signs."""
    keyring = tools.keyring
    signs = keyring.signing_key().private_bytes_raw()
    return {"kept": keyring.key(KeyKind.SIGNING)[0].material.hex(), "signs": signs.hex()}


def snapshots(tools: Tools) -> list[str]:  # noqa: ARG001 # as every task
    """Return the ids of the objects that are parts of index snapshots."""
    from countenance.apps.galleries.models import IndexSnapshot

    return [str(part) for one in IndexSnapshot.objects.all() for part in one.parts]


def keep_values(tools: Tools, place: str) -> dict[str, int]:  # noqa: ARG001 # as every task
    """Write every sealed value, and the ledger's head, into a file: what a thief puts back later."""
    from countenance.apps.records.models import LedgerHead, LedgerRow

    kept = {
        model._meta.label: {  # noqa: SLF001 # Django's documented API
            str(row.pop("pk")): {
                name: bytes(value).hex() for name, value in row.items() if value is not None
            }
            for row in model._default_manager.values("pk", *columns)  # noqa: SLF001 # likewise
        }
        for model, columns in sealed_models()
    }
    last = LedgerRow.objects.order_by("-index")[0]
    value = {
        "values": kept,
        "head": bytes(LedgerHead.objects.get(id=1).frontier).hex(),
        "size": last.index + 1,
    }
    Path(place).write_text(json.dumps(value, default=str), encoding="utf-8")
    return {"tables": len(kept)}


def locks(tools: Tools) -> list[dict[str, str]]:
    """Return for every key of the deployment one value that it seals, where that belongs, and the key itself.

    The keys are for the control of the trial alone. Context and value are what a thief has: the format
    is published, and every id stands in the database.
    """
    found: dict[bytes, dict[str, str]] = {}

    def note(sealed: bytes, key: Key, context: Context) -> None:
        bound = context.encode(int.from_bytes(sealed[1:5], "big"))
        what = f"{context.kind} {context.field}".strip()
        there = {"what": what, "sealed": sealed.hex(), "bound": bound.hex()}
        found.setdefault(key.material, {**there, "key": key.material.hex()})

    with _listening(note):
        for model, columns in sealed_models():
            for row in model._default_manager.order_by("pk")[:ROWS]:  # noqa: SLF001 # Django's public name
                for column in columns:
                    getattr(row, column)
        for agency, kind in _names():
            tools.keyring.key(kind, agency=agency)
    return list(found.values())


@contextmanager
def _listening(note: Callable[[bytes, Key, Context], None]) -> Iterator[None]:
    """Note each value that is unsealed within this block; this process does nothing else."""
    import sys

    from countenance.sealing import envelope

    real = envelope.unseal

    def unseal(sealed: bytes, *, key: Key, context: Context) -> bytes:
        plaintext = real(sealed, key=key, context=context)
        note(sealed, key, context)
        return plaintext

    places = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("countenance.") and getattr(module, "unseal", None) is real
    ]
    for module in places:
        module.unseal = unseal  # type: ignore[attr-defined] # each has it
    try:
        yield
    finally:
        for module in places:
            module.unseal = real  # type: ignore[attr-defined] # likewise


def _names() -> list[tuple[Any, KeyKind]]:
    """Return the agency and kind of every stored key."""
    from countenance.apps.records.models import KeyRow

    rows = KeyRow.objects.order_by("kind").values_list("agency", "kind").distinct()
    return [(agency, KeyKind(kind)) for agency, kind in rows]


def forgeries(tools: Tools) -> list[dict[str, Any]]:  # noqa: ARG001 # as every task
    """Return the cookies and links that can be made for somebody with Django's secret key in hand."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.tokens import default_token_generator
    from django.core import signing

    from countenance.apps.agencies import sessions
    from countenance.apps.agencies.models import Person

    made: list[dict[str, Any]] = []
    for person in Person.objects.select_related("agency").order_by("added_at"):
        content = {
            SESSION_KEY: str(person.pk),
            BACKEND_SESSION_KEY: sessions.BACKEND,
            HASH_SESSION_KEY: person.get_session_auth_hash(),
            sessions.PROVED_AT: datetime.now(UTC).isoformat(),  # noqa: TID251 # no service is called
        }
        salts = (
            "django.contrib.sessions.backends.signed_cookies",
            "django.contrib.sessions.SessionStore",
        )
        values = [signing.dumps(content, salt=salt) for salt in salts]
        values.append(
            signing.get_cookie_signer(salt=settings.SESSION_COOKIE_NAME).sign(str(person.pk))
        )
        reset = default_token_generator.make_token(person)
        signed = signing.TimestampSigner().sign(str(person.pk))
        made.append({"cookies": [*values, reset, signed], "secrets": [reset, signed]})
    return made


def unseal_with(tools: Tools, *texts: str) -> list[int]:  # noqa: ARG001 # as every task
    """Try each text as the passphrase, and return the numbers of those that opened the deployment."""
    from countenance.errors import CountenanceError
    from countenance.sealing.factors import Passphrase
    from countenance.web import wiring

    opened = []
    for number, text in enumerate(texts):
        wiring.seal()
        try:
            wiring.unseal(Passphrase(text))
        except CountenanceError:
            continue
        opened.append(number)
    return opened


def changes(tools: Tools, older: str) -> list[dict[str, Any]]:
    """Change rows as the program's own role does, each change undone again; return what came of each."""
    from countenance.drill.credential import try_all

    kept = json.loads(Path(older).read_text(encoding="utf-8"))
    return try_all(kept, tools=tools)


TASKS: dict[str, Task] = {
    "signing_key": signing_key,
    "snapshots": snapshots,
    "keep_values": keep_values,
    "locks": locks,
    "forgeries": forgeries,
    "unseal_with": unseal_with,
    "changes": changes,
}
