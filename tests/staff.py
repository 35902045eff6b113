"""An agency with its people, each acting with their own keys only; used by the tests of agencies and people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from countenance.apps.agencies import services as agencies
from countenance.apps.agencies.models import Agency, Person, SignInSession
from countenance.apps.approvals import services as approvals
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.sealed import using_keyring
from countenance.apps.records.services import unseal_body
from countenance.policy import SYSTEM, Actor, Role
from countenance.tools import Tools

LATE = "2199-12-31"
PASSWORD = "a long test password"


@dataclass
class House:
    """A deployment's custodian and one agency with a person of each role that a test names."""

    tools: Tools
    custodian: Person
    agency: Agency
    people: dict[str, Person]

    def actor(self, name: str) -> Actor:
        """Return somebody just after proving who they are."""
        one = self.custodian if name == "custodian" else self.people[name]
        one.refresh_from_db()
        return replace(one.actor, stepped_up_at=self.tools.clock())

    @contextmanager
    def acting(self, name: str) -> Iterator[tuple[Actor, Tools]]:
        """Work as somebody, with the keys that their requests have and no other."""
        actor = self.actor(name)
        tools = self.tools.of(actor)
        with using_keyring(tools.keyring):
            yield actor, tools

    def approve(self, approval: Any, by: str) -> None:
        """Let somebody agree to what was asked."""
        with self.acting(by) as (actor, tools):
            approvals.decide(
                actor, approval=approval, approve=True, reason="Seen and agreed to", tools=tools
            )


def house(tools: Tools, *, name: str = "House", roles: tuple[Role, ...] = ()) -> House:
    """Make custodians, an agency with a coordinator and a supervisor, and people of further roles."""
    home = Agency.objects.filter(pk__in=[one.pk for one in Agency.objects.all() if one.custodial])
    custodial = home.first() or agencies.admit_agency(
        SYSTEM, name="Custodians", listed=False, custodial=True, tools=tools
    )
    custodian = Person.objects.filter(agency=custodial).first() or add(
        tools, custodial, "custodian@example.org", [Role.CUSTODIAN]
    )
    agency = agencies.admit_agency(SYSTEM, name=name, tools=tools)
    wanted = (Role.COORDINATOR, Role.SUPERVISOR, *roles)
    mail = name.casefold().replace(" ", "-")
    people = {
        str(role): add(tools, agency, f"{role}@{mail}.example.org", [role]) for role in wanted
    }
    people["newcomer"] = add(tools, agency, f"newcomer@{mail}.example.org", [])
    return House(tools, custodian, agency, people)


def add(tools: Tools, agency: Agency, email: str, roles: list[Role]) -> Person:
    """Add somebody whose training is in date."""
    name = email.split("@", maxsplit=1)[0].title()
    person = agencies.add_person(
        SYSTEM, agency=agency, name=name, email=email, password=None, roles=roles, tools=tools
    )
    person.standing = {**person.standing, "trained_until": LATE, "certified_until": LATE}
    person.save()
    return person


def begin_session(person: Person, tools: Tools) -> SignInSession:
    """Write a session's row, as signing in does."""
    now = tools.clock()
    return SignInSession.objects.create(
        person=person,
        key_hash=tools.token_bytes(32),
        data={"method": "passkey"},
        signed_in_at=now,
        seen_at=now,
        ends_at=now + timedelta(hours=8),
    )


def last_entry(tools: Tools) -> tuple[str, dict[str, Any]]:
    """Return the newest entry's action and facts, with the full keyring."""
    row = LedgerRow.objects.order_by("-index").first()
    assert row is not None
    shown = unseal_body(row, keyring=tools.keyring)
    assert shown is not None
    facts: dict[str, Any] = json.loads(shown[1])["facts"]
    return row.action, facts
