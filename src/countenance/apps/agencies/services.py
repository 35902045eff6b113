"""Admitting and suspending agencies, and adding people at set-up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib.auth.hashers import make_password

from countenance.apps.agencies import proofs
from countenance.apps.agencies.models import Agency, Person, SignInSession, VettingDocument
from countenance.apps.agencies.queries import email_index_of
from countenance.apps.records.keys import save_keys
from countenance.apps.records.objects import get_object, put_object
from countenance.apps.records.services import Record, accountable
from countenance.errors import (
    AlreadyExists,
    InputError,
    NotPermitted,
    ReasonMissing,
    WrongState,
)
from countenance.ledger.entry import Action
from countenance.policy import DEFAULT_PACK, SYSTEM, Actor, Deed, Role, permit_roles
from countenance.policy.packs import PACKS
from countenance.tools import Tools

MAX_NAME = 200
MAX_DOCUMENTS = 10
MAX_DOCUMENT_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Vetting:
    """Who checked what of an agency before it was admitted, and when."""

    checked_by: str
    checked_on: date
    what: str


@accountable(Action.AGENCY_ADMITTED, deed=Deed.AGENCY_ADMIT)
def admit_agency(  # one keyword for each thing that is said of an agency
    actor: Actor,
    record: Record,
    *,
    name: str,
    pack: str = DEFAULT_PACK,
    listed: bool = True,
    custodial: bool = False,
    vetting: Vetting | None = None,
    documents: Sequence[tuple[str, bytes]] = (),
    tools: Tools,
) -> Agency:
    """Admit an agency and make its keys.

    Args:
        actor: a custodian, or the machine itself.
        record: what the entry says.
        name: what it is called.
        pack: the policy pack that binds it.
        listed: other agencies may know that it is here; otherwise it counts in totals only.
        custodial: it is the custodians' own, which holds no cases and no galleries; at set-up only.
        vetting: who checked what, and when; a custodian has to say it.
        documents: what was checked, as file name and bytes; sealed for custodians.
        tools: keys, store and clock.

    Raises:
        InputError: name, pack, vetting or a document is not usable.
        AlreadyExists: an agency of this name is admitted.
        NotPermitted: a custodian asked for a second agency of custodians.
    """
    name = name.strip()
    if not name or len(name) > MAX_NAME:
        raise InputError(f"An agency needs a name, of at most {MAX_NAME} characters.")
    _check_pack(pack)
    if actor != SYSTEM:
        if custodial:
            raise NotPermitted(
                "The custodians' own agency is made at set-up. Invite further custodians into it.",
                rule="agency.custodial",
            )
        _refuse_same_name(name)
    agency = Agency(
        name=name,
        own_name=name,
        standing=_standing(name, pack=pack, listed=listed, custodial=custodial),
        vetting=_vetting(actor, vetting, tools=tools),
        admitted_at=tools.clock(),
    )
    records = tools.keyring.agency_records(agency.pk)
    save_keys(records)
    tools.keyring.add(records)
    agency.save(force_insert=True)
    _keep_documents(agency, documents, tools=tools)
    record.note(about=agency.pk, pack=pack, listed=listed, documents=len(documents))
    return agency


def _standing(name: str, *, pack: str, listed: bool, custodial: bool) -> dict[str, Any]:
    """Return what every request may know of an agency."""
    # Listed agencies are known to the others by name, so that galleries can be granted to them.
    known_as = name if listed and not custodial else None
    return {
        "pack": pack,
        "listed": listed,
        "custodial": custodial,
        "suspended": None,
        "name": known_as,
    }


@accountable(Action.AGENCY_CHANGED, deed=Deed.PACK_CHOOSE)
def change_agency(
    actor: Actor, record: Record, *, agency: Agency, pack: str, listed: bool, tools: Tools
) -> Agency:
    """Bind an agency to another policy pack, or list or unlist it.

    Raises:
        InputError: there is no such pack.
        NotPermitted: it is the custodians' own.
    """
    _check_pack(pack)
    agency = _locked(agency, record)
    before = agency.standing or {}
    agency.standing = {
        **before,
        "pack": pack,
        "listed": listed,
        "name": agency.name if listed else None,
    }
    agency.save(update_fields=("standing",))
    record.note(pack=pack, listed=listed, pack_before=before.get("pack"))
    return agency


@accountable(Action.AGENCY_SUSPENDED, deed=Deed.AGENCY_SUSPEND)
def suspend_agency(
    actor: Actor, record: Record, *, agency: Agency, reason: str, tools: Tools
) -> Agency:
    """Suspend an agency: its people's sessions end at once, and tokens and links stop working.

    Raises:
        ReasonMissing: why is not said.
        NotPermitted: it is the custodians' own.
        WrongState: it is suspended already.
    """
    _check_reason(reason)
    agency = _locked(agency, record)
    if agency.suspended:
        raise WrongState("This agency is suspended already.")
    agency.standing = {**(agency.standing or {}), "suspended": tools.clock().isoformat()}
    # Why is for custodians: the standing is what every request may know.
    agency.vetting = {**(agency.vetting or {}), "suspended_because": reason.strip()}
    agency.save(update_fields=("standing", "vetting"))
    ended, _ = SignInSession.objects.filter(person__agency=agency).delete()
    record.note(reason=reason.strip(), sessions_ended=ended)
    return agency


@accountable(Action.AGENCY_RESTORED, deed=Deed.AGENCY_SUSPEND)
def restore_agency(
    actor: Actor, record: Record, *, agency: Agency, reason: str, tools: Tools
) -> Agency:
    """Lift the suspension of an agency; its people sign in anew.

    Raises:
        ReasonMissing: why is not said.
        WrongState: it is not suspended.
    """
    _check_reason(reason)
    agency = _locked(agency, record)
    if not agency.suspended:
        raise WrongState("This agency is not suspended.")
    agency.standing = {**(agency.standing or {}), "suspended": None}
    agency.vetting = {**(agency.vetting or {}), "suspended_because": None}
    agency.save(update_fields=("standing", "vetting"))
    record.note(reason=reason.strip())
    return agency


@accountable(Action.VETTING_VIEWED, deed=Deed.AGENCY_READ)
def view_vetting_document(
    actor: Actor, record: Record, *, document: VettingDocument, tools: Tools
) -> bytes:
    """Return the bytes of a vetting's document; each look is an entry."""
    record.note(about=document.pk, agency=document.agency_id)
    return get_object(document, tools=tools)


def _locked(agency: Agency, record: Record) -> Agency:
    """Return an agency's row, locked; the custodians' own is never changed like this."""
    record.note(about=agency.pk)
    agency = Agency.objects.select_for_update(no_key=True).get(pk=agency.pk)
    if agency.custodial:
        raise NotPermitted(
            "The custodians' own agency cannot be changed or suspended, or nobody could undo it. "
            "Suspend a single custodian instead.",
            rule="agency.custodial",
        )
    return agency


def _check_pack(pack: str) -> None:
    if pack not in PACKS:
        raise InputError("There is no policy pack of this name. Choose one of the list.")


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissing("Say in words why; your oversight body reads it.")


def _refuse_same_name(name: str) -> None:
    """Refuse a name that an admitted agency has, whatever its case."""
    if any(one.name.casefold() == name.casefold() for one in Agency.objects.all()):
        raise AlreadyExists("An agency of this name is admitted already.")


def _vetting(actor: Actor, vetting: Vetting | None, *, tools: Tools) -> dict[str, Any] | None:
    """Return the vetting as it is sealed."""
    if vetting is None:
        if actor == SYSTEM:
            return None
        raise InputError("Say who checked what of this agency, and when, before it is admitted.")
    if not vetting.checked_by.strip() or not vetting.what.strip():
        raise InputError("The vetting names who checked and what was checked.")
    if vetting.checked_on > tools.clock().date():
        raise InputError("The vetting is dated in the future.")
    return {
        "checked_by": vetting.checked_by.strip(),
        "checked_on": vetting.checked_on.isoformat(),
        "what": vetting.what.strip(),
    }


def _keep_documents(
    agency: Agency, documents: Sequence[tuple[str, bytes]], *, tools: Tools
) -> None:
    """Seal the documents of a vetting, each under a key of its own."""
    if len(documents) > MAX_DOCUMENTS:
        raise InputError(f"A vetting has at most {MAX_DOCUMENTS} documents.")
    for file_name, data in documents:
        if not data:
            raise InputError("One of the documents is empty. Choose another file.")
        if len(data) > MAX_DOCUMENT_BYTES:
            raise InputError(f"A document has at most {MAX_DOCUMENT_BYTES // 1024**2} MB.")
        details = {"file_name": file_name[-MAX_NAME:] or "document", "bytes": len(data)}
        document = VettingDocument(agency=agency, details=details, added_at=tools.clock())
        put_object(document, data, tools=tools)
        document.save(force_insert=True)


@accountable(Action.PERSON_ADDED, deed=Deed.SET_UP)
def add_person(
    actor: Actor,
    record: Record,
    *,
    agency: Agency,
    name: str,
    email: str,
    password: str | None,
    roles: Collection[Role] = (),
    tools: Tools,
) -> Person:
    """Add a person to an agency; without a password they cannot sign in to the web app.

    Raises:
        InputError: name, address or password is not usable.
        AlreadyExists: the address is taken.
    """
    name, email = name.strip(), email.strip()
    if not name or "@" not in email:
        raise InputError("A person needs a name and an e-mail address.")
    if password is not None:
        proofs.check_new_password(password, email=email)
    permit_roles(roles)
    email_index = email_index_of(email, tools=tools)
    if Person.objects.filter(email_index=email_index).exists():
        raise AlreadyExists("A person with this e-mail address is already there.")
    person = Person(
        agency=agency,
        name=name,
        email=email,
        email_index=email_index,
        password=make_password(password),
        standing={"roles": sorted(roles)},
        added_at=tools.clock(),
    )
    person.save(force_insert=True)
    record.note(about=person.pk, agency=agency.pk)
    return person
