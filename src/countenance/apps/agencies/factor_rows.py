"""Writing a person's factors, within the transaction of a service that judged it."""

from __future__ import annotations

from django.db.models import QuerySet

from countenance.apps.agencies import proofs, webauthn
from countenance.apps.agencies.models import Factor, Person, ProviderAccount
from countenance.apps.agencies.webauthn import Passkey
from countenance.apps.records.services import Record
from countenance.errors import AlreadyExists, InputError
from countenance.ledger.entry import Action
from countenance.tools import Tools

SALT_BYTES = 16
MOST_PASSKEYS = 10
MAX_NAME_LENGTH = 60
"""Of the name of a passkey and of a token, in forms and here."""
PROVE_ALONE = (Factor.PASSKEY, Factor.TOTP)


def credential_index(credential_id: bytes, *, tools: Tools) -> bytes:
    """Return the blind index by which a passkey is found."""
    return tools.keyring.blind_index(credential_id, purpose="factor.credential")


def passkey_of(factor: Factor) -> Passkey:
    """Return the credential of a passkey's row."""
    secret = factor.secret
    return Passkey(
        credential=webauthn.from_text(secret["credential"]), sign_count=secret["sign_count"]
    )


def keep_passkey(person: Person, passkey: Passkey, *, name: str, tools: Tools) -> Factor:
    """Keep a passkey.

    Raises:
        InputError: the name is too long, or there are too many.
        AlreadyExists: it is kept already, for whomever.
    """
    name = " ".join(name.split()) or "Passkey"
    if len(name) > MAX_NAME_LENGTH:
        raise InputError(f"The name of a passkey has at most {MAX_NAME_LENGTH} characters.")
    if Factor.objects.filter(person=person, kind=Factor.PASSKEY).count() >= MOST_PASSKEYS:
        raise InputError(f"You have {MOST_PASSKEYS} passkeys. Remove one before adding another.")
    index = credential_index(passkey.id, tools=tools)
    if Factor.objects.filter(credential_index=index).exists():
        raise AlreadyExists("This passkey is already there.")
    factor = Factor(
        person=person,
        kind=Factor.PASSKEY,
        secret={
            "credential": webauthn.as_text(passkey.credential),
            "sign_count": passkey.sign_count,
            "name": name,
        },
        credential_index=index,
        added_at=tools.clock(),
    )
    factor.save(force_insert=True)
    return factor


def keep_app(person: Person, *, secret: str, code: str, record: Record, tools: Tools) -> Factor:
    """Keep an authenticator app instead of an earlier one; the code that proves it is used up.

    Raises:
        InputError: the code is not of this secret.
    """
    step = proofs.first_step_of(secret, code, now=tools.clock())
    _drop(Factor.objects.filter(person=person, kind=Factor.TOTP), record)
    factor = Factor(
        person=person,
        kind=Factor.TOTP,
        secret={"secret": secret, "last_step": step},
        added_at=tools.clock(),
    )
    factor.save(force_insert=True)
    return factor


def keep_recovery_codes(
    person: Person, *, record: Record, tools: Tools
) -> tuple[Factor, list[str]]:
    """Keep ten new recovery codes instead of earlier ones, and return them."""
    codes = proofs.new_recovery_codes(tools=tools)
    salt = tools.token_bytes(SALT_BYTES).hex()
    _drop(Factor.objects.filter(person=person, kind=Factor.RECOVERY), record)
    factor = Factor(
        person=person,
        kind=Factor.RECOVERY,
        secret={
            "salt": salt,
            "codes": [proofs.recovery_hash(code, salt=salt) for code in codes],
        },
        added_at=tools.clock(),
    )
    factor.save(force_insert=True)
    return factor, codes


def use_app(factor: Factor, step: int, *, tools: Tools) -> None:
    """Write down that the code of a step was used."""
    factor.secret = factor.secret | {"last_step": step}
    _note_use(factor, tools=tools)


def use_recovery_code(factor: Factor, at: int, *, tools: Tools) -> int:
    """Take a recovery code away, and return how many are left."""
    left = [one for index, one in enumerate(factor.secret["codes"]) if index != at]
    factor.secret = factor.secret | {"codes": left}
    _note_use(factor, tools=tools)
    return len(left)


def use_passkey(factor: Factor, count: int, *, tools: Tools) -> None:
    """Write down the sign count of a passkey that was used."""
    factor.secret = factor.secret | {"sign_count": count}
    _note_use(factor, tools=tools)


def _note_use(factor: Factor, *, tools: Tools) -> None:
    factor.used_at = tools.clock()
    factor.save(update_fields=("secret", "used_at"))


def remove_all(person: Person, *, record: Record) -> None:
    """Remove every factor of a person, and the link with their account at a provider."""
    _drop(Factor.objects.filter(person=person), record)
    unlink(ProviderAccount.objects.filter(person=person), record)


def _drop(rows: QuerySet[Factor], record: Record) -> None:
    """Remove factors, each with an entry of its own."""
    for row in rows.order_by("pk"):
        record.also(Action.FACTOR_REMOVED, about=row.pk, person=row.person_id, kind=row.kind)
    rows.delete()


def unlink(rows: QuerySet[ProviderAccount], record: Record) -> int:
    """End links with accounts at a provider, each with an entry of its own; return how many."""
    linked = list(rows.order_by("person_id").values_list("person_id", flat=True))
    for person in linked:
        record.also(Action.PROVIDER_UNLINKED, about=person)
    rows.delete()
    return len(linked)
