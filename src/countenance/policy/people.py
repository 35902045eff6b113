"""Who may do what: roles, deeds, and the one table that joins them.

A deed is something a person can ask of the program; each service, page and command names the one it
is. Nobody holds a role that opens everything: what a role may never do is not in its column, and two
roles that must not meet in one person exclude each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from countenance.errors import (
    CertificateMissing,
    NotPermitted,
    RoleMissing,
    RolesConflict,
    SamePerson,
    ScopeMissing,
    StepUpNeeded,
)

STEP_UP_LASTS = timedelta(minutes=5)
"""How long a person counts as having just proved who they are."""


class Role(StrEnum):
    """What somebody is trusted with; the words are those of the product's table."""

    CUSTODIAN = "custodian"
    COORDINATOR = "coordinator"
    STEWARD = "steward"
    INVESTIGATOR = "investigator"
    EXAMINER = "examiner"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"


class Scope(StrEnum):
    """What a personal token may be used for; a token never does more than its person may."""

    READ = "read"
    ENROL = "enrol"
    CASES = "cases"
    SEARCH = "search"
    MANAGE = "manage"
    AUDIT = "audit"


POWERFUL = frozenset({Scope.SEARCH, Scope.MANAGE, Scope.AUDIT})
"""Scopes of tokens that live for hours, not for months: making one was the proof of who uses it."""


class Deed(StrEnum):
    """What can be asked of the program; each has its line in `DEEDS`."""

    OWN_ACCOUNT = "account.own"
    INBOX_READ = "inbox.read"
    TOKEN_MAKE = "token.make"  # noqa: S105 # the name of a deed
    AGENCY_READ = "agency.read"
    AGENCY_ADMIT = "agency.admit"
    AGENCY_SUSPEND = "agency.suspend"
    PACK_CHOOSE = "pack.choose"
    PERSON_READ = "person.read"
    PERSON_INVITE = "person.invite"
    PERSON_SUSPEND = "person.suspend"
    TRAINING_RECORD = "training.record"
    ROLES_CHANGE = "roles.change"
    OIDC_SET = "oidc.set"
    APPROVAL_READ = "approval.read"
    APPROVAL_ASK = "approval.ask"
    APPROVAL_DECIDE = "approval.decide"
    GLASS_BREAK = "glass.break"
    GLASS_REVIEW = "glass.review"
    AUTHORITY_READ = "authority.read"
    AUTHORITY_PROPOSE = "authority.propose"
    AUTHORITY_DECIDE = "authority.decide"
    AUTHORITY_REVOKE = "authority.revoke"
    SOURCE_READ = "source.read"
    SOURCE_REGISTER = "source.register"
    SOURCE_REMOVE = "source.remove"
    RETENTION_EXTEND = "retention.extend"
    GALLERY_READ = "gallery.read"
    GALLERY_CREATE = "gallery.create"
    GALLERY_TERMS = "gallery.terms"
    GALLERY_GRANT = "gallery.grant"
    EVALUATE = "evaluate"
    EVALUATION_READ = "evaluation.read"
    POINT_SET = "point.set"
    INDEX_MANAGE = "index.manage"
    ENROL = "enrol"
    PHOTO_VIEW = "photo.view"
    PHOTO_REMOVE = "photo.remove"
    CASE_READ = "case.read"
    CASE_OPEN = "case.open"
    CASE_CLOSE = "case.close"
    CASE_MEMBERS = "case.members"
    CASE_WIDEN = "case.widen"
    CASE_HOLD = "case.hold"
    CASE_ERASE = "case.erase"
    EVIDENCE_ADD = "evidence.add"
    EVIDENCE_VIEW = "evidence.view"
    EVIDENCE_DERIVE = "evidence.derive"
    SEARCH_ASK = "search.ask"
    SEARCH_DECLINE = "search.decline"
    SEARCH_RUN = "search.run"
    SEARCH_READ = "search.read"
    CANDIDATES_VIEW = "candidates.view"
    SEARCH_PURGE = "search.purge"
    EXAMINE = "examine"
    EXAMINATIONS_READ = "examinations.read"
    CONTROLS_READ = "controls.read"
    SEARCH_CLOSE = "search.close"
    LEAD_RELEASE = "lead.release"
    LEAD_WITHDRAW = "lead.withdraw"
    LEAD_READ = "lead.read"
    LEAD_EXPORT = "lead.export"
    LEAD_OUTCOME = "lead.outcome"
    BUNDLE_EXPORT = "bundle.export"
    LEDGER_READ = "ledger.read"
    LEDGER_EXPORT = "ledger.export"
    WITNESSES_SET = "witnesses.set"
    SET_UP = "set_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may do a deed, with which scope of a token, and what else it needs.

    What needs a proof in a session is done with no token, or with one of `POWERFUL`.
    `anyone`: whoever is signed in, also before they were given a role.
    """

    roles: frozenset[Role]
    scope: Scope | None  # None: never with a token
    step_up: bool = False
    certificate: bool = False
    anyone: bool = False


def _rule(
    *roles: Role, scope: Scope | None, step_up: bool = False, certificate: bool = False
) -> Rule:
    return Rule(roles=frozenset(roles), scope=scope, step_up=step_up, certificate=certificate)


_C, _O, _T = Role.CUSTODIAN, Role.COORDINATOR, Role.STEWARD
_I, _E, _S, _A = Role.INVESTIGATOR, Role.EXAMINER, Role.SUPERVISOR, Role.AUDITOR
_OF_AGENCY = (_O, _T, _I, _E, _S, _A)

DEEDS: Mapping[Deed, Rule] = {
    Deed.OWN_ACCOUNT: Rule(roles=frozenset(Role), scope=None, anyone=True),
    Deed.TOKEN_MAKE: Rule(roles=frozenset(Role), scope=None, step_up=True, anyone=True),
    Deed.INBOX_READ: _rule(*_OF_AGENCY, scope=Scope.READ),
    Deed.AGENCY_READ: _rule(_C, scope=Scope.MANAGE),
    Deed.AGENCY_ADMIT: _rule(_C, scope=Scope.MANAGE, step_up=True),
    Deed.AGENCY_SUSPEND: _rule(_C, scope=Scope.MANAGE, step_up=True),
    Deed.PACK_CHOOSE: _rule(_C, scope=Scope.MANAGE, step_up=True),
    Deed.PERSON_READ: _rule(_C, _O, _S, _A, scope=Scope.MANAGE),
    Deed.PERSON_INVITE: _rule(_C, _O, scope=Scope.MANAGE, step_up=True),
    Deed.PERSON_SUSPEND: _rule(_C, _O, scope=Scope.MANAGE, step_up=True),
    Deed.TRAINING_RECORD: _rule(_O, scope=Scope.MANAGE, step_up=True),
    Deed.ROLES_CHANGE: _rule(_O, scope=Scope.MANAGE, step_up=True),
    Deed.OIDC_SET: _rule(_O, scope=Scope.MANAGE, step_up=True),
    Deed.APPROVAL_READ: _rule(*_OF_AGENCY, scope=Scope.READ),
    Deed.APPROVAL_ASK: _rule(*_OF_AGENCY, scope=Scope.MANAGE),
    Deed.APPROVAL_DECIDE: _rule(_O, _S, _A, scope=None, step_up=True),
    Deed.GLASS_BREAK: _rule(_S, scope=None, step_up=True),
    Deed.GLASS_REVIEW: _rule(_A, scope=None, step_up=True),
    Deed.AUTHORITY_READ: _rule(_O, _I, _E, _S, _A, scope=Scope.READ),
    Deed.AUTHORITY_PROPOSE: _rule(_O, _I, scope=Scope.CASES),
    Deed.AUTHORITY_DECIDE: _rule(_S, scope=None, step_up=True),
    Deed.AUTHORITY_REVOKE: _rule(_O, _S, scope=None, step_up=True),
    Deed.SOURCE_READ: _rule(_T, _S, _A, scope=Scope.READ),
    Deed.SOURCE_REGISTER: _rule(_T, scope=Scope.ENROL),
    Deed.SOURCE_REMOVE: _rule(_T, scope=Scope.MANAGE, step_up=True),
    Deed.RETENTION_EXTEND: _rule(_T, scope=Scope.MANAGE, step_up=True),
    Deed.GALLERY_READ: _rule(*_OF_AGENCY, scope=Scope.READ),
    Deed.GALLERY_CREATE: _rule(_T, scope=Scope.ENROL),
    Deed.GALLERY_TERMS: _rule(_T, scope=Scope.MANAGE, step_up=True),
    Deed.GALLERY_GRANT: _rule(_T, scope=Scope.MANAGE, step_up=True),
    Deed.EVALUATE: _rule(_T, scope=Scope.ENROL),
    Deed.EVALUATION_READ: _rule(_T, _E, _S, _A, scope=Scope.READ),
    Deed.POINT_SET: _rule(_T, scope=Scope.MANAGE, step_up=True),
    Deed.INDEX_MANAGE: _rule(_T, scope=Scope.MANAGE, step_up=True),
    Deed.ENROL: _rule(_T, scope=Scope.ENROL),
    Deed.PHOTO_VIEW: _rule(_T, _E, _S, scope=Scope.READ),
    Deed.PHOTO_REMOVE: _rule(_T, scope=Scope.ENROL),
    Deed.CASE_READ: _rule(_I, _E, _S, _A, scope=Scope.READ),
    Deed.CASE_OPEN: _rule(_I, scope=Scope.CASES),
    Deed.CASE_CLOSE: _rule(_I, _S, scope=Scope.CASES),
    Deed.CASE_MEMBERS: _rule(_I, _S, scope=Scope.CASES),
    Deed.CASE_WIDEN: _rule(_I, scope=Scope.CASES),
    Deed.CASE_HOLD: _rule(_S, scope=None, step_up=True),
    Deed.CASE_ERASE: _rule(_S, scope=None, step_up=True),
    Deed.EVIDENCE_ADD: _rule(_I, scope=Scope.CASES),
    Deed.EVIDENCE_VIEW: _rule(_I, _E, _S, scope=Scope.READ),
    Deed.EVIDENCE_DERIVE: _rule(_I, _E, scope=Scope.CASES),
    Deed.SEARCH_ASK: _rule(_I, scope=Scope.CASES),
    Deed.SEARCH_DECLINE: _rule(_E, _S, scope=Scope.SEARCH),
    Deed.SEARCH_RUN: _rule(_E, scope=Scope.SEARCH, step_up=True, certificate=True),
    Deed.SEARCH_READ: _rule(_I, _E, _S, _A, scope=Scope.READ),
    Deed.CANDIDATES_VIEW: _rule(_E, _S, scope=Scope.SEARCH, certificate=False),
    Deed.SEARCH_PURGE: _rule(_S, scope=None, step_up=True),
    Deed.EXAMINE: _rule(_E, scope=None, certificate=True),
    Deed.EXAMINATIONS_READ: _rule(_E, _S, _A, scope=Scope.READ),
    Deed.CONTROLS_READ: _rule(_E, _A, scope=Scope.READ),
    Deed.SEARCH_CLOSE: _rule(_E, _S, scope=None),
    Deed.LEAD_RELEASE: _rule(_S, scope=None, step_up=True),
    Deed.LEAD_WITHDRAW: _rule(_S, scope=None, step_up=True),
    Deed.LEAD_READ: _rule(_I, _E, _S, _A, scope=Scope.READ),
    Deed.LEAD_EXPORT: _rule(_I, _S, scope=None, step_up=True),
    Deed.LEAD_OUTCOME: _rule(_I, scope=Scope.CASES),
    Deed.BUNDLE_EXPORT: _rule(_S, _A, scope=None, step_up=True),
    Deed.LEDGER_READ: _rule(_C, _O, _S, _A, scope=Scope.AUDIT),
    Deed.LEDGER_EXPORT: _rule(_C, _A, scope=Scope.AUDIT, step_up=True),
    Deed.WITNESSES_SET: _rule(_C, scope=Scope.MANAGE, step_up=True),
    Deed.SET_UP: _rule(scope=None),
}
"""The table. `SET_UP` is nobody's: only the program itself does it, at the machine and at start."""

EXCLUDE: frozenset[frozenset[Role]] = frozenset(
    frozenset(pair)
    for pair in (
        *((_C, other) for other in _OF_AGENCY),
        (_O, _I),
        (_O, _E),
        (_O, _A),
        (_T, _I),
        (_T, _E),
        (_T, _A),
        (_I, _E),
        (_I, _A),
        (_E, _A),
        (_S, _A),
        (_S, _I),
    )
)
"""Pairs of roles that nobody holds together.

The custodian reads no agency's content; coordinators and stewards do not search; whoever asks for a
search neither runs nor authorises it; the auditor audits nothing of their own.
"""

CERTIFICATE_NEEDED = frozenset({_E})
TRAINING_NEEDED = frozenset({_T, _I, _E, _S})
"""Roles that work with photos of people: without present training they do not sign in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The person on whose behalf something is done, and how they proved who they are.

    Attributes:
        person: who.
        agency: of which agency; custodians have one of their own.
        roles: what they are trusted with now.
        certified_until: the last day on which they may examine; None without a certificate.
        scopes: what the token that they use is for; None in a signed-in session.
        stepped_up_at: when they last proved in this session who they are.
    """

    person: UUID
    agency: UUID
    roles: frozenset[Role] = frozenset()
    certified_until: date | None = None
    scopes: frozenset[Scope] | None = None
    stepped_up_at: datetime | None = None


SYSTEM = Actor(person=UUID(int=0), agency=UUID(int=0))
"""Who acts when no person does: set-up at the machine, and what the clock brings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Policy's yes, with the rule that gave it."""

    rule: str


def permit_deed(actor: Actor, deed: Deed, *, now: datetime) -> Permit:
    """Permit a deed to whoever holds a role for it, with everything else that it needs.

    Raises:
        RoleMissing: none of the actor's roles may do this.
        ScopeMissing: the token is not for this.
        CertificateMissing: the deed needs an examiner's certificate that is in date.
        StepUpNeeded: the person has not proved just now who they are.
    """
    if actor == SYSTEM:
        return Permit(rule="role.system")
    rule = DEEDS[deed]
    if not rule.anyone and not actor.roles & rule.roles:
        raise RoleMissing(_who_may(rule.roles), rule=f"role.{deed}")
    if actor.scopes is not None and rule.scope not in actor.scopes:
        raise ScopeMissing(_which_scope(rule.scope), rule=f"scope.{deed}")
    if rule.certificate and (actor.certified_until is None or actor.certified_until < now.date()):
        raise CertificateMissing
    if rule.step_up and actor.scopes is None and not is_stepped_up(actor, now=now):
        raise StepUpNeeded
    return Permit(rule=f"role.{deed}")


def is_stepped_up(actor: Actor, *, now: datetime) -> bool:
    """Say whether the person proved just now who they are."""
    at = actor.stepped_up_at
    return at is not None and timedelta() <= now - at <= STEP_UP_LASTS


def may(actor: Actor, deed: Deed) -> bool:
    """Say whether a page should offer this; the deed itself is judged when it is asked for."""
    rule = DEEDS[deed]
    return (rule.anyone or bool(actor.roles & rule.roles)) and (
        actor.scopes is None or rule.scope in actor.scopes
    )


def permit_roles(roles: Iterable[Role]) -> Permit:
    """Permit one person to hold these roles together.

    Raises:
        RolesConflict: two of them exclude each other.
    """
    held = frozenset(roles)
    for pair in sorted(EXCLUDE, key=sorted):
        if pair <= held:
            one, other = sorted(pair)
            raise RolesConflict(
                f"Nobody is {one} and {other} at once. Give one of the two to another person.",
                rule="roles.exclude",
            )
    return Permit(rule="roles.exclude")


def permit_sign_in(roles: Collection[Role], *, trained_until: date | None, today: date) -> Permit:
    """Permit somebody whose training is in date, if their roles need any.

    Raises:
        CertificateMissing: the training has ended, or was never recorded.
    """
    if TRAINING_NEEDED.isdisjoint(roles):
        return Permit(rule="training.current")
    if trained_until is None or trained_until < today:
        ended = "is not recorded" if trained_until is None else f"ended on {trained_until:%d %B %Y}"
        raise CertificateMissing(
            f"Your training {ended}. Ask your coordinator to record the present one.",
            rule="training.current",
        )
    return Permit(rule="training.current")


def permit_own(actor: Actor, agency: UUID) -> Permit:
    """Permit what belongs to the actor's own agency.

    Raises:
        NotPermitted: it is another agency's.
    """
    if actor.agency != agency:
        raise NotPermitted("This belongs to another agency.", rule="agency.own_only")
    return Permit(rule="agency.own_only")


def permit_other(actor: Actor, person: UUID, *, said: str) -> Permit:
    """Permit a decision about what somebody else asked for.

    Raises:
        SamePerson: it is the actor's own.
    """
    if actor.person == person:
        raise SamePerson(said)
    return Permit(rule="same_person")


def _who_may(roles: frozenset[Role]) -> str:
    if not roles:
        return "Nobody may do this from here; it is part of setting up the machine."
    names = sorted(roles)
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    return f"This needs the role of {listed}. Ask your coordinator who holds it."


def _which_scope(scope: Scope | None) -> str:
    if scope is None:
        return "This is not done with a token. Sign in to the web app for it."
    return f"This token is not for “{scope}”. Make one that is, or sign in."
