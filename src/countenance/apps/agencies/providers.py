"""An agency's own sign-in provider: set by its coordinator, linked by each person, used for signing in.

Whoever runs a provider can say of anybody that they are somebody. So nobody is made or found by what
it says but whom a signed-in person linked themselves, it opens its own agency only, and it is no proof
for what needs one: that takes the person's own passkey or app.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from countenance.apps.agencies import factor_rows, oidc, outbound, sessions
from countenance.apps.agencies.arrivals import SignedIn, come_in, let_in, locked_person
from countenance.apps.agencies.flows import Found, Visit, waiting
from countenance.apps.agencies.models import (
    Agency,
    Person,
    Provider,
    ProviderAccount,
    SignInSession,
)
from countenance.apps.agencies.provider_rows import (
    TOO_LATE,
    begin,
    finish,
    index_for,
    linked_with,
    private_hosts,
    settings_of,
)
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import (
    CertificateMissing,
    Conflict,
    InputError,
    NotFound,
    NotVouched,
    ProviderUnusable,
)
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed, permit_deed
from countenance.tools import Tools

REFUSED = (
    "Your organisation's sign-in did not open an account here. Sign in with your passkey, or with password and code; "
    "then link your account on the page “My account”, or ask your coordinator."
)
MOST_ACR = 10
LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What pages show of an agency's provider; never its secret."""

    agency: UUID
    issuer: str
    client_id: str
    acr: tuple[str, ...]
    set_at: datetime


@composed_of()
def of(actor: Actor) -> Shown | None:
    """Return the provider of the actor's agency, if it has one."""
    row = Provider.objects.filter(agency_id=actor.agency).first()
    if row is None:
        return None
    kept = settings_of(row)
    return Shown(
        agency=row.agency_id,
        issuer=kept.issuer,
        client_id=kept.client_id,
        acr=kept.acr,
        set_at=row.set_at,
    )


@composed_of()
def linked_at(actor: Actor) -> datetime | None:
    """Return since when the actor's own account is linked; None if it is not."""
    row = ProviderAccount.objects.filter(person_id=actor.person).first()
    return None if row is None else row.linked_at


@composed_of()
def try_out(actor: Actor, *, issuer: str, tools: Tools) -> None:
    """Ask a provider that is to be set what it says of itself.

    Raises:
        NotPermitted: the actor may not set one.
        InputError: it does not answer as one that can be used.
    """
    permit_deed(actor, Deed.OIDC_SET, now=tools.clock())
    oidc.discover(
        outbound.check_url(issuer.strip(), private=private_hosts()),
        private=private_hosts(),
        tools=tools,
    )


def _given(name: str, value: str) -> str:
    value = value.strip()
    if not value or len(value) > LONGEST_TEXT or not value.isprintable():
        raise InputError(f"The {name} is missing, or is not one line of at most 500 characters.")
    return value


@accountable(Action.PROVIDER_SET, Action.PROVIDER_UNLINKED, deed=Deed.OIDC_SET)
def set_provider(
    actor: Actor,
    record: Record,
    *,
    issuer: str,
    client_id: str,
    client_secret: str,
    acr: Sequence[str] = (),
    tools: Tools,
) -> Provider:
    """Set or change the provider of the actor's agency; nothing is asked of it here.

    With another issuer or client the links of people end, and the sessions that began through it.

    Args:
        actor: the coordinator.
        record: of the change.
        issuer: the provider's address, exactly as it writes it.
        client_id: what it calls us.
        client_secret: by which it knows us.
        acr: values of `acr` that vouch for a second factor, if its `amr` does not.
        tools: what services are given.

    Raises:
        InputError: something is missing, or the address is none.
    """
    agency = Agency.objects.select_for_update(no_key=True).get(pk=actor.agency)
    levels = [_given("level of assurance", one) for one in acr]
    if len(levels) > MOST_ACR:
        raise InputError(f"At most {MOST_ACR} levels of assurance are taken.")
    kept = {
        "issuer": outbound.check_url(issuer.strip(), private=private_hosts()),
        "client_id": _given("client id", client_id),
        "client_secret": _given("client secret", client_secret),
        "acr": levels,
    }
    row = Provider.objects.filter(agency=agency).first()
    before = None if row is None else settings_of(row)
    same = before and (before.issuer, before.client_id) == (kept["issuer"], kept["client_id"])
    if not same:
        record.note(about=agency.pk, **_end_all(agency.pk, record))
    row = row or Provider(agency=agency)
    row.settings, row.set_at = kept, tools.clock()
    row.save()
    record.note(about=agency.pk, issuer=kept["issuer"], client_id=kept["client_id"], acr=levels)
    return row


@accountable(Action.PROVIDER_SET, Action.PROVIDER_UNLINKED, deed=Deed.OIDC_SET)
def remove_provider(actor: Actor, record: Record, *, tools: Tools) -> None:
    """Remove the provider of the actor's agency, with every link and every session that began through it.

    Raises:
        NotFound: it has none.
    """
    agency = Agency.objects.select_for_update(no_key=True).get(pk=actor.agency)
    removed, _ = Provider.objects.filter(agency=agency).delete()
    if not removed:
        raise NotFound("Your agency has no sign-in provider.")
    record.note(about=agency.pk, removed=True, **_end_all(agency.pk, record))


def _end_all(agency: UUID, record: Record) -> dict[str, int]:
    """End the links of an agency's people, and the sessions that began through the provider."""
    links = factor_rows.unlink(ProviderAccount.objects.filter(person__agency_id=agency), record)
    ended = 0
    for row in SignInSession.objects.filter(person__agency_id=agency).select_related("person"):
        if row.data["content"].get("method") == sessions.PROVIDER:
            ended += row.delete()[0]
    return {"links_ended": links, "sessions_ended": ended}


@composed_of()
def begin_sign_in(agency: UUID, *, redirect_uri: str, where: str, tools: Tools) -> tuple[str, str]:
    """Return where to send a stranger's browser, and the number that it keeps in a cookie.

    Raises:
        NotFound: the agency does not exist, is suspended, has no provider, or one that does not
            answer: all the same.
    """
    return begin(agency, None, redirect_uri=redirect_uri, where=where, tools=tools)


@composed_of()
def begin_link(actor: Actor, *, redirect_uri: str, tools: Tools) -> tuple[str, str]:
    """Return where to send the browser of somebody who links their account, and its number.

    Raises:
        NotFound: their agency has no provider that answers.
    """
    return begin(actor.agency, actor.person, redirect_uri=redirect_uri, where="", tools=tools)


@composed_of()
def find(visit: Visit, answer: Mapping[str, str], *, tools: Tools) -> str:
    """Return the number under which the account waits that its owner came back with to link it.

    Raises:
        ProviderUnusable: the answer is not right.
    """
    if visit.person is None:
        raise ProviderUnusable
    subject, account = finish(visit, answer, tools=tools)
    found = Found(
        agency=visit.agency,
        person=visit.person,
        issuer=subject.issuer,
        account=account,
        name=subject.name,
        asked=visit.asked,
    )
    return waiting.put(found, tools=tools)


@composed_of()
def found(actor: Actor, number: str, *, tools: Tools) -> Found:
    """Return the account that waits for the actor to say that it is theirs.

    Raises:
        NotFound: there is none, or no longer, or it waits for somebody else.
    """
    one = waiting.found(number, tools=tools)
    if one is None or (one.person, one.agency) != (actor.person, actor.agency):
        raise NotFound(TOO_LATE)
    return one


@accountable(Action.PROVIDER_LINKED, Action.PROVIDER_UNLINKED, deed=Deed.TOKEN_MAKE)
def link_account(actor: Actor, record: Record, *, number: str, tools: Tools) -> None:
    """Link the actor with the account at the provider that waits for them; an earlier link ends.

    Raises:
        NotFound: there is none, or no longer.
        Conflict: it is linked with somebody else.
    """
    one = found(actor, number, tools=tools)
    waiting.found(number, take=True, tools=tools)
    person = (
        Person.objects.select_for_update(no_key=True, of=("self",))
        .select_related("agency")
        .get(pk=actor.person, agency_id=actor.agency)
    )
    row = Provider.objects.filter(agency_id=actor.agency).first()
    if row is None or settings_of(row).issuer != one.issuer:
        raise NotFound(TOO_LATE)
    if linked_with(one.account, agency=one.agency, tools=tools) not in {None, person.pk}:
        raise Conflict("This account at the provider is linked with somebody else of your agency.")
    factor_rows.unlink(ProviderAccount.objects.filter(person=person), record)
    ProviderAccount.objects.create(
        person=person,
        subject_index=index_for(one.account, agency=one.agency, person=person.pk, tools=tools),
        linked_at=tools.clock(),
    )
    record.note(about=person.pk)


@accountable(Action.PROVIDER_UNLINKED, deed=Deed.OWN_ACCOUNT)
def unlink_account(actor: Actor, record: Record, *, tools: Tools) -> None:
    """End the link of the actor with their account at the provider.

    Raises:
        NotFound: there is none.
    """
    ended, _ = ProviderAccount.objects.filter(person_id=actor.person).delete()
    if not ended:
        raise NotFound("Your account is not linked.")
    record.note(about=actor.person)


@accountable(Action.PERSON_SIGNED_IN, Action.PERSON_SIGN_IN_REFUSED, deed=None)
def _try_provider(
    actor: Actor,
    record: Record,
    *,
    visit: Visit,
    account: bytes | None,
    why: str,
    tools: Tools,
) -> SignedIn | CertificateMissing | None:
    """Return who may come in, of the one agency whose provider was asked."""
    record.action = Action.PERSON_SIGN_IN_REFUSED
    record.note(method=sessions.PROVIDER, through=visit.agency)
    person = locked_person(actor.person)
    if account is None or person is None:
        record.note(why=why or "not linked")
        return None
    record.note(about=person.pk)
    index = index_for(account, agency=visit.agency, person=person.pk, tools=tools)
    linked = ProviderAccount.objects.filter(subject_index=index, person=person).exists()
    own = Provider.objects.filter(agency_id=person.agency_id).first()
    if (
        not linked
        or person.agency_id != visit.agency
        or own is None
        or settings_of(own).issuer != visit.issuer
    ):
        record.note(why="not linked")
        return None
    if person.suspended or person.agency.suspended:
        record.note(why="suspended")
        return None
    return let_in(record, person, method=sessions.PROVIDER, tools=tools)


@composed_of(_try_provider)
def sign_in_with_provider(
    actor: Actor, *, visit: Visit, answer: Mapping[str, str], tools: Tools
) -> SignedIn:
    """Return the person whom their agency's provider vouches for, with a second factor.

    Args:
        actor: `SYSTEM`, as nobody has signed in.
        visit: from which the browser came back.
        answer: what it brought along.
        tools: what services are given.

    Raises:
        NotSignedIn: whatever is wrong, in one sentence; recorded. That no second factor was used is
            said, because it tells of nobody here.
        CertificateMissing: everything is right, but their training has ended; recorded.
    """
    account, why, said, known = None, "", REFUSED, actor
    try:
        _, account = finish(visit, answer, tools=tools)
    except NotVouched as refusal:
        why, said = refusal.code, refusal.detail
    except InputError as refusal:
        why = refusal.code
    else:
        person = linked_with(account, agency=visit.agency, tools=tools)
        known = known if person is None else Actor(person=person, agency=visit.agency)
    outcome = _try_provider(known, visit=visit, account=account, why=why, tools=tools)
    return come_in(outcome, said)


@composed_of()
def take_visit(number: str, *, tools: Tools) -> Visit:
    """Return the visit from which a browser comes back; it counts once.

    Raises:
        InputError: there is none of this number, or no longer.
    """
    visit = waiting.take_visit(number, tools=tools)
    if visit is None:
        raise InputError(TOO_LATE)
    return visit
