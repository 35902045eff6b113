"""All that was done in a case, from the rows to the contents of its disclosure bundle."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Any
from uuid import UUID

from countenance.apps.agencies.models import Agency
from countenance.apps.cases.models import Case
from countenance.apps.examinations import queries as examinations
from countenance.apps.examinations.models import Comparison, Examination, ExaminationState
from countenance.apps.examinations.queries import Sight
from countenance.apps.examinations.saying import as_text
from countenance.apps.examinations.standings import measured
from countenance.apps.leads import disclosed
from countenance.apps.leads.disclosed import who
from countenance.apps.leads.models import Lead
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import unseal_body
from countenance.apps.searches.clock import is_frozen_now
from countenance.apps.searches.footage_rows import Footage
from countenance.apps.searches.models import Probe, Search, SearchRequest
from countenance.bundle import contents as c
from countenance.bundle.proofs import inclusion_paths
from countenance.errors import KeyUnavailable, WrongState
from countenance.examination.control import Rate
from countenance.faces.card import ModelCard, parse_card, read_card
from countenance.faces.zoo import DEFAULT_CARDS
from countenance.ledger.entry import Action
from countenance.ledger.merkle import leaf_hash, root
from countenance.policy import Actor
from countenance.sealing.keyring import Keyring
from countenance.tools import Tools

OF_FOUND = {
    str(Action.SEARCH_CONCLUDED),
    str(Action.CANDIDATES_VIEWED),
    str(Action.SEARCH_CLOSED),
    str(Action.EXAMINATION_ENDED),
}
"""The entries whose bodies say what a search found, or why nobody compares it any more."""
WITHHELD = ("conclusion.", "lead.")
"""So begin the actions of all other entries of which a bundle holds no body if the search is frozen."""
NO_CARD = "This model did not come with the program; whoever runs the deployment has its card."
NO_THRESHOLD = (
    "No threshold was set: a list is always returned, also when the person is not in the gallery. No "
    "error rate of it was measured."
)
NOT_MEASURED = (
    "How often the model errs at this threshold was not measured on the searched galleries. The "
    "threshold says which similarity a candidate needed, and no more."
)
CONTROLS = (
    "Controls are enrolled photos whose answer was known, examined without knowing that they were "
    "controls. Intervals are Wilson's, 95 %. Of nothing measured they run from 0 to 1."
)


def permit_blindly(actor: Actor, case: Case, *, tools: Tools) -> None:
    """Permit to disclose a case only if what its searches found is no secret from anybody who examines.

    Raises:
        WrongState: candidates of a search still wait for examiners, or for this person; or the clock is
            about to freeze one.
    """
    now = tools.clock()
    for search in Search.objects.filter(case=case).select_related("closing").order_by("pk"):
        live = search.frozen_at is None and search.purged_at is None
        if live and is_frozen_now(search, now=now) is not None:
            raise WrongState(
                "The authority of a search of this case was refused, or did not come in time. What it found is "
                "put away within a minute; export the bundle then."
            )
        if not examinations.has_candidates(search):
            continue
        # What the actor may know is judged first, so that it takes as long wherever others are.
        unfinished = search.examinations.filter(state=ExaminationState.OPEN)
        if examinations.sight(actor, search) != Sight.EVERYTHING or unfinished.exists():
            raise WrongState(
                "The candidates of a search of this case are not compared by all its examiners yet. What it "
                "found cannot be disclosed before: have it examined, or close it with a reason."
            )


def contents_of(actor: Actor, case: Case, *, tools: Tools) -> c.Contents:
    """Return what is disclosed of a case; read within one snapshot of the database.

    Controls are left out: they are of no case. What examiners got wrong in them is in the error rates.

    Raises:
        SealBroken: a row is filed where it does not belong.
    """
    probes = list(Probe.objects.filter(case=case).order_by("pk"))
    videos = list(Footage.objects.filter(case=case).order_by("pk"))
    requests = list(SearchRequest.objects.filter(case=case).order_by("pk"))
    searches = list(Search.objects.filter(case=case).order_by("pk"))
    examined = list(
        Examination.objects.filter(search__in=searches).select_related("search").order_by("pk")
    )
    compared = list(Comparison.objects.filter(examination__in=examined).order_by("place", "pk"))
    leads = list(Lead.objects.filter(case=case).select_related("search", "case").order_by("pk"))
    authorities = disclosed.authorities_of(case.authority_id, searches)
    found = [disclosed.search(actor, one, tools=tools) for one in searches]
    rows = (probes, videos, requests, searches, examined, compared, leads, authorities)
    return c.Contents(
        deployment=tools.keyring.deployment,
        agency=(case.agency_id, str(Agency.objects.get(pk=case.agency_id).own_name or "")),
        case=(case.pk, case.reference),
        made_at=tools.clock(),
        probes=[disclosed.probe(one, tools=tools) for one in probes],
        edits=[disclosed.edit(one) for one in probes if one.derived_from_id is not None],
        requests=[disclosed.request(one) for one in requests],
        searches=found,
        examinations=[
            _examination(one, [row for row in compared if row.examination_id == one.pk])
            for one in examined
        ],
        leads=[disclosed.lead(actor, one, tools=tools) for one in leads],
        authorities=[disclosed.authority(one, tools=tools) for one in authorities],
        model_cards=_model_cards({one.model for one in found if one.model is not None}),
        error_rates=_error_rates(case, found, {one.examiner_id for one in examined}),
        ledger=_ledger(
            {case.pk, *(row.pk for some in rows for row in some)},
            withheld=_frozen(searches, examined, compared, leads),
            case=case,
            keyring=tools.keyring,
        ),
    )


def _examination(one: Examination, rows: Iterable[Comparison]) -> c.Examination:
    if one.search is None:
        raise WrongState("A control is of no case.")
    details: dict[str, Any] = {
        "examiner": who(one.examiner_id),
        "state": one.state,
        "begun_at": one.begun_at,
        "analysed_at": one.analysed_at,
        "recorded_at": one.recorded_at,
    }
    gone = one.object_key is None
    closed = gone or disclosed.is_frozen(one.search)
    if not gone:
        one.check_links()
        shown = ("code", "drawn") if closed else ("code", "drawn", "ended")
        details |= {name: one.about.get(name) for name in shown}
    return c.Examination(
        id=one.pk,
        search=one.search.pk,
        analysis=None if gone or one.analysis is None else as_text(one.analysis),
        comparisons=[_comparison(row, closed=closed) for row in rows],
        details=details,
    )


def _comparison(one: Comparison, *, closed: bool) -> c.Comparison:
    """Return what was concluded of a candidate; of what is destroyed or frozen, only that it was."""
    details: dict[str, Any] = {"place": one.place, "recorded_at": one.recorded_at}
    if closed:
        return c.Comparison(
            id=one.pk, subject=None, follows=one.follows_id, said=None, details=details
        )
    one.check_links()
    return c.Comparison(
        id=one.pk,
        subject=UUID(one.about["subject"]),
        follows=one.follows_id,
        said=None if one.said is None else as_text(one.said),
        details={**details, "letter": one.about["letter"], "rank": one.about["rank"]},
    )


def _model_cards(models: Collection[str]) -> list[c.ModelCard]:
    known = [parse_card(read_card(path), path.name) for path in DEFAULT_CARDS.values()]
    cards = []
    for model in sorted(models):
        parts = [_card(card) for card in known if card.id in model]
        cards.append(c.ModelCard(id=model, card={"parts": parts} if parts else {"none": NO_CARD}))
    return cards


def _card(card: ModelCard) -> dict[str, Any]:
    """Return a card with its numbers as they stand on it, to the last digit."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(card)), parse_float=str)
    return plain


def _error_rates(
    case: Case, found: Iterable[c.Search], examiners: Iterable[UUID]
) -> dict[str, Any]:
    """Return how often examiners were wrong where the truth was known, and what is known of the model."""
    people = []
    for examiner in sorted(examiners):
        one = measured(examiner, agency=case.agency_id)
        people.append(
            {
                "examiner": who(examiner),
                "said_same_of_two_people": _rate(one.false_same),
                "said_two_of_one_person": _rate(one.false_other),
                "wrong": _rate(one.all_wrong),
                "undecided": _rate(one.undecided),
                "controls_left_out": one.unreadable,
            }
        )
    return {
        "controls": CONTROLS,
        "examiners": people,
        "model": _of_models(found),
    }


def _of_models(found: Iterable[c.Search]) -> list[dict[str, Any]]:
    """Return what is known of the models at each threshold that was used, each once."""
    used: dict[str, dict[str, Any]] = {}
    for one in found:
        if one.model is None:
            continue
        threshold = one.details["asked"]["threshold"]
        why = NO_THRESHOLD if threshold is None else NOT_MEASURED
        said = {
            "model": one.model,
            "threshold": threshold,
            "measured": one.point,
            "why": one.details["means"] or why,
        }
        used.setdefault(json.dumps(said, sort_keys=True), said)
    return sorted(
        used.values(),
        key=lambda one: (one["model"], one["threshold"] is not None, one["threshold"] or 0.0),
    )


def _rate(one: Rate) -> dict[str, Any]:
    return {"wrong": one.wrong, "of": one.of, "low": float(one.low), "high": float(one.high)}


def _frozen(
    searches: Iterable[Search],
    examined: Iterable[Examination],
    compared: Iterable[Comparison],
    leads: Iterable[Lead],
) -> set[UUID]:
    """Return the ids of frozen searches, of what was concluded of them, and of the leads."""
    frozen = {one.pk for one in searches if disclosed.is_frozen(one)}
    theirs = {one.pk for one in examined if one.search_id in frozen}
    concluded = {one.pk for one in compared if one.examination_id in theirs}
    return frozen | theirs | concluded | {one.pk for one in leads if one.search_id in frozen}


def _ledger(
    about: set[UUID], *, withheld: Collection[UUID], case: Case, keyring: Keyring
) -> c.Ledger:
    """Return the case's entries, each with its body, if that opens, and its path to the root."""
    leaves = [
        leaf_hash(bytes(entry))
        for entry in LedgerRow.objects.order_by("index")
        .values_list("entry", flat=True)
        .iterator(chunk_size=2000)
    ]
    mine = []
    for row in LedgerRow.objects.filter(about__in=about).order_by("index"):
        opened = None if _is_withheld(row, withheld) else _opened(row, keyring)
        if opened is None or _of_this_case(opened[1], case):
            mine.append((row, opened))
    mine = sorted([*mine, *_restores(mine)], key=lambda one: one[0].index)
    paths = inclusion_paths(leaves, [row.index for row, _ in mine])
    entries = [
        c.LedgerEntry(
            index=row.index,
            entry=bytes(row.entry),
            salt=None if opened is None else opened[0],
            body=None if opened is None else opened[1],
            path=paths[row.index],
        )
        for row, opened in mine
    ]
    return c.Ledger(size=len(leaves), root=root(leaves), entries=entries)


def _restores(mine: Iterable[tuple[LedgerRow, object]]) -> list[tuple[LedgerRow, None]]:
    """Return the restores after an entry whose body is gone, which may be why; what they say is the deployment's own."""
    first = min((row.index for row, _ in mine if row.body is None), default=None)
    if first is None:
        return []
    rows = LedgerRow.objects.filter(action=str(Action.DEPLOYMENT_RESTORED), index__gt=first)
    return [(row, None) for row in rows.order_by("index")]


def _is_withheld(row: LedgerRow, withheld: Collection[UUID]) -> bool:
    if row.about not in withheld:
        return False
    return row.action in OF_FOUND or row.action.startswith(WITHHELD)


def _opened(row: LedgerRow, keyring: Keyring) -> tuple[bytes, bytes] | None:
    """Return salt and body; None if erased, or if it is another agency's or the deployment's own."""
    try:
        return unseal_body(row, keyring=keyring)
    except KeyUnavailable:
        return None


def _of_this_case(body: bytes, case: Case) -> bool:
    """Say whether an entry about something that several cases share, such as an authority, is of this one."""
    named = json.loads(body)["facts"].get("case")
    return named in {None, str(case.pk)}
