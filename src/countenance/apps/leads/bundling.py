"""Exporting the disclosure bundle of a case: all of it, signed by the deployment, in one file."""

from __future__ import annotations

import hashlib

from countenance import policy
from countenance.apps.cases.models import Case
from countenance.apps.galleries.drawn import permit_beside_draw
from countenance.apps.leads import disclosure
from countenance.apps.records.locks import as_of_one_moment
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.bundle import Contents, write_bundle
from countenance.errors import NotPermitted, WrongState
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools


@accountable(Action.BUNDLE_EXPORTED, deed=Deed.BUNDLE_EXPORT)
def _record_export(
    actor: Actor, record: Record, *, case: Case, made: bytes | None, size: int, tools: Tools
) -> bytes:
    record.note(about=case.pk, case=case.pk)
    _permit(actor, case)
    if made is None:
        raise WrongState("The case changed a moment ago. Export its bundle again.")
    record.note(sha256=hashlib.sha256(made).hexdigest(), bytes=len(made), ledger_size=size)
    return made


@composed_of(_record_export)
def export_bundle(actor: Actor, *, case: Case, tools: Tools) -> bytes:
    """Return everything that was done in a case as one signed archive, verified before it leaves.

    It is read from one snapshot of the database, so nobody's work waits for it; then the export is put
    on the ledger with the archive's hash, and only then does it leave.

    Raises:
        NotPermitted: the actor's roles, or their agency, do not disclose this case; recorded.
        StepUpNeeded: the actor has not proved just now who they are.
        WrongState: candidates of a search still wait for examiners.
        BundleBroken, SealBroken: rows and ledger contradict each other.
        InputError: it is too much for one file.
    """
    made, size = None, 0
    try:
        policy.permit_deed(actor, Deed.BUNDLE_EXPORT, now=tools.clock())
        _permit(actor, case)
        contents = _read(actor, case, tools=tools)
        size = contents.ledger.size
        keyring = tools.keyring
        made = write_bundle(
            contents, sign=keyring.signing_key().sign, public_key=keyring.verifying_key()
        )
    except NotPermitted:
        pass
    return _record_export(actor, case=case, made=made, size=size, tools=tools)


def _permit(actor: Actor, case: Case) -> None:
    permit_beside_draw(actor)
    policy.permit_own(actor, case.agency_id)
    policy.permit_case_member(actor, case.facts)


def _read(actor: Actor, case: Case, *, tools: Tools) -> Contents:
    """Read a case and the ledger as both were at one moment."""
    with as_of_one_moment():
        case = Case.objects.get(pk=case.pk)
        disclosure.permit_blindly(actor, case, tools=tools)
        return disclosure.contents_of(actor, case, tools=tools)
