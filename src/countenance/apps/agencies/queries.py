"""Reading agencies, people and invitations. Nothing here opens what the keys of a request do not."""

from __future__ import annotations

import hashlib
from uuid import UUID

from countenance.apps.agencies.models import Agency, Invitation, Person, VettingDocument
from countenance.errors import NotFound
from countenance.policy import Actor
from countenance.tools import Tools

UNUSABLE_LINK = (
    "This invitation cannot be used: it was used already, was withdrawn, has ended, or never was. "
    "Ask whoever invited you for a new one."
)


def people(actor: Actor) -> list[Person]:
    """Return the people of the actor's agency, oldest first."""
    return list(Person.objects.filter(agency_id=actor.agency).order_by("added_at", "pk"))


def person(actor: Actor) -> Person:
    """Return the acting person.

    Raises:
        NotFound: there is none of this id in the agency.
    """
    return person_of(actor, actor.person)


def person_of(actor: Actor, person_id: UUID) -> Person:
    """Return a person of the actor's agency.

    Raises:
        NotFound: there is none of this id in the agency.
    """
    found = Person.objects.filter(pk=person_id, agency_id=actor.agency).first()
    if found is None:
        raise NotFound("There is no such person in your agency.")
    return found


def person_by_email(actor: Actor, email: str, *, tools: Tools) -> Person:
    """Return the person of the actor's agency who has this e-mail address.

    Raises:
        NotFound: nobody of the agency has it.
    """
    found = Person.objects.filter(
        email_index=email_index_of(email, tools=tools), agency_id=actor.agency
    ).first()
    if found is None:
        raise NotFound("Nobody of your agency has this e-mail address.")
    return found


def agency(actor: Actor) -> Agency:
    """Return the acting person's agency."""
    return Agency.objects.get(pk=actor.agency)


def agencies() -> list[Agency]:
    """Return every admitted agency, oldest first; their names open for the custodian only."""
    return list(Agency.objects.order_by("admitted_at"))


def agency_of(agency_id: UUID) -> Agency:
    """Return an admitted agency; its name opens for the custodian only.

    Raises:
        NotFound: there is none of this id.
    """
    found = Agency.objects.filter(pk=agency_id).first()
    if found is None:
        raise NotFound("There is no such agency.")
    return found


def agency_by_name(name: str) -> Agency:
    """Return the agency of this name, for the custodian.

    Raises:
        NotFound: none is called so.
    """
    wanted = name.strip().casefold()
    for one in agencies():
        if one.name.casefold() == wanted:
            return one
    raise NotFound("No agency of this name is admitted.")


def custodians() -> Agency | None:
    """Return the custodians' own agency, if it is made."""
    return next((one for one in agencies() if one.custodial), None)


def admitted() -> list[Agency]:
    """Return the agencies but for the custodians' own."""
    return [one for one in agencies() if not one.custodial]


def vetting_document(document_id: UUID) -> VettingDocument:
    """Return the row of a vetting's document.

    Raises:
        NotFound: there is none of this id.
    """
    found = VettingDocument.objects.filter(pk=document_id).first()
    if found is None:
        raise NotFound("There is no such document.")
    return found


def vetting_documents(agency: Agency) -> list[VettingDocument]:
    """Return the documents of an agency's vetting, oldest first."""
    return list(agency.documents.order_by("added_at", "id"))


def pending_invitations(actor: Actor, *, tools: Tools) -> list[Invitation]:
    """Return the invitations of the actor's agency that can still be accepted, newest first."""
    return [
        one
        for one in Invitation.objects.filter(agency_id=actor.agency, by_custodian=False).order_by(
            "-invited_at"
        )
        if is_pending(one, tools=tools)
    ]


def custodian_invitations(agency: Agency) -> list[Invitation]:
    """Return what custodians sent to an agency, newest first; opens for the custodian only."""
    return list(Invitation.objects.filter(agency=agency, by_custodian=True).order_by("-invited_at"))


def is_pending(invitation: Invitation, *, tools: Tools) -> bool:
    """Say whether an invitation can still be accepted."""
    return (
        invitation.accepted_at is None
        and invitation.withdrawn_at is None
        and invitation.expires_at > tools.clock()
    )


def secret_hash(secret: str) -> bytes:
    """Return what is kept of an invitation's secret; 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def invitation_by_secret(secret: str, *, tools: Tools) -> Invitation:
    """Return the invitation that a link belongs to, while it can be accepted.

    Every reason against it reads the same.

    Raises:
        NotFound: it was used, withdrawn, has ended, or never was; or its agency is suspended.
    """
    found = (
        Invitation.objects.filter(secret_hash=secret_hash(secret)).select_related("agency").first()
    )
    if found is None or found.agency.suspended or not is_pending(found, tools=tools):
        raise NotFound(UNUSABLE_LINK)
    if found.spent:
        raise NotFound(UNUSABLE_LINK)
    return found


def email_index_of(email: str, *, tools: Tools) -> bytes:
    """Return the blind index of an e-mail address."""
    return tools.keyring.blind_index(email.strip(), purpose="person.email")


def directory(actor: Actor) -> list[tuple[UUID, str]]:
    """Return id and name of the other agencies that are listed, by name."""
    found = [
        (one.pk, str(one.standing["name"]))
        for one in Agency.objects.exclude(pk=actor.agency)
        if one.standing and one.standing.get("name") and not one.custodial and not one.suspended
    ]
    return sorted(found, key=lambda pair: (pair[1].casefold(), pair[0]))
