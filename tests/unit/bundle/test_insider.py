"""Whoever holds the deployment's key signs a bundle that contradicts the ledger or itself: both verifiers refuse."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from bundle_mutations import (
    ENTRIES,
    Members,
    _change,
    joined,
    lines_of,
    listed,
    members_of,
    signed,
    with_counts,
    with_json,
    without_search,
)
from bundles import PUBLIC, SIGNER, drawn_bundle, independent, pattern, uid

from countenance.bundle import verify
from countenance.bundle.shapes import MODES
from countenance.errors import BundleBroken
from countenance.ledger.entry import canonical_json

SCRIPT = independent()
Change = Callable[[Members], Members]


def name_of(folder: str, name: str) -> str:
    return f"{folder}/{uid(name)}.json"


def refused_by_ours(data: bytes) -> str:
    try:
        verify(data, expected_key=PUBLIC)
    except BundleBroken as broken:
        return broken.detail
    return ""


def refused_by_the_script(data: bytes) -> str:
    try:
        SCRIPT.verify(data, PUBLIC.hex())
    except Exception as error:  # noqa: BLE001 # whatever a broken file leads to
        return repr(error)
    return ""


def record(members: Members, folder: str, name: str) -> Any:
    return json.loads(members[name_of(folder, name)])


def changed(folder: str, name: str, **fields: Any) -> Change:
    return lambda members: with_json(members, name_of(folder, name), **fields)


def without(name: str, **counts: int) -> Change:
    def change(members: Members) -> Members:
        return with_counts({key: body for key, body in members.items() if key != name}, **counts)

    return change


def lines(change: Callable[[list[dict[str, Any]]], Any]) -> Change:
    def changed_lines(members: Members) -> Members:
        found = lines_of(members)
        change(found)
        more = len(found) - len(lines_of(members))
        return with_counts(members | {ENTRIES: joined(found)}, entries=more)

    return changed_lines


def without_entry(action: str, name: str | None = None) -> Change:
    def drop(found: list[dict[str, Any]]) -> None:
        about = "" if name is None else str(uid(name))
        first = next(one for one in found if action in one["entry"] and about in one["entry"])
        found.remove(first)

    return lines(drop)


def without_entries_about(name: str) -> Change:
    return lines(
        lambda found: found.__setitem__(
            slice(None), [one for one in found if str(uid(name)) not in one["entry"]]
        )
    )


def without_negative_search(members: Members) -> Members:
    """Leave the search out, and its entries in."""
    del members[name_of("searches", "search none")]
    return with_counts(members, searches=-1, negative_searches=-1)


def other_similarity(members: Members) -> Members:
    found = record(members, "searches", "search found")
    found["candidates"][0]["faces"][0]["similarity"] = "0.912345"
    return with_json(members, name_of("searches", "search found"), candidates=found["candidates"])


def fewer_candidates(members: Members) -> Members:
    found = record(members, "searches", "search found")["candidates"][:1]
    return with_json(members, name_of("searches", "search found"), candidates=found)


def other_version(members: Members) -> Members:
    found = record(members, "searches", "search none")["galleries"]
    found[0]["version"] = 8
    return with_json(members, name_of("searches", "search none"), galleries=found)


def compared(name: str, index: int, **fields: Any) -> Change:
    def change(members: Members) -> Members:
        found = record(members, "examinations", name)["comparisons"]
        found[index] |= fields
        return with_json(members, name_of("examinations", name), comparisons=found)

    return change


def other_conclusion(members: Members) -> Members:
    found = record(members, "examinations", "first")["comparisons"]
    found[1]["said"]["conclusion"] = "same_strong"
    return with_json(members, name_of("examinations", "first"), comparisons=found)


def comparison_left_out(members: Members) -> Members:
    found = record(members, "examinations", "second")["comparisons"][1:]
    return with_json(members, name_of("examinations", "second"), comparisons=found)


def other_photo(members: Members) -> Members:
    photo = pattern("somebody else")
    members[f"probes/{uid('photo one')}.bmp"] = photo
    sha256 = hashlib.sha256(photo).hexdigest()
    return with_json(members, name_of("probes", "photo one"), sha256=sha256)


def photo_left_out(members: Members) -> Members:
    del members[f"probes/{uid('photo one')}.bmp"]
    return with_json(members, name_of("probes", "photo one"), file=None, sha256=None)


def photos_exchanged(members: Members) -> Members:
    one, other = (f"probes/{uid(name)}.bmp" for name in ("photo one", "photo two"))
    members[one], members[other] = members[other], members[one]
    return members


def record_under_another_id(members: Members) -> Members:
    members[name_of("leads", "new")] = members[name_of("leads", "lead")]
    return with_counts(members, leads=1)


def file_more(members: Members) -> Members:
    return members | {f"leads/{uid('lead')}.txt": b"more"}


def checkpoint(**fields: Any) -> Change:
    return lambda members: with_json(members, "ledger/checkpoint.json", **fields)


def other_root(members: Members) -> Members:
    head = {"root": "00" * 32, "size": 49}
    return checkpoint(**head)(with_json(members, "manifest.json", ledger=head))


def field_more(members: Members) -> Members:
    return with_json(members, "ledger/checkpoint.json", more=1)


def spaced(members: Members) -> Members:
    return members | {"edits.json": members["edits.json"].replace(b":", b": ", 1)}


def fraction(members: Members) -> Members:
    return members | {"error-rates.json": b'{"fpir":0.01}'}


def doubled_name(members: Members) -> Members:
    return members | {"error-rates.json": b'{"fpir":"1","fpir":"2"}'}


def deep(members: Members) -> Members:
    return members | {"error-rates.json": b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"}


def pointed(**fields: Any) -> Change:
    def change(members: Members) -> Members:
        point = record(members, "searches", "search found")["point"] | fields
        return with_json(members, name_of("searches", "search found"), point=point)

    return change


def point_left_out(members: Members) -> Members:
    name = name_of("searches", "search found")
    found = json.loads(members[name])
    del found["point"]
    return members | {name: canonical_json({**found, "mode": "investigation list"})}


def point_left_out_of_its_mode(members: Members) -> Members:
    return with_json(point_left_out(members), name_of("searches", "search found"), mode=MODES[0])


CHANGES: dict[str, Change] = {
    "a threshold is another one": pointed(threshold="0.3"),
    "a wanted rate is another one": pointed(wanted_fpir="0.001"),
    "a gallery was larger": pointed(subjects=1_000_000),
    "an evaluation is another one": pointed(evaluation=str(uid("x"))),
    "a point is of another model": pointed(model="other/1"),
    "a point has a rate that is none": pointed(fpir=["1.5", "0.1", "0.2"]),
    "a point has a field more": pointed(more="1"),
    "a point is left out": point_left_out,
    "a point is left out, and its mode is not": point_left_out_of_its_mode,
    "a point is there and the mode is another one": changed(
        "searches", "search found", mode="threshold, not measured"
    ),
    "a negative search is left out": without_negative_search,
    "a search's entries are left out": without_entries_about("search none"),
    "a search's outcome is left out": without_entry("search.concluded", "search none"),
    "that a search was held is left out": without_entry("search.held"),
    "that a search was purged is left out": without_entry("search.purged"),
    "a search has another answer": changed("searches", "search none", answer="no_face"),
    "a search has no answer": changed("searches", "search none", answer=None),
    "a search is said to be aborted": changed(
        "searches", "search none", state="aborted", answer=None, candidates=None
    ),
    "a search is said to be purged": changed(
        "searches", "search found", state="purged", answer=None, candidates=None
    ),
    "a purged search has candidates": changed("searches", "search purged", candidates=[]),
    "a search has another probe": changed(
        "searches", "search found", probes=[str(uid("photo two"))]
    ),
    "a search lacks a probe": changed("searches", "search none", probes=[str(uid("photo two"))]),
    "a search has other probes": changed("searches", "search none", probes=[]),
    "a search has an unknown model": changed("searches", "search none", model="other/1"),
    "a search answers an unknown request": changed(
        "searches", "search none", requests=[str(uid("x"))]
    ),
    "a similarity is raised": other_similarity,
    "a candidate is left out": fewer_candidates,
    "a gallery has another version": other_version,
    "a conclusion is another one": other_conclusion,
    "a conclusion is left out": compared("first", 0, said=None),
    "a conclusion's words are other ones": compared("first", 0, said={"conclusion": "same"}),
    "a conclusion follows nothing": compared("second", 2, follows=None),
    "a conclusion follows another one": compared("second", 2, follows=str(uid("second Bo"))),
    "a conclusion follows somebody else's": compared("second", 2, follows=str(uid("first Bo"))),
    "a conclusion is about another subject": compared("first", 0, subject=str(uid("Cy"))),
    "a followed conclusion is left out": comparison_left_out,
    "a conclusion's entry is left out": without_entry("conclusion.recorded"),
    "a following conclusion's entry is left out": without_entry("conclusion.followed"),
    "an analysis has other words": changed("examinations", "first", analysis={"checklist": {}}),
    "an analysis is left out": changed("examinations", "first", analysis=None),
    "an analysis' entry is left out": without_entry("probe.analysed"),
    "an examination is left out": without(name_of("examinations", "second"), examinations=-1),
    "an examination is of another search": changed(
        "examinations", "first", search=str(uid("search none"))
    ),
    "an examination's beginning is left out": without_entry("examination.begun"),
    "a lead is left out": lambda members: without(name_of("leads", "lead"), leads=-1)(
        {name: body for name, body in members.items() if not name.endswith(".pdf")}
    ),
    "a lead is of somebody else": changed("leads", "lead", subject=str(uid("Cy"))),
    "a lead was never released": without_entry("lead.released"),
    "a photo is another one": other_photo,
    "a photo is left out": photo_left_out,
    "photos are exchanged": photos_exchanged,
    "a file belongs to nothing": file_more,
    "a file is of another record": changed(
        "probes", "photo one", file=f"probes/{uid('photo two')}.bmp"
    ),
    "a probe was never added": without_entry("probe.added"),
    "a purge of photos is left out": without_entry("evidence.purged"),
    "an original is another one": changed(
        "probes", "part of one", derived_from=str(uid("photo two"))
    ),
    "an edit is left out": lambda members: with_counts(
        with_json(members, "edits.json", edits=[]), edits=-1
    ),
    "a request is left out": lambda members: with_counts(
        with_json(members, "requests.json", requests=[]), requests=-2
    ),
    "a model card is left out": without("model-cards/drawn-1.json", model_cards=-1),
    "a record stands twice": record_under_another_id,
    "the case is another one": lambda members: with_json(
        members, "manifest.json", case={"id": str(uid("x")), "reference": "26-0001"}
    ),
    "the counts are other ones": lambda members: with_counts(members, searches=1),
    "the checkpoint is of another ledger": checkpoint(root="00" * 32),
    "the checkpoint is of another deployment": checkpoint(deployment=str(uid("x"))),
    "the root is another one": other_root,
    "entries stand in another order": lines(lambda found: found.reverse()),
    "an entry stands twice": lines(lambda found: found.insert(0, found[0])),
    "the entries are cut": lambda members: members | {ENTRIES: members[ENTRIES][:-1]},
    "a field is there that nobody knows": field_more,
    "JSON is spelled in another way": spaced,
    "JSON has a fraction": fraction,
    "JSON has a name twice": doubled_name,
    "JSON is too deep": deep,
    "the README is left out": without("README.txt"),
}


@pytest.fixture(scope="module")
def members() -> Members:
    return members_of(drawn_bundle())


@pytest.mark.parametrize("what", CHANGES)
def test_a_bundle_that_contradicts_itself_or_the_ledger_is_refused_by_both(
    what: str, members: Members
) -> None:
    data = signed(CHANGES[what](dict(members)), SIGNER, PUBLIC)
    assert refused_by_ours(data)
    assert "signature" not in refused_by_ours(data)
    assert refused_by_the_script(data)


def test_signing_anew_by_itself_changes_nothing(members: Members) -> None:
    data = signed(dict(members), SIGNER, PUBLIC)
    assert data == drawn_bundle()
    assert refused_by_ours(data) == refused_by_the_script(data) == ""


def test_leaving_out_a_search_with_all_its_entries_is_what_no_bundle_shows(
    members: Members,
) -> None:
    # Only the ledger itself shows it; the report says so.
    data = signed(without_search(dict(members)), SIGNER, PUBLIC)
    assert refused_by_ours(data) == refused_by_the_script(data) == ""
    assert any("left out" in one for one in verify(data).not_verified)


def test_both_verifiers_judge_bundles_alike_whose_signer_changed_any_value(
    members: Members,
) -> None:
    draw, judged = random.Random(20261123), {True: 0, False: 0}
    for _ in range(600):
        made = dict(members)
        name = draw.choice([one for one in sorted(made) if one.endswith((".json", ".jsonl"))])
        if name == ENTRIES:
            found = lines_of(made)
            _change(draw, draw.choice(found))
            made[name] = joined(found)
        else:
            value = json.loads(made[name])
            _change(draw, value)
            made[name] = canonical_json(value)
        if (
            name == "manifest.json"
            and json.loads(made[name]).get("members")
            != json.loads(listed(members)[name])["members"]
        ):
            continue  # Signing anew writes the list anew.
        try:
            data = signed(made, SIGNER, PUBLIC)
        except (KeyError, TypeError):
            continue  # The manifest lost what signing needs.
        ours, other = refused_by_ours(data), refused_by_the_script(data)
        # The program also refuses what is only of the wrong form, such as a number for a text.
        assert ours or not other, (name, other)
        judged[bool(other)] += 1
    assert min(judged.values()) > 20
