"""Taking away again, after a restore, what let people in and was taken away since the backup.

Who may do that is not asked: that was judged when it was done first. By whom and why is lost.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.hashers import is_password_usable, make_password
from django.db.models import Q

from countenance.apps.agencies.models import (
    Agency,
    Factor,
    Invitation,
    Person,
    ProviderAccount,
    Token,
)
from countenance.apps.agencies.services import suspend_agency
from countenance.apps.agencies.tokens import revoke
from countenance.apps.records.restoring import DONE_BEFORE
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import KeyUnavailable, SealBroken
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools


@accountable(Action.TOKEN_REVOKED, deed=Deed.SET_UP)
def revoke_lost(
    actor: Actor,  # judged and recorded by the door
    record: Record,
    *,
    token: Token,
    tools: Tools,
) -> None:
    """Make a token of a backup useless."""
    token = Token.objects.select_for_update(no_key=True).get(pk=token.pk)
    record.note(about=token.pk, restored=True)
    record.agency = Person.objects.only("agency_id").get(pk=token.person_id).agency_id
    revoke(token, at=tools.clock())


@accountable(Action.INVITATION_WITHDRAWN, deed=Deed.SET_UP)
def withdraw_lost(
    actor: Actor,  # judged and recorded by the door
    record: Record,
    *,
    invitation: Invitation,
    tools: Tools,
) -> None:
    """Take back an invitation of a backup."""
    invitation = Invitation.objects.select_for_update(no_key=True).get(pk=invitation.pk)
    record.note(about=invitation.pk, restored=True)
    record.agency = invitation.seal_agency()
    invitation.withdrawn_at = tools.clock()
    try:
        invitation.spend()
    except SealBroken:
        # Somebody altered it before the backup, so its link opens nothing as it is.
        record.note(altered=True)
        invitation.save(update_fields=("withdrawn_at",))
    else:
        invitation.save(update_fields=("withdrawn_at", "details"))


@accountable(Action.PERSON_SUSPENDED, deed=Deed.SET_UP)
def suspend_lost(
    actor: Actor,  # judged and recorded by the door
    record: Record,
    *,
    person: Person,
    tools: Tools,
) -> None:
    """Suspend somebody of a backup, in which nobody is signed in."""
    person = Person.objects.select_for_update(no_key=True).get(pk=person.pk)
    record.note(about=person.pk, reason=DONE_BEFORE)
    record.agency = person.agency_id
    since = {"since": tools.clock().isoformat(), "reason": DONE_BEFORE}
    person.standing = {**(person.standing or {}), "suspended": since}
    person.save(update_fields=("standing",))


@accountable(Action.PASSWORD_CHANGED, deed=Deed.SET_UP)
def lock_password_lost(
    actor: Actor,  # judged and recorded by the door
    record: Record,
    *,
    person: Person,
    tools: Tools,
) -> None:
    """Have the password of a backup open nothing: maybe it was replaced because somebody else knew it."""
    person = Person.objects.select_for_update(no_key=True).get(pk=person.pk)
    record.note(about=person.pk, restored=True)
    record.agency = person.agency_id
    person.password = make_password(None)
    person.save(update_fields=("password",))


@accountable(Action.FACTOR_REMOVED, deed=Deed.SET_UP)
def remove_factor_lost(
    actor: Actor,  # judged and recorded by the door
    record: Record,
    *,
    factor: Factor,
    tools: Tools,  # recorded by the door
) -> None:
    """Remove a passkey, an app or recovery codes of a backup, also the last that somebody has."""
    factor = Factor.objects.select_for_update(no_key=True).get(pk=factor.pk)
    record.note(about=factor.pk, kind=factor.kind, person=factor.person_id, restored=True)
    record.agency = Person.objects.only("agency_id").get(pk=factor.person_id).agency_id
    factor.delete()


@accountable(Action.PROVIDER_UNLINKED, deed=Deed.SET_UP)
def unlink_lost(
    actor: Actor,  # judged and recorded by the door
    record: Record,
    *,
    person: UUID,
    tools: Tools,  # recorded by the door
) -> None:
    """End somebody's link of a backup with their account at a provider."""
    record.note(about=person, restored=True)
    record.agency = Person.objects.only("agency_id").get(pk=person).agency_id
    ProviderAccount.objects.filter(person_id=person).delete()


@composed_of(revoke_lost)
def revoke_token_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Make the token of this id useless if it is there; return how many."""
    rows = Token.objects.filter(pk=about, revoked_at=None)
    for token in rows:
        revoke_lost(actor, token=token, tools=tools)
    return len(rows)


@composed_of(remove_factor_lost)
def remove_factor_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Remove the factor of this id if it is there; return how many.

    Earlier versions named the person instead, not which factor: then all go that this person has in the backup,
    because one of them was lost or stolen. Whoever has none left is let in anew.
    """
    rows = Factor.objects.filter(Q(pk=about) | Q(person=about)).order_by("pk")
    for factor in rows:
        remove_factor_lost(actor, factor=factor, tools=tools)
    return len(rows)


@composed_of(unlink_lost)
def unlink_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """End the link of the person of this id with their account at a provider if there is one; return how many."""
    rows = list(ProviderAccount.objects.filter(person=about).values_list("person_id", flat=True))
    for person in rows:
        unlink_lost(actor, person=person, tools=tools)
    return len(rows)


@composed_of(withdraw_lost)
def withdraw_invitation_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Take back the invitation of this id if it is there and open; return how many."""
    rows = Invitation.objects.filter(pk=about, accepted_at=None, withdrawn_at=None)
    for invitation in rows:
        withdraw_lost(actor, invitation=invitation, tools=tools)
    return len(rows)


@composed_of(withdraw_lost)
def withdraw_open_invitations(actor: Actor, *, failed: list[str], tools: Tools) -> int:
    """Take back every open invitation of a backup; return how many.

    Since the backup its link may have been used or taken back, and whoever has it may be anybody. Those that
    ended are taken back too: a restored machine's clock may be wrong. `failed` is given the ids of those whose agency's
    key does not open.
    """
    done = 0
    for invitation in Invitation.objects.filter(accepted_at=None, withdrawn_at=None).order_by("pk"):
        try:
            withdraw_lost(actor, invitation=invitation, tools=tools)
        except (KeyUnavailable, SealBroken):
            failed.append(str(invitation.pk))
        else:
            done += 1
    return done


@composed_of(suspend_lost)
def suspend_person_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Suspend the person of this id if they are there; return how many."""
    rows = [one for one in Person.objects.filter(pk=about) if not one.suspended]
    for person in rows:
        suspend_lost(actor, person=person, tools=tools)
    return len(rows)


@composed_of(lock_password_lost)
def lock_password_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Have the password of the person of this id open nothing if they are there; return how many.

    The one that they chose since is lost. A passkey still lets them in; whoever has none is let in anew.
    """
    rows = [one for one in Person.objects.filter(pk=about) if is_password_usable(one.password)]
    for person in rows:
        lock_password_lost(actor, person=person, tools=tools)
    return len(rows)


@composed_of(suspend_agency)
def suspend_agency_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Suspend the agency of this id if it is there; return how many."""
    rows = [one for one in Agency.objects.filter(pk=about) if not one.suspended]
    for agency in rows:
        suspend_agency(actor, agency=agency, reason=DONE_BEFORE, tools=tools)
    return len(rows)
