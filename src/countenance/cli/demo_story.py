"""What the demo tells: two agencies, a log-in for each role, a granted gallery, what was refused.

Two people examine, because a search takes two.

Everything is done by the services, as the people named, so the demo's ledger reads like a real one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from countenance.errors import NotPermitted
from countenance.policy import SYSTEM, Actor, Role, SearchKind
from countenance.policy.approvals import ApprovalKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from countenance.apps.agencies.models import Agency, Person
    from countenance.apps.cases.models import Authority, Case
    from countenance.apps.galleries.models import Gallery, Source
    from countenance.tools import Tools

SERVICE, ARCHIVE, CUSTODIANS = "Harbour search service", "City archive", "Custodians"
GALLERY, SOURCE = "Demo gallery", "Demo photos"
ARCHIVE_GALLERY, ARCHIVE_SOURCE = "Archive portraits", "Archive deposit"
CASE, OLD_CASE = "DEMO-1", "DEMO-2"
REASON = "The sister of the person in the photo has not heard of them since 3 May"
OLD_REASON = "A colleague asked whether this person was seen in the harbour in spring"
PURPOSE = "finding a missing person"
STATUTE = "Missing Persons Act, section 4 (made up for this demo)"
GRANT_LASTS = timedelta(days=90)
AUTHORITY_LASTS = timedelta(days=30)
LONG_AGO = timedelta(days=60)
TRAINING_LASTS = timedelta(days=365)
QUOTA = 10
MISSING = (SearchKind.MISSING,)

PEOPLE: tuple[tuple[str, str, Role], ...] = (
    (SERVICE, "Olga Orlow", Role.COORDINATOR),
    (SERVICE, "Stan Steiner", Role.STEWARD),
    (SERVICE, "Ines Ibarra", Role.INVESTIGATOR),
    (SERVICE, "Emil Ekwall", Role.EXAMINER),
    (SERVICE, "Elif Ersoy", Role.EXAMINER),
    (SERVICE, "Sara Sutter", Role.SUPERVISOR),
    (SERVICE, "Aino Aalto", Role.AUDITOR),
    (CUSTODIANS, "Carl Custodis", Role.CUSTODIAN),
    (ARCHIVE, "Arne Ahlberg", Role.COORDINATOR),
    (ARCHIVE, "Stella Staub", Role.STEWARD),
    (ARCHIVE, "Simon Sorge", Role.SUPERVISOR),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn:
    """One person of the demo, and the secret of their authenticator app."""

    agency: str
    name: str
    role: Role
    email: str
    secret: str


class Cast:
    """The people of the demo, each able to act as they would after signing in."""

    def __init__(self, tools: Tools, password: str) -> None:
        """Admit the agencies, add the people, record their training, give each an authenticator app."""
        self.tools = tools
        self.log_ins: list[LogIn] = []
        self._people: dict[str, Person] = {}
        self.agencies = {
            CUSTODIANS: self._admit(CUSTODIANS, pack="default", custodial=True),
            SERVICE: self._admit(SERVICE, pack="humanitarian"),
            ARCHIVE: self._admit(ARCHIVE, pack="archive"),
        }
        for agency, name, role in PEOPLE:
            self._add(agency, name, role, password)
        for agency in (SERVICE, ARCHIVE):
            self._train(agency)
        for log_in in self.log_ins:
            self._give_app(log_in)

    def actor(self, role: Role, agency: str = SERVICE, *, number: int = 0) -> Actor:
        """Return a person of a role, the first one by default, as they are just after proving who they are."""
        found = [one for one in self.log_ins if (one.agency, one.role) == (agency, role)]
        return self._actor(found[number])

    def _actor(self, log_in: LogIn) -> Actor:
        person = self._people[log_in.email]
        person.refresh_from_db()
        return replace(person.actor, stepped_up_at=self.tools.clock())

    def _admit(self, name: str, *, pack: str, custodial: bool = False) -> Agency:
        from countenance.apps.agencies import services

        return services.admit_agency(
            SYSTEM, name=name, pack=pack, custodial=custodial, tools=self.tools
        )

    def _add(self, agency: str, name: str, role: Role, password: str) -> None:
        from countenance.apps.agencies import factors, services

        before = sum((one.agency, one.role) == (agency, role) for one in self.log_ins)
        name_there = f"{role}{before + 1}" if before else str(role)
        email = f"{name_there}@{agency.split(maxsplit=1)[0].lower()}.example"
        self._people[email] = services.add_person(
            SYSTEM,
            agency=self.agencies[agency],
            name=name,
            email=email,
            password=password,
            roles=[role],
            tools=self.tools,
        )
        secret = self.log_ins[0].secret if self.log_ins else factors.begin_app(tools=self.tools)
        self.log_ins.append(LogIn(agency=agency, name=name, role=role, email=email, secret=secret))

    def _train(self, agency: str) -> None:
        from countenance.apps.agencies import staff

        until = self.tools.clock().date() + TRAINING_LASTS
        for one in self.log_ins:
            if one.agency == agency and one.role is not Role.COORDINATOR:
                staff.record_training(
                    self.actor(Role.COORDINATOR, agency),
                    person=self._people[one.email],
                    trained_until=until,
                    certified_until=until if one.role is Role.EXAMINER else None,
                    tools=self.tools,
                )

    def _give_app(self, log_in: LogIn) -> None:
        import pyotp

        from countenance.apps.agencies import factors

        # A code of the step before, so that the present one still signs in.
        at = self.tools.clock() - timedelta(seconds=30)
        code = pyotp.TOTP(log_in.secret).at(at)
        actor = self._actor(log_in)
        factors.add_app(actor, secret=log_in.secret, code=code, tools=self.tools)


def make_galleries(
    cast: Cast, *, passport: dict[str, str]
) -> tuple[tuple[Gallery, Source], tuple[Gallery, Source]]:
    """Register a source and create a gallery in each agency; return those of the service, then of the archive."""
    from countenance.apps.galleries import services

    made = []
    for agency, source, gallery in (
        (SERVICE, SOURCE, GALLERY),
        (ARCHIVE, ARCHIVE_SOURCE, ARCHIVE_GALLERY),
    ):
        steward = cast.actor(Role.STEWARD, agency)
        registered = services.register_source(
            steward, name=source, passport=passport, tools=cast.tools
        )
        created = services.create_gallery(steward, name=gallery, tools=cast.tools)
        made.append((created, registered))
    return made[0], made[1]


def grant_archive(cast: Cast, gallery: Gallery) -> None:
    """Let the archive grant its gallery to the service, as its supervisor agrees."""
    from countenance.apps.galleries import grants

    steward = cast.actor(Role.STEWARD, ARCHIVE)
    until = cast.tools.clock().date() + GRANT_LASTS
    grantee = cast.agencies[SERVICE]
    _approve(
        cast,
        ApprovalKind.GALLERY_GRANT,
        gallery,
        f"Grant the gallery {ARCHIVE_GALLERY} to {SERVICE} for missing persons, until {until:%d %B %Y}.",
        grants.payload(gallery=gallery, grantee=grantee.pk, kinds=MISSING, until=until),
    )
    grants.grant_gallery(
        steward, gallery=gallery, grantee=grantee, kinds=MISSING, until=until, tools=cast.tools
    )


def _approve(
    cast: Cast, kind: ApprovalKind, gallery: Gallery, summary: str, payload: dict[str, Any]
) -> None:
    from countenance.apps.approvals import services

    asked = services.ask(
        cast.actor(Role.STEWARD, ARCHIVE),
        kind=kind,
        subject=gallery.pk,
        summary=summary,
        payload=payload,
        reason="The search service looks for people whom our photographers portrayed",
        tools=cast.tools,
    )
    services.decide(
        cast.actor(Role.SUPERVISOR, ARCHIVE),
        approval=asked,
        approve=True,
        reason="The deposit agreement allows it for missing persons",
        tools=cast.tools,
    )


def open_case(
    cast: Cast,
    galleries: Sequence[Gallery],
    probes: Sequence[tuple[str, bytes]],
    *,
    reference: str = CASE,
) -> Case:
    """Open the case of the demo under a granted authority, add the probes, and ask for a search."""
    from countenance.apps.cases import services
    from countenance.apps.searches import asking, evidence

    authority = _authority(cast, cast.tools, galleries, lasts=AUTHORITY_LASTS)
    case = services.open_case(
        cast.actor(Role.INVESTIGATOR),
        reference=reference,
        purpose=PURPOSE,
        reason=REASON,
        authority=authority,
        expires_on=authority.expires_on,
        tools=cast.tools,
    )
    for name, data in probes:
        probe = evidence.add_probe(
            cast.actor(Role.INVESTIGATOR),
            case=case,
            upload=data,
            file_name=name,
            tools=cast.tools,
        )
        asking.ask_for_search(
            cast.actor(Role.INVESTIGATOR),
            probe=probe,
            reason=REASON,
            galleries=galleries,
            tools=cast.tools,
        )
    return case


def show_refusal(cast: Cast, galleries: Sequence[Gallery], probe: tuple[str, bytes]) -> None:
    """Let an authority of two months ago end, and the search that is tried under it be refused."""
    from countenance.apps.cases import services
    from countenance.apps.searches import asking, evidence
    from countenance.apps.searches import services as searches

    then = cast.tools.clock() - LONG_AGO
    past = replace(cast.tools, clock=lambda: then)
    authority = _authority(cast, past, galleries, lasts=AUTHORITY_LASTS)
    investigator = replace(cast.actor(Role.INVESTIGATOR), stepped_up_at=then)
    case = services.open_case(
        investigator,
        reference=OLD_CASE,
        purpose=PURPOSE,
        reason=OLD_REASON,
        authority=authority,
        tools=past,
    )
    name, data = probe
    added = evidence.add_probe(investigator, case=case, upload=data, file_name=name, tools=past)
    asking.ask_for_search(
        investigator, probe=added, reason=OLD_REASON, galleries=galleries, tools=past
    )
    with suppress(NotPermitted):
        searches.run_search(
            cast.actor(Role.EXAMINER),
            probe=added,
            face=None,
            galleries=galleries,
            reason=OLD_REASON,
            tools=cast.tools,
        )


def leave_work(cast: Cast, gallery: Gallery) -> None:
    """Leave something on the supervisor's desk: the steward wants the gallery to be sensitive."""
    from countenance.apps.approvals import services
    from countenance.apps.galleries import terms

    services.ask(
        cast.actor(Role.STEWARD),
        kind=ApprovalKind.GALLERY_TERMS,
        subject=gallery.pk,
        summary=f"Terms of the gallery {GALLERY}: sensitive.",
        payload=terms.terms_payload(sensitive=True),
        reason="Two families asked that a supervisor looks at each case first",
        tools=cast.tools,
    )


def _authority(
    cast: Cast, tools: Tools, galleries: Sequence[Gallery], *, lasts: timedelta
) -> Authority:
    from countenance.apps.cases import authorities
    from countenance.apps.cases.documents import Document

    now: datetime = tools.clock()
    until: date = now.date() + lasts
    proposed = authorities.propose_authority(
        replace(cast.actor(Role.INVESTIGATOR), stepped_up_at=now),
        kind=SearchKind.MISSING,
        statute=STATUTE,
        purpose=PURPOSE,
        galleries=[gallery.pk for gallery in galleries],
        quota=QUOTA,
        expires_on=until,
        document=Document(
            file_name="request.txt",
            data=b"A made-up request of the family, for this demo.\n",
        ),
        tools=tools,
    )
    return authorities.decide_authority(
        replace(cast.actor(Role.SUPERVISOR), stepped_up_at=now),
        authority=proposed,
        grant=True,
        reason="The family's request is in the file",
        tools=tools,
    )
