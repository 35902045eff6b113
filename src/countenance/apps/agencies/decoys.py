"""A person who does not exist, in whose place a try to sign in with an unknown address is judged.

The decoy has an agency, a password, an app and recovery codes, sealed like anybody's, so that the same
code does the same work. It is in no table, and nothing proves that one is it.
"""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db.models import Case, QuerySet, When

from countenance.apps.agencies import proofs
from countenance.apps.agencies.models import Agency, Factor, Person
from countenance.apps.records.sealed import Ciphertext
from countenance.sealing.keyring import Keyring
from countenance.tools import Tools

NOBODY = UUID(int=1)
APP, CODES = UUID(int=2), UUID(int=3)

_lock = threading.Lock()
_made: list[tuple[Keyring, dict[str, Any]]] = []


def make(*, tools: Tools) -> dict[str, Any]:
    """Return the sealed columns of the decoy, made once for a keyring; called before it is needed."""
    with _lock:
        if not _made or _made[0][0] is not tools.keyring:
            _made[:] = [(tools.keyring, _seal(tools))]
        return _made[0][1]


def person(*, tools: Tools) -> Person:
    """Return the decoy."""
    made = make(tools=tools)
    agency = Agency(id=made["agency"], standing=made["agency_standing"])
    return Person(id=NOBODY, agency=agency, password=made["password"], standing=made["standing"])


def factors(*, tools: Tools) -> dict[str, Factor]:
    """Return the decoy's app and recovery codes."""
    made = make(tools=tools)
    nobody = Person(id=NOBODY, agency_id=made["agency"])
    return {
        Factor.TOTP: Factor(id=APP, person=nobody, kind=Factor.TOTP, secret=made["app"]),
        Factor.RECOVERY: Factor(
            id=CODES, person=nobody, kind=Factor.RECOVERY, secret=made["codes"]
        ),
    }


def stand_in() -> UUID:
    """Return somebody who has an app and recovery codes.

    Their rows are read, and left unopened, where a person or a factor is missing, as reading a row
    takes time that can be measured.
    """
    codes = Factor.objects.filter(kind=Factor.RECOVERY)
    both = Factor.objects.filter(kind=Factor.TOTP, person_id__in=codes.values("person_id"))
    return both.order_by("pk").values_list("person_id", flat=True).first() or NOBODY


def rows_of_two(person_id: UUID, stand_in: UUID) -> QuerySet[Factor]:
    """Return one row of each kind of factor: the person's, or that of who stands in."""
    theirs = Case(When(person_id=person_id, then=0), default=1)
    rows = Factor.objects.filter(person_id__in=(person_id, stand_in))
    return rows.order_by("kind", theirs).distinct("kind")


def _seal(tools: Tools) -> dict[str, Any]:
    # Whose account key it is does not matter; without any agency there is nobody to be found either.
    agency_id = Agency.objects.order_by("admitted_at").values_list("pk", flat=True).first()
    agency = Agency(id=agency_id or NOBODY)
    nobody = Person(id=NOBODY, agency=agency)
    salt = tools.token_bytes(16).hex()
    codes = [tools.token_bytes(32).hex() for _ in range(proofs.RECOVERY_CODES)]
    rows = {
        Factor.TOTP: Factor(id=APP, person=nobody),
        Factor.RECOVERY: Factor(id=CODES, person=nobody),
    }
    agency.standing = {"pack": "default", "listed": True, "custodial": False, "suspended": None}
    nobody.password = make_password(tools.token_bytes(32).hex())
    nobody.standing = {"roles": [], "trained_until": None}
    rows[Factor.TOTP].secret = {"secret": proofs.new_app_secret(tools=tools), "last_step": 0}
    rows[Factor.RECOVERY].secret = {"salt": salt, "codes": codes}
    return {
        "agency": agency.pk,
        "agency_standing": _sealed(agency, "standing"),
        "password": _sealed(nobody, "password"),
        "standing": _sealed(nobody, "standing"),
        "app": _sealed(rows[Factor.TOTP], "secret"),
        "codes": _sealed(rows[Factor.RECOVERY], "secret"),
    }


def _sealed(row: Any, name: str) -> Ciphertext:
    """Return what the database would hold of a column."""
    field = type(row)._meta.get_field(name)  # noqa: SLF001 # Django's documented API
    return Ciphertext(field.pre_save(row, True))  # noqa: FBT003 # Django's signature
