"""The two modes of a search: what each returns, what is frozen of it, and what every reader is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import cli_fixtures
import factories
import measured
import pytest
from cli_fixtures import Cli
from clients import client_of, prove
from disclosing import bundle, members
from django.urls import reverse
from examining import bench, examine, examined
from leading import about_first, prepared

from countenance.apps.evaluations.points import in_words
from countenance.apps.galleries import services as galleries
from countenance.apps.galleries.models import Gallery, Subject
from countenance.apps.leads import papers
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import unseal_body
from countenance.apps.searches import modes
from countenance.apps.searches.models import Search
from countenance.errors import InputError, SealBroken
from countenance.faces.types import Gate
from countenance.policy import SearchMode
from countenance.reports import lead_pdf
from countenance.reports.words import ALWAYS_A_LIST, NOT_MEASURED, lead_words
from countenance.testing import FakeEngine

IDENTIFICATION, INVESTIGATION = SearchMode.IDENTIFICATION, SearchMode.INVESTIGATION
NAMES = ("anna", "ben", "cleo", "dora", "emil", "fay")
REASON = "Reported missing on 3 May"
LIST = "This list is returned even if the person is not in the gallery"

cli = cli_fixtures.cli


@pytest.fixture
def ready(deployment: Any) -> Any:
    deployment.source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment, "One")
    factories.enrol(
        deployment, deployment.gallery, deployment.source, factories.people(NAMES, shots=(1, 2))
    )
    deployment.case = factories.make_case(deployment)
    return deployment


def search(
    on: Any, name: str, shot: int = 9, *, among: list[Gallery] | None = None, **wishes: Any
) -> Any:
    photo = FakeEngine.photo(name, shot=shot)
    return factories.search(on, on.case, among or [on.gallery], photo, **wishes)


def noted(on: Any, one: Search) -> dict[str, Any]:
    row = LedgerRow.objects.get(about=one.pk, action="search.intended")
    opened = unseal_body(row, keyring=on.tools.keyring)
    assert opened is not None
    facts: dict[str, Any] = json.loads(opened[1])["facts"]
    return facts


def point_of(on: Any, *among: Gallery) -> Any:
    setting = modes.setting_of(list(among) or [on.gallery], None, tools=on.tools)
    return setting.point


def page(on: Any, one: Search, who: Any = None) -> str:
    text = client_of(on, who).get(reverse("search", args=[one.pk])).content.decode()
    return " ".join(text.split())


def test_without_an_operating_point_only_a_list_can_be_had(ready: Any) -> None:
    found = search(ready, "anna")
    assert (found.request["mode"], found.request["point"]) == (INVESTIGATION, None)
    assert len(found.outcome["candidates"]) == len(NAMES)
    facts = noted(ready, found)
    assert (facts["mode"], facts["threshold"]) == ("investigation", None)
    assert "wanted_fpir" not in facts
    with pytest.raises(InputError, match="a supervisor approves it"):
        search(ready, "anna", mode=IDENTIFICATION)
    assert Search.objects.count() == 1


def test_at_the_operating_point_nobody_below_it_is_returned(ready: Any) -> None:
    measured.set_point(ready, ready.gallery)
    stranger, known = search(ready, "zoe"), search(ready, "anna")
    assert stranger.outcome["answer"] == "no_candidate"
    assert [len(one.outcome["candidates"]) for one in (stranger, known)] == [0, 1]
    kept = known.request
    point = modes.point_at(known)
    assert point is not None
    assert (kept["mode"], kept["threshold"]) == (IDENTIFICATION, point.threshold)
    assert (point.subjects, point.wanted_fpir) == (len(NAMES), 0.01)
    facts = noted(ready, known)
    assert (facts["mode"], facts["subjects"]) == ("identification", len(NAMES))
    assert facts["threshold"] == f"{point.threshold:.6f}"
    assert (facts["wanted_fpir"], facts["evaluation"]) == ("0.01", str(point.evaluation_id))


def test_a_list_can_be_chosen_all_the_same_and_returns_strangers(ready: Any) -> None:
    measured.set_point(ready, ready.gallery)
    found = search(ready, "zoe", mode=INVESTIGATION, top=4)
    assert len(found.outcome["candidates"]) == 4
    assert (found.request["mode"], found.request["threshold"]) == (INVESTIGATION, None)
    assert modes.error_of(found) == ""
    assert modes.words_of(found).startswith(LIST)


def test_at_most_as_many_are_returned_as_were_asked_for(ready: Any) -> None:
    lax = measured.trials(ready.tools.engine.model, strangers_at=-0.6)
    measured.set_point(
        ready, ready.gallery, evaluation=measured.evaluated(ready, ready.gallery, found=lax)
    )
    everybody, two = search(ready, "anna"), search(ready, "anna", 10, top=2)
    assert two.request["mode"] == IDENTIFICATION
    assert [len(one.outcome["candidates"]) for one in (everybody, two)] == [len(NAMES), 2]


def test_the_threshold_follows_the_people_who_are_there(ready: Any) -> None:
    measured.set_point(ready, ready.gallery)
    before = point_of(ready)
    more = [f"person {n}" for n in range(20)]
    factories.enrol(ready, ready.gallery, ready.source, factories.people(more))
    grown = point_of(ready)
    assert (before.subjects, grown.subjects) == (6, 26)
    assert grown.threshold > before.threshold
    galleries.remove_subject(
        replace(ready.actor, stepped_up_at=ready.tools.clock()),
        subject=Subject.objects.filter(gallery=ready.gallery).first(),
        reason="Asked to be removed",
        tools=ready.tools,
    )
    assert point_of(ready).subjects == 25
    assert before.subjects == 6  # what was frozen stays


def test_nobody_counts_whom_no_search_can_return(ready: Any) -> None:
    """Neither whose photos may not be used any more, nor whose faces cannot be compared."""
    measured.set_point(ready, ready.gallery)
    passport = factories.PASSPORT | {"retention_until": "2099-03-01"}
    ending = galleries.register_source(
        ready.actor, name="Ends", passport=passport, tools=ready.tools
    )
    factories.enrol(ready, ready.gallery, ending, factories.people(["gus", "anna"], shots=(7,)))
    blurred = FakeEngine.photo("hana", gate=Gate.UNUSABLE)
    factories.enrol(ready, ready.gallery, ready.source, [factories.incoming("hana/1.jpg", blurred)])
    assert point_of(ready).subjects == 7
    later = replace(ready.tools, clock=lambda: datetime(2099, 4, 1, tzinfo=UTC))
    assert modes.setting_of([ready.gallery], None, tools=later).point.subjects == 6


def test_every_gallery_needs_an_operating_point_and_the_strictest_is_kept_to(ready: Any) -> None:
    measured.set_point(ready, ready.gallery)
    other = factories.make_gallery(ready, "Two")
    factories.enrol(ready, other, ready.source, factories.people(["gus", "hana"]))
    both = [ready.gallery, other]
    assert point_of(ready, *both) is None
    assert [one.mode for one in modes.offers(both, top=5, tools=ready.tools)] == [INVESTIGATION]
    measured.set_point(ready, other, wanted_fpir=0.001)
    assert point_of(ready, *both).wanted_fpir == 0.001
    found = search(ready, "hana", among=both)
    assert (found.request["mode"], found.request["point"]["subjects"]) == (IDENTIFICATION, 8)
    assert "these 2 galleries of 8" in modes.words_of(found)


def test_what_was_set_by_hand_stays_in_force_until_an_operating_point_replaces_it(
    ready: Any,
) -> None:
    factories.set_by_hand(ready.gallery, 0.6)
    by_hand = search(ready, "anna")
    assert (by_hand.request["mode"], by_hand.request["threshold"]) == (INVESTIGATION, 0.6)
    assert len(by_hand.outcome["candidates"]) == 1
    assert "set by hand, not measured" in modes.words_of(by_hand)
    (offer,) = modes.offers([Gallery.objects.get(pk=ready.gallery.pk)], top=5, tools=ready.tools)
    assert "0.600. That was set by hand, not measured" in offer.words
    measured.set_point(ready, ready.gallery)
    assert search(ready, "anna", 10, mode=INVESTIGATION).request["threshold"] is None


def test_an_altered_operating_point_searches_nothing(ready: Any) -> None:
    point = measured.set_point(ready, ready.gallery)
    type(point).objects.filter(pk=point.pk).delete()
    with pytest.raises(SealBroken):
        search(ready, "anna")
    assert not Search.objects.exists()


def test_the_check_page_offers_what_can_be_had_and_says_what_each_means(ready: Any) -> None:
    photo = FakeEngine.photo("zoe", shot=9)
    probe = factories.ask(ready, ready.case, [ready.gallery], photo)
    examiner = client_of(ready, ready.examiner)
    asked = {"face": "0", "galleries": [str(ready.gallery.pk)], "reason": REASON, "top": "5"}

    def checked(**more: str) -> str:
        answer = examiner.post(reverse("search_check", args=[probe.pk]), asked | more)
        return " ".join(answer.content.decode().split())

    only = checked()
    assert only.count('name="mode"') == 1
    assert 'value="investigation" checked' in only
    assert "Always returns the 5 people who look most alike" in only
    assert "a steward has each gallery evaluated" in only
    measured.set_point(ready, ready.gallery)
    both = checked()
    assert both.count('name="mode"') == 2
    assert 'value="identification" checked' in both
    assert in_words(point_of(ready)) in both
    assert "a steward has each gallery evaluated" not in both
    assert 'value="investigation" checked' in checked(mode="investigation")
    answer = examiner.post(reverse("search_run", args=[probe.pk]), asked | {"mode": "sideways"})
    assert answer.status_code == 422
    prove(examiner, ready)
    examiner.post(reverse("search_run", args=[probe.pk]), asked | {"mode": "investigation"})
    assert Search.objects.get().request["mode"] == INVESTIGATION


def test_the_pages_of_a_search_say_how_often_such_searches_err(ready: Any) -> None:
    measured.set_point(ready, ready.gallery)
    nobody, known = search(ready, "zoe"), search(ready, "anna")
    words = in_words(modes.point_at(nobody))  # type: ignore[arg-type] # it has one
    negative = page(ready, nobody)
    assert (
        f"is at or above the operating point, similarity {nobody.request['threshold']:.3f}. {words}"
        in negative
    )
    assert "<dt>Mode</dt><dd>At the operating point</dd>" in negative
    assert "This outcome is recorded and can be printed." in negative
    examined(ready, known)
    positive = page(ready, known, ready.examiner)
    assert f"<strong>A candidate is not an identification.</strong> {words}" in positive
    assert LIST not in positive
    listed = examined(ready, search(ready, "anna", 10, mode=INVESTIGATION))
    assert LIST in page(ready, listed, ready.examiner)


def test_whoever_could_still_examine_it_is_not_told_that_nobody_on_the_list_is_below_a_threshold(
    ready: Any, cli: Cli
) -> None:
    measured.set_point(ready, ready.gallery)
    found = search(ready, "anna")
    another = factories.acting(ready, factories.Role.EXAMINER)
    unseen = page(ready, found, another)
    assert "Candidates to examine" in unseen
    assert [
        word for word in ("<dt>Mode<", "operating point", "At this setting") if word in unseen
    ] == []
    code, value = cli("result", found.pk, as_=another)
    assert code == 0
    assert [value[name] for name in ("mode", "threshold", "operating_point", "means")] == [None] * 4


def test_of_a_search_with_several_photos_nothing_is_claimed_that_was_measured_with_one(
    ready: Any,
) -> None:
    measured.set_point(ready, ready.gallery)
    second = factories.ask(ready, ready.case, [ready.gallery], FakeEngine.photo("anna", shot=11))
    found = search(ready, "anna", more=[(second, 0)])
    unmeasured = (
        "This search is with 2 photos of one person, and of such searches nothing was measured"
    )
    assert modes.error_of(found).startswith(unmeasured)
    assert "With one photo, at this setting about" in modes.error_of(found)
    printed = modes.printed_error_of(found)
    assert printed.startswith("With one photo, at this setting about")
    assert printed.endswith("With several, as this search with 2, it was not measured.")
    galleries = [Gallery.objects.get(pk=ready.gallery.pk)]
    several, one = (
        modes.offers(galleries, top=5, photos=photos, tools=ready.tools)[0] for photos in (2, 1)
    )
    assert unmeasured in several.words
    assert unmeasured not in one.words


@pytest.mark.parametrize("threshold", [None, 0.6])
def test_a_search_of_before_there_was_a_choice_opens_as_it_did(
    ready: Any, cli: Cli, threshold: float | None
) -> None:
    if threshold is not None:
        factories.set_by_hand(ready.gallery, threshold)
    found = examined(ready, search(ready, "anna"))
    found.request = {
        name: value for name, value in found.request.items() if name not in {"mode", "point"}
    }
    found.save(update_fields=("request",))
    said = page(ready, found, ready.examiner)
    assert ("set by hand, not measured" if threshold else LIST) in said
    assert "<dt>Mode</dt>" not in said
    code, value = cli("result", found.pk, as_=ready.examiner)
    assert (code, value["mode"], value["operating_point"]) == (0, None, None)
    assert value["candidates"][0]["subject"] == "anna"


def test_the_command_takes_a_mode_and_says_what_it_means(
    ready: Any, cli: Cli, tmp_path: Any
) -> None:
    factories.widen(ready.case)
    client = ["--gallery", "One", "--case", ready.case.reference, "--reason", REASON]

    def run(name: str, *more: str) -> tuple[int, dict[str, Any]]:
        data = FakeEngine.photo(name, shot=9)
        factories.ask(ready, ready.case, [ready.gallery], data)
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(data)
        return cli("search", path, *client, *more, as_=ready.examiner)

    code, refused = run("zoe", "--mode", "identification")
    assert code == 2
    assert "proposes an operating point" in refused["error"]["message"]
    measured.set_point(ready, ready.gallery)
    code, found = run("zoe")
    assert (code, found["mode"], found["answer"]) == (0, "identification", "no_candidate")
    assert found["operating_point"]["wanted_fpir"] == "0.01"
    assert found["means"].startswith("At this setting about 1 in 100 searches")
    code, out, _ = cli.shown("result", found["search_id"], as_=ready.examiner)
    assert "nobody in the galleries is at or above the operating point, similarity 0." in out
    assert "At this setting about 1 in 100 searches" in " ".join(out.split())
    code, listed = run("yann", "--mode", "investigation")
    assert (code, listed["mode"], listed["operating_point"]) == (0, "investigation", None)
    assert listed["means"].startswith(LIST)
    assert run("ute", "--mode", "sideways")[0] == 2


def test_a_point_that_changes_later_changes_no_search_of_before(ready: Any) -> None:
    measured.set_point(ready, ready.gallery)
    found = search(ready, "zoe")
    before = page(ready, found)
    strict = ready.tools.clock() + timedelta(seconds=1)
    ready.tools = replace(ready.tools, clock=lambda: strict)
    measured.set_point(ready, ready.gallery, wanted_fpir=0.001)
    sentence = modes.error_of(Search.objects.get(pk=found.pk))
    assert sentence in before
    assert sentence in page(ready, found)
    assert modes.error_of(search(ready, "zoe", 10)) != sentence


def test_a_lead_says_how_often_such_searches_err_and_no_more_that_it_was_not_measured(
    deployment: Any,
) -> None:
    world = prepared(deployment)
    gallery = world.made.gallery
    measured.set_point(deployment, gallery)
    found = world.made.another_search("anna", shot=11)
    for number in range(2):
        examine(world.made.examiner(number), found, tools=world.tools, concluding=about_first)
    found.refresh_from_db()
    lead = world.release(search=found, subject=UUID(found.outcome["candidates"][0]["subject"]))
    error = modes.printed_error_of(found)
    assert error.startswith(
        "At this setting about 1 in 100 searches for people who are not in this gallery of 6 "
    )
    page = client_of(deployment, world.investigator).get(reverse("lead", args=[lead.pk]))
    shown = " ".join(page.content.decode().split())
    printed = papers.paper_of(world.investigator, lead, tools=world.tools)
    words = dict(lead_words(printed.facts, printed.receipt).found)
    assert words["Error of the search"] == error
    assert "nobody below the operating point, similarity 0." in words["Search"]
    assert error in shown
    assert [said for said in (NOT_MEASURED, ALWAYS_A_LIST, "%</") if said in shown] == []
    assert lead_pdf(printed).startswith(b"%PDF-")


def test_a_bundle_holds_the_operating_point_of_each_search_and_both_verifiers_accept_it(
    deployment: Any,
) -> None:
    made = bench(deployment)
    measured.set_point(deployment, made.gallery)
    factories.search(deployment, made.case, [made.gallery], FakeEngine.photo("zoe", 3))
    known = made.another_search("anna", shot=11)
    listed = factories.search(
        deployment,
        made.case,
        [made.gallery],
        FakeEngine.photo("yann", 3),
        top=2,
        mode=INVESTIGATION,
    )
    for one in (made.search, known, listed):
        for examiner in (made.first, made.second):
            examine(examiner, one, tools=made.on.tools)
    found = members(bundle(made, factories.acting(deployment, factories.Role.SUPERVISOR)))
    told = found[f"searches/{known.pk}.json"]
    assert (told["mode"], told["point"]) == ("operating point", known.request["point"])
    assert told["details"]["means"] == modes.error_of(known)
    other = found[f"searches/{listed.pk}.json"]
    assert (other["mode"], "point" in other) == ("investigation list", False)
    before, at_point = found["error-rates.json"]["model"]
    assert (before["threshold"], before["measured"]) == (None, None)
    assert at_point["measured"] == known.request["point"]
    assert at_point["why"] == modes.error_of(known)
    assert "An investigation list is returned even if" in found["README.txt"].decode()
