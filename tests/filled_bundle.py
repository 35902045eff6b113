"""A case's bundle from the rows that the program's own services wrote, for tests of the format."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from countenance.apps.examinations.models import Comparison, Examination
from countenance.apps.examinations.saying import as_text
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.objects import get_object
from countenance.apps.records.services import unseal_body
from countenance.apps.searches.models import Probe, Search, SearchRequest
from countenance.bundle import contents as c
from countenance.bundle.proofs import inclusion_paths
from countenance.ledger.merkle import leaf_hash, root


def _probe(one: Probe, tools: Any) -> c.Probe:
    gone = one.details is None
    data = None if gone else get_object(one, tools=tools)
    return c.Probe(
        id=one.pk,
        sha256=None if gone else one.details["sha256"],
        file=None if data is None else c.File(data=data, suffix="jpg"),
        derived_from=one.derived_from_id,
        details={} if gone else {"faces": one.details["faces"]},
    )


def _search(one: Search) -> c.Search:
    request, outcome = one.request, one.outcome
    more = request.get("more", [])
    versions = {} if outcome is None else outcome["versions"]
    answers = [] if one.answers_id is None else [one.answers_id]
    candidates = None
    if outcome is not None:
        candidates = [
            c.Candidate(
                subject=UUID(found["subject"]),
                faces=[(face["face"], f"{face['similarity']:.6f}") for face in found["faces"]],
                details={},
                fused=(f"{found['similarity']:.6f}", found["fused"])
                if found.get("fused", 1) > 1
                else None,
            )
            for found in outcome["candidates"]
        ]
    return c.Search(
        id=one.pk,
        probes=[one.probe_id, *(UUID(other["probe"]) for other in more)],
        requests=[*answers, *(UUID(other["answers"]) for other in more)],
        model=request["model"],
        mode="investigation list" if request["threshold"] is None else "threshold, not measured",
        state="purged" if one.purged_at else str(one.state),
        answer=None if outcome is None else outcome["answer"],
        candidates=candidates,
        galleries=[
            c.Gallery(id=UUID(gallery), version=versions.get(gallery), details={})
            for gallery in request["galleries"]
        ],
        details={"reason": one.reason, "request": request},
    )


def _examination(one: Examination) -> c.Examination:
    gone = one.object_key is None
    comparisons = [
        c.Comparison(
            id=each.pk,
            subject=None if gone else UUID(each.about["subject"]),
            follows=each.follows_id,
            said=None if gone or each.said is None else as_text(each.said),
            details={},
        )
        for each in Comparison.objects.filter(examination=one).order_by("place", "recorded_at")
    ]
    assert one.search_id is not None
    analysis = None if gone or one.analysis is None else as_text(one.analysis)
    return c.Examination(
        id=one.pk, search=one.search_id, analysis=analysis, comparisons=comparisons, details={}
    )


def _ledger(about: set[UUID], keyring: Any) -> c.Ledger:
    rows = list(LedgerRow.objects.order_by("index"))
    leaves = [leaf_hash(bytes(row.entry)) for row in rows]
    mine = [row for row in rows if row.about in about]
    paths = inclusion_paths(leaves, [row.index for row in mine])
    entries = []
    for row in mine:
        salt, body = unseal_body(row, keyring=keyring) or (None, None)
        entries.append(
            c.LedgerEntry(
                index=row.index, entry=bytes(row.entry), salt=salt, body=body, path=paths[row.index]
            )
        )
    return c.Ledger(size=len(rows), root=root(leaves), entries=entries)


def contents_of(case: Any, *, tools: Any) -> c.Contents:
    """Return what is disclosed of a case."""
    probes = list(Probe.objects.filter(case=case).order_by("pk"))
    requests = list(SearchRequest.objects.filter(case=case).order_by("pk"))
    searches = list(Search.objects.filter(case=case).order_by("pk"))
    examinations = list(Examination.objects.filter(search__in=searches).order_by("pk"))
    comparisons = Comparison.objects.filter(examination__in=examinations)
    rows = [*probes, *requests, *searches, *examinations, *comparisons]
    models = {one.request["model"] for one in searches}
    return c.Contents(
        deployment=tools.keyring.deployment,
        agency=(case.agency_id, "Agency"),
        case=(case.pk, "26-0001"),
        made_at=tools.clock(),
        probes=[_probe(one, tools) for one in probes],
        edits=[
            c.Edit(
                probe=one.pk,
                of=one.derived_from_id,
                details={"how": (one.details or {}).get("how")},
            )
            for one in probes
            if one.derived_from_id is not None
        ],
        requests=[
            c.Request(id=one.pk, probe=one.probe_id, state=str(one.state), details=one.wishes)
            for one in requests
        ],
        searches=[_search(one) for one in searches],
        examinations=[_examination(one) for one in examinations],
        leads=[],
        authorities=[],
        model_cards=[c.ModelCard(id=model, card={}) for model in sorted(models)],
        error_rates={},
        ledger=_ledger({case.pk, *(row.pk for row in rows)}, tools.keyring),
    )
