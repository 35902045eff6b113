"""Controls are destroyed, what was answered counts all the same, and whoever oversees them reads their limits."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from clients import client_of
from django.urls import reverse
from examining import ANALYSIS, Bench, bench, checklist, conclude_all, examine
from factories import acting, enrol, make_gallery, make_source, people

from countenance.apps.examinations import controls, queries, retention, services, standings, taking
from countenance.apps.examinations.models import Comparison, ControlAnswer, Examination
from countenance.apps.galleries import services as galleries
from countenance.apps.galleries.models import Photo, Subject
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.queries import verify_ledger
from countenance.apps.records.services import unseal_body
from countenance.apps.searches.kept import days_of
from countenance.errors import NotFound, WrongState
from countenance.examination.control import measure
from countenance.examination.scale import Conclusion
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Role
from countenance.web import jobs

SAME, OTHER = Conclusion.SAME, Conclusion.OTHER
WHY = "The moles on the left cheek were overlooked on 3 May"


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


@pytest.fixture
def _only_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "is_control_due", lambda *_, **__: True)


def later(made: Bench, days: int) -> Any:
    now = made.on.tools.clock()
    return replace(made.on.tools, clock=lambda: now + timedelta(days=days))


def take(made: Bench, number: int = 0) -> Examination:
    one = taking.take_examination(made.examiner(number), tools=made.on.tools)
    assert one.search_id is None
    return one


def recorded(made: Bench, number: int = 0) -> Examination:
    return conclude_all(
        made.examiner(number), take(made, number), tools=made.on.tools, concluding=lambda _: SAME
    )


def named_in(one: Examination) -> set[str]:
    """Return the ids of everybody who has a part in a control, and of their photos."""
    rows = list(one.comparisons.all())
    photos = {face["photo"] for row in rows for face in row.about["faces"]}
    people = {row.about["subject"] for row in rows} | {one.control["subject"]}
    return photos | people | {one.about["probe"]["photo"]}


def opened(made: Bench) -> str:
    """Return everything that can be opened of examinations and of the ledger, as one text."""
    said: list[Any] = []
    for model in (Examination, Comparison, ControlAnswer):
        for row in model.objects.all():
            values = {field.attname: getattr(row, field.attname) for field in row._meta.fields}
            said.append({name: repr(value) for name, value in values.items()})
    keyring = made.on.tools.keyring
    for entry in LedgerRow.objects.filter(
        action__startswith="examination"
    ) | LedgerRow.objects.filter(
        action__in=[str(Action.PROBE_ANALYSED), str(Action.CONCLUSION_RECORDED)]
    ):
        body = unseal_body(entry, keyring=keyring)
        said.append(None if body is None else body[1].decode())
    return json.dumps(said)


def of(made: Bench, number: int = 0) -> Any:
    who = made.examiner(number)
    return standings.measured(who.person, agency=who.agency)


@pytest.mark.usefixtures("_only_controls")
def test_a_control_is_destroyed_after_its_days_and_only_its_answers_stay(made: Bench) -> None:
    one = recorded(made)
    names, before = named_in(one), of(made)
    assert before.all_wrong.of == 4
    assert all(name in opened(made) for name in names)
    days = days_of([one.agency.pack]).results
    assert retention.destroy_old_controls(SYSTEM, tools=later(made, days - 1)) == 0
    with pytest.raises(WrongState):
        retention.destroy_control(SYSTEM, examination=one, tools=later(made, days - 1))
    assert retention.destroy_old_controls(SYSTEM, tools=later(made, days + 1)) == 1
    assert not any(name in opened(made) for name in names)
    assert (Examination.objects.count(), Comparison.objects.count()) == (0, 0)
    (kept,) = ControlAnswer.objects.all()
    assert kept.said.keys() == {"links", "answers", "recorded", "given_up"}
    assert (kept.examiner_id, kept.at) == (made.first.person, one.recorded_at)
    assert sorted(kept.said["answers"]) == sorted(
        [[answer.mated, str(SAME)] for answer in answers(before)]
    )
    assert of(made) == before
    verify_ledger(made.on.tools.keyring)
    with pytest.raises(NotFound):
        queries.examination(made.first, one.pk)


def answers(found: Any) -> list[Any]:
    """Return as many answers that are right and wrong as a measurement says, all of them `same`."""
    from countenance.examination.control import Tried

    mated = found.false_other.of
    made = [Tried(mated=True, conclusion=SAME)] * mated
    made += [Tried(mated=False, conclusion=SAME)] * found.false_same.of
    assert measure(made).all_wrong == found.all_wrong
    return made


@pytest.mark.usefixtures("_only_controls")
def test_the_clock_of_retention_destroys_controls(made: Bench, monkeypatch: Any) -> None:
    recorded(made)
    monkeypatch.setattr(jobs.wiring, "current", lambda: later(made, 400))
    assert jobs.run_retention() == 1
    assert Examination.objects.count() == 0


@pytest.mark.usefixtures("_only_controls")
@pytest.mark.parametrize("what", ["probe photo", "subject", "candidate photo", "source"])
def test_a_control_is_destroyed_with_any_photo_or_person_in_it(made: Bench, what: str) -> None:
    one = recorded(made)
    take(made, 1)
    open_one = Examination.objects.get(examiner=made.second.person)
    names, before = named_in(one), of(made)
    row = one.comparisons.first()
    reason = "Erased on request of 3 May"
    if what == "probe photo":
        photo = Photo.objects.get(pk=one.about["probe"]["photo"])
        galleries.remove_photo(made.on.actor, photo=photo, reason=reason, tools=made.on.tools)
    elif what == "candidate photo":
        photo = Photo.objects.get(pk=row.about["faces"][0]["photo"])
        galleries.remove_photo(made.on.actor, photo=photo, reason=reason, tools=made.on.tools)
    elif what == "subject":
        subject = Subject.objects.get(pk=one.control["subject"])
        galleries.remove_subject(made.on.actor, subject=subject, reason=reason, tools=made.on.tools)
    else:
        source = Photo.objects.get(pk=one.about["probe"]["photo"]).source
        galleries.remove_source(made.on.actor, source=source, reason=reason, tools=made.on.tools)
        # Both were of it, so nothing at all is left.
        names |= (
            named_in(open_one) if Examination.objects.filter(pk=open_one.pk).exists() else set()
        )
        assert not Examination.objects.exists()
    assert not Examination.objects.filter(pk=one.pk).exists()
    if not Examination.objects.exists():
        assert not any(name in opened(made) for name in names)
    assert of(made) == before


@pytest.mark.usefixtures("_only_controls")
def test_what_was_concluded_counts_also_if_a_control_is_given_up(made: Bench) -> None:
    one = take(made)
    actor, tools = made.first, made.on.tools
    services.record_analysis(actor, examination=one, checklist=ANALYSIS, tools=tools)
    one.refresh_from_db()
    for row in queries.comparisons(one)[:3]:
        services.record_conclusion(
            actor, comparison=row, checklist=checklist(SAME), conclusion=str(SAME), tools=tools
        )
    assert of(made).all_wrong.of == 0, "nothing is said while it is open"
    services.end_examination(actor, examination=one, reason=WHY, tools=tools)
    found = of(made)
    assert (found.all_wrong.of, found.given_up, found.recorded) == (3, 1, 0)
    recorded(made)
    assert (of(made).given_up, of(made).recorded, of(made).all_wrong.of) == (1, 1, 7)
    for who in (made.first, acting(made.on, Role.AUDITOR)):
        page = client_of(made.on, who).get(reverse("controls")).content.decode()
        assert "1 control recorded, 1 given up" in page
    before = of(made)
    retention.destroy_old_controls(SYSTEM, tools=later(made, 400))
    assert of(made) == before


@pytest.mark.usefixtures("_only_controls")
def test_somebody_who_may_be_enrolled_twice_counts_neither_way(made: Bench) -> None:
    # Anna once more, under another name: whoever says "one person" of her is right.
    twice = [replace(one, subject="somebody else") for one in people(["anna"], shots=(11, 12))]
    enrol(made.on, made.gallery, make_source(made.on, "Another archive"), twice)
    for _ in range(40):
        one = conclude_all(made.first, take(made), tools=made.on.tools, concluding=lambda _: SAME)
        doubted = [row for row, answer in standings.tried(one) if answer is None]
        if doubted:
            break
    (row,) = doubted
    assert row.about["subject"] != one.control["subject"]
    assert row.about["faces"][0]["similarity"] >= standings.MAY_BE_ONE
    counted = [a for _, a in standings.tried(one) if a is not None]
    assert len(counted) == 3
    page = client_of(made.on, made.first).get(reverse("examination", args=[one.pk]))
    assert "one person may be enrolled twice" in page.content.decode()


def test_the_auditor_reads_why_searches_have_no_control(made: Bench) -> None:
    auditor = acting(made.on, Role.AUDITOR)

    def said(who: Any = auditor) -> str:
        return client_of(made.on, who).get(reverse("controls")).content.decode()

    assert "Controls have at most 5 candidates" in said()
    assert "Controls have at most" not in said(made.first)
    large = make_gallery(made.on, "Large")
    many = people([f"person {number}" for number in range(52)], shots=(1,))
    enrol(made.on, large, make_source(made.on, "Large"), many)
    assert "Controls have at most 5 candidates" in said(), "nobody there has two photos"
    enrol(made.on, large, make_source(made.on, "More"), people(["person 0"], shots=(2,)))
    assert controls.limit(auditor, tools=made.on.tools) == ""
    for gallery in (large, made.gallery):
        gallery.terms = {"sensitive": True, "threshold": None}
        gallery.save(update_fields=("terms",))
    assert "No controls can be drawn: no gallery" in said()


def test_where_nobody_has_two_photos_no_control_is_drawn_and_that_is_said(deployment: Any) -> None:
    gallery = make_gallery(deployment)
    enrol(deployment, gallery, make_source(deployment), people(["anna", "ben"]))
    auditor = acting(deployment, Role.AUDITOR)
    said = controls.limit(auditor, tools=deployment.tools)
    assert "two photos" in said


def test_the_auditor_reads_which_searches_are_open_for_too_long(
    made: Bench, monkeypatch: Any
) -> None:
    auditor = acting(made.on, Role.AUDITOR)

    def said() -> str:
        return client_of(made.on, auditor).get(reverse("controls")).content.decode()

    assert "There is none." in said()
    monkeypatch.setattr(queries, "TOO_LONG", timedelta(days=-14))
    assert "There is none." not in said()
    for actor in (made.first, made.second):
        examine(actor, made.search, tools=made.on.tools)
    assert "There is none." in said()
