"""Bringing the records of an earlier version to this one's form, when the deployment is unsealed.

Before roles there was one agency or more, and everybody in it could do everything. Nobody becomes
powerful by an update: the first person, who ran the deployment, becomes coordinator; the others have
no role until two people agree; and a custodian is invited with the unseal factor in hand.
"""

from __future__ import annotations

from countenance.apps.agencies.models import Agency, Person
from countenance.apps.records.keys import save_keys
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import Record, accountable
from countenance.errors import TamperDetected
from countenance.ledger.entry import Action
from countenance.policy import DEFAULT_PACK, Actor, Deed, Role
from countenance.sealing.kinds import KeyRecord
from countenance.tools import Tools

CUSTODIANS = "Custodians"


def is_needed(*, tools: Tools) -> bool:
    """Say whether anything is in the form of an earlier version, with the full keyring."""
    return bool(
        tools.keyring.missing_records()
        or Agency.objects.filter(standing__isnull=True).exists()
        or Agency.objects.filter(own_name__isnull=True).exists()
        or Person.objects.filter(standing__isnull=True).exists()
        or _lacks_custodians()
    )


is_needed.accountable = ()  # type: ignore[attr-defined] # reads only


@accountable(Action.RECORDS_UPGRADED, deed=Deed.SET_UP)
def upgrade_records(actor: Actor, record: Record, *, tools: Tools) -> None:
    """Add the keys, columns and roles that records of an earlier version lack.

    Raises:
        TamperDetected: they are of this version, and somebody emptied columns of them.
    """
    _refuse_emptied()
    made = tools.keyring.missing_records()
    _add_keys(made, tools=tools)
    agencies = [one for one in Agency.objects.order_by("pk") if _is_old(one)]
    for one in agencies:
        one.own_name = one.own_name or one.name
        one.standing = one.standing or {
            "pack": DEFAULT_PACK,
            "listed": True,
            "custodial": False,
            "suspended": None,
            "name": one.name,
        }
        one.save(update_fields=("own_name", "standing"))
    people = _give_standings()
    if _lacks_custodians():
        _make_custodians(tools=tools)
    record.note(
        about=tools.keyring.deployment, keys=len(made), agencies=len(agencies), people=people
    )


def _refuse_emptied() -> None:
    """Refuse to write new standings where the ledger knows of this version's ways to have one."""
    emptied = (
        Agency.objects.filter(standing__isnull=True).exists()
        or Person.objects.filter(standing__isnull=True).exists()
    )
    ways = [str(Action.PERSON_INVITED), str(Action.RECORDS_UPGRADED)]
    if emptied and LedgerRow.objects.filter(action__in=ways).exists():
        raise TamperDetected("The standing of an agency or a person was taken out of the database.")


def _is_old(agency: Agency) -> bool:
    return agency.standing is None or agency.own_name is None


def _lacks_custodians() -> bool:
    """Say whether agencies are there and none is the custodians'; a new deployment makes its own."""
    agencies = list(Agency.objects.all())
    return bool(agencies) and not any(one.custodial for one in agencies)


def _give_standings() -> int:
    """Write a standing for everybody who has none; return how many that were."""
    first = Person.objects.order_by("added_at", "pk").first()
    people = list(
        Person.objects.filter(standing__isnull=True).order_by("pk").select_related("agency")
    )
    for one in people:
        led = first is not None and one.pk == first.pk
        one.standing = {"roles": [str(Role.COORDINATOR)] if led else []}
        one.save(update_fields=("standing",))
    return len(people)


def _make_custodians(*, tools: Tools) -> None:
    """Make the custodians' own agency."""
    standing = {"pack": DEFAULT_PACK, "listed": False, "custodial": True, "suspended": None}
    agency = Agency(
        name=CUSTODIANS, own_name=CUSTODIANS, standing=standing, admitted_at=tools.clock()
    )
    _add_keys(tools.keyring.agency_records(agency.pk), tools=tools)
    agency.save(force_insert=True)


def _add_keys(records: list[KeyRecord], *, tools: Tools) -> None:
    save_keys(records)
    tools.keyring.add(records)
