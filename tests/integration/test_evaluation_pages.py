"""The pages of evaluations and operating points: what each says, to whom, and what is printed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import lifelike
import measuring
import pytest
from clients import client_of
from django.db import connection
from django.urls import reverse
from factories import acting, make_gallery, other_agency, set_by_hand
from procrastinate.contrib.django.models import ProcrastinateJob

from countenance.apps.agencies.models import Person
from countenance.apps.approvals import services as approvals
from countenance.apps.evaluations import counting, point_views, queries, selftests, services
from countenance.apps.evaluations.models import KeptTrials
from countenance.apps.evaluations.saying import within
from countenance.apps.records.models import LedgerRow
from countenance.evaluation.report import Evaluation as Numbers
from countenance.policy import Role
from countenance.web import jobs as jobs_module
from countenance.web.jobs import Queue

PEOPLE = 24


class Jobs:
    """A queue that keeps what it was asked for, and does it when it is told to."""

    def __init__(self, deployment):
        self.deployment, self.asked, self.state = deployment, [], ""

    def evaluate(self, gallery, person):
        self.asked.append((gallery, person))
        self.state = "running"

    def evaluating(self, gallery):
        return self.state


@pytest.fixture
def jobs(deployment):
    made = Jobs(deployment)
    object.__setattr__(deployment.tools, "jobs", made)
    return made


@pytest.fixture
def gallery(deployment):
    return measuring.filled(deployment, measuring.names(PEOPLE), (1, 2), "Missing persons")


@pytest.fixture
def client(deployment):
    return client_of(deployment, replace(acting(deployment, Role.STEWARD)))


def said(answer):
    """Return the words of a page, as they are read."""
    text = unescape(re.sub(r"<[^>]+>", " ", answer.content.decode()))
    return re.sub(r"\s+", " ", text)


def page(client, route, *ids, **query):
    answer = client.get(reverse(route, args=ids), query)
    assert answer.status_code == 200, answer.content[:500]
    return said(answer)


def test_a_gallery_that_nobody_measured_says_so_and_what_comes_next(client, gallery, jobs):
    words = page(client, "gallery_evaluations", gallery.pk)
    assert "No operating point. A search can only ask for an investigation list" in words
    assert "Nothing was measured yet" in words
    assert "Measure it with its own photos" in words
    assert "Set an operating point" not in words
    assert "How often searches err" in page(client, "gallery", gallery.pk)


def test_a_threshold_that_was_set_by_hand_is_told_as_not_measured(client, gallery):
    set_by_hand(gallery, 0.42)
    for route in ("gallery", "gallery_evaluations"):
        words = page(client, route, gallery.pk)
        assert "Set by hand, not measured. Nobody below similarity 0.420 is returned." in words


def test_whoever_cannot_measure_is_told_who_can(deployment, gallery):
    examiner = client_of(deployment, deployment.examiner)
    words = page(examiner, "gallery_evaluations", gallery.pk)
    assert "A steward measures a gallery" in words
    assert (
        "<form"
        not in examiner.get(reverse("gallery_evaluations", args=[gallery.pk]))
        .content.decode()
        .split("<main")[1]
    )
    assert "How often searches err" not in page(
        client_of(deployment, acting(deployment, Role.COORDINATOR)), "gallery", gallery.pk
    )


def test_a_gallery_is_measured_as_a_job_and_its_page_follows(deployment, client, gallery, jobs):
    answer = client.post(reverse("gallery_evaluate", args=[gallery.pk]))
    assert answer.status_code == 302
    assert [one for one, _ in jobs.asked] == [gallery.pk]
    path = reverse("gallery_evaluations", args=[gallery.pk])
    assert "The gallery is being measured." in said(client.get(path))
    assert "hx-get" in client.get(path, headers={"HX-Request": "true"}).content.decode()
    services.evaluate_gallery(deployment.actor, gallery=gallery, tools=deployment.tools)
    jobs.state = ""
    assert client.get(path, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    words = page(client, "gallery_evaluations", gallery.pk)
    assert f"photos of {PEOPLE} people of the gallery itself who have several" in words
    assert "Set an operating point" in words
    jobs.state = "failed"
    assert "did not come to an end" in page(client, "gallery_evaluations", gallery.pk)


def test_a_gallery_of_single_photos_says_why_it_cannot_be_measured(deployment, client, jobs):
    single = measuring.filled(deployment, measuring.names(3, "single"), (1,), "Single photos")
    why = "Nobody in it has several photos"
    assert why in page(client, "gallery_evaluations", single.pk)
    # Also after a measurement failed because of it: what is over by its date is not searched with.
    jobs.state = "failed"
    words = page(client, "gallery_evaluations", single.pk)
    assert f"Nothing of it was kept. {why}" in words
    assert "look at its log" not in words
    answer = client.post(reverse("gallery_evaluate", args=[single.pk]))
    assert answer.status_code == 422
    assert why in said(answer)
    assert jobs.asked == []


def test_an_evaluation_names_model_licence_settings_data_and_date(deployment, client, gallery):
    one = lifelike.evaluated(deployment, gallery)
    words = page(client, "evaluation", one.pk)
    day = f"{one.made_at.day} {one.made_at:%b %Y}"
    for part in ("fake/1", "as its model card says", "480 of 240 people", "leave one out", day):
        assert part in words
    assert "Photos of 240 people of the gallery itself" in words
    assert f"countenance evaluations check {one.pk}” makes them again" in words
    assert "too few" in words
    KeptTrials.objects.get(evaluation=one).delete()
    assert "cannot be made again" in page(client, "evaluation", one.pk)


def test_every_chart_has_its_numbers_as_a_table(deployment, client, gallery):
    one = lifelike.evaluated(deployment, gallery)
    html = client.get(reverse("evaluation", args=[one.pk])).content.decode()
    figures = html.split("<figure")[1:]
    assert len(figures) == 8
    for figure in figures:
        assert 'role="img" aria-label="' in figure
        assert figure.count("<tr>") > 2


def test_the_numbers_are_downloaded_in_their_only_spelling_and_name_nobody(
    deployment, client, gallery
):
    one = lifelike.evaluated(deployment, gallery)
    answer = client.get(reverse("evaluation_json", args=[one.pk]))
    assert Numbers.from_json(answer.content).as_json() == answer.content == bytes(one.numbers)
    text = json.dumps(json.loads(answer.content))
    assert not any(name in text for name in measuring.names(PEOPLE))
    assert "Test Person" not in text


def test_the_report_is_the_same_bytes_each_time_and_holds_what_the_page_says(
    deployment, client, gallery
):
    one = lifelike.evaluated(deployment, gallery)
    first, second = (client.get(reverse("evaluation_report", args=[one.pk])) for _ in range(2))
    assert first.content == second.content
    assert first.content.startswith(b"%PDF-")
    assert first.headers["Content-Type"] == "application/pdf"


def test_the_operating_point_in_force_is_told_now_and_ten_times_as_large(
    deployment, client, gallery
):
    measuring.pointed(deployment, gallery, lifelike.evaluated(deployment, gallery), 0.003)
    words = page(client, "gallery_evaluations", gallery.pk)
    assert "about 3 in 1,000 searches for people who are not in this gallery of 24" in words
    assert "10 times as large: 240" in words
    assert "Change the operating point" in words
    assert "about 3 in 1,000 searches" in page(client, "gallery", gallery.pk)


def test_asking_shows_each_wish_then_before_and_after_then_waits_for_a_second_person(
    deployment, client, gallery
):
    one = lifelike.evaluated(deployment, gallery)
    measuring.pointed(deployment, gallery, one, 0.01)
    words = page(client, "gallery_point", gallery.pk)
    assert "1 in 100 searches (as now)" in words
    assert "What would change" not in words
    words = page(client, "gallery_point", gallery.pk, evaluation=one.pk, wanted="0.001")
    assert "What would change" in words
    assert "Age band: under 30 80 people" in words
    assert "doorbell" not in words
    assert "groups of too few people to tell of: 1" in words
    path = reverse("gallery_point", args=[gallery.pk])
    wish = {"evaluation": str(one.pk), "wanted": "0.001"}
    refused = client.post(path, wish)
    assert refused.status_code == 422
    assert "What would change" in said(refused)
    answer = client.post(path, {**wish, "reason": measuring.REASON})
    assert answer.status_code == 302
    supervisor = client_of(deployment, deployment.supervisor)
    words = said(supervisor.get(answer.url))
    assert "Age band: under 30 80 people" in words
    assert "before: 10 in 1,000" in words


def test_what_was_approved_is_carried_out_on_its_page(deployment, client, gallery):
    one = lifelike.evaluated(deployment, gallery)
    approval = measuring.asked(deployment, gallery, one, 0.003)
    path = reverse("point_carry_out", args=[approval.pk])
    early = client.post(path)
    assert early.status_code == 403
    measuring.approved(deployment, approval)
    assert client.get(path).status_code == 200
    assert client.post(path).status_code == 302
    assert [point.wanted_fpir for point in queries.points(gallery)] == [0.003]


def test_nothing_else_is_carried_out_there(deployment, client, gallery):
    other = approvals.ask(
        deployment.actor,
        kind="gallery_terms",
        subject=gallery.pk,
        summary="Make it sensitive",
        payload={"sensitive": True},
        reason=measuring.REASON,
        tools=deployment.tools,
    )
    assert client.get(reverse("point_carry_out", args=[other.pk])).status_code == 404


def test_without_an_evaluation_there_is_nothing_to_choose(client, gallery, deployment):
    words = page(client, "gallery_point", gallery.pk)
    assert "Nothing was measured that an operating point of this gallery could rest on." in words
    answer = client.post(reverse("gallery_point", args=[gallery.pk]), {"reason": "none"})
    assert answer.status_code in {200, 422}


def test_what_fits_a_gallery_is_offered_however_much_was_measured_since(
    deployment, client, gallery, monkeypatch
):
    monkeypatch.setattr(point_views, "OFFERED", 2)
    mine = lifelike.evaluated(deployment, gallery)
    other = make_gallery(deployment, "Other")
    for _ in range(3):
        lifelike.evaluated(deployment, other)
    assert queries.usable(deployment.actor, gallery, most=2) == [mine]
    assert "What would change" in page(client, "gallery_point", gallery.pk, wanted="0.01")
    assert "Set an operating point" in page(client, "gallery_evaluations", gallery.pk)
    former = lifelike.evaluated(deployment, gallery)
    former.details |= {"model": "former/1"}
    former.save(update_fields=("details",))
    assert queries.usable(deployment.actor, gallery, most=2) == [mine]


def test_selftests_do_not_hold_enrolments_back():
    assert jobs_module.run_selftests.queue == "evaluation"
    assert jobs_module.enrol_staged.queue in jobs_module.QUEUES[0]
    assert "evaluation" not in jobs_module.QUEUES[0]


def test_a_gallery_whose_photos_are_over_cannot_be_measured(deployment, gallery):
    assert queries.has_several_photos(gallery, tools=deployment.tools)
    much_later = replace(
        deployment.tools, clock=lambda: deployment.tools.clock() + timedelta(days=365 * 200)
    )
    assert not queries.has_several_photos(gallery, tools=much_later)


def test_a_wish_that_is_not_offered_is_not_asked_for(deployment, client, gallery):
    one = lifelike.evaluated(deployment, gallery)
    path = reverse("gallery_point", args=[gallery.pk])
    answer = client.post(path, {"evaluation": str(one.pk), "wanted": "0.4", "reason": "Why not"})
    assert answer.status_code == 422
    assert "Choose first how often" in said(answer)
    assert client.post(path).status_code == 422


def test_a_selftest_is_told_with_what_was_predicted(deployment, client, gallery, monkeypatch):
    monkeypatch.setattr(counting, "blurred", lambda returned, **_: returned)
    measuring.pointed(deployment, gallery, lifelike.evaluated(deployment, gallery), 0.01)
    photos = measuring.sample(measuring.names(25, "stranger"), (1,))
    one = selftests.run_selftest(
        deployment.actor, gallery=gallery, photos=photos, tools=deployment.tools
    )
    words = page(client, "evaluation", one.pk)
    assert "About as many as the evaluation predicts." in words
    assert "searches for people who are not there 25 of them returned somebody about 0" in words
    assert "The count is blurred" in words
    assert "Different people searched for 25" in words
    assert "about 0 of 25 searches" in page(client, "gallery_evaluations", gallery.pk)
    assert "about 0 of 25 searches" in page(client, "gallery", gallery.pk)
    for route in ("evaluation_report", "evaluation_json"):
        assert client.get(reverse(route, args=[one.pk])).status_code == 404


def test_an_evaluation_with_too_little_says_so_everywhere(deployment, client, gallery):
    few = lifelike.trials(deployment.tools.engine.model, people=2, groups=False)
    one = lifelike.evaluated(deployment, gallery, found=few)
    assert "Too few searches" in page(client, "evaluation", one.pk)
    assert "too little measured" in page(client, "gallery_evaluations", gallery.pk)
    assert "Too few searches" in page(client, "gallery_point", gallery.pk)
    assert client.get(reverse("evaluation_report", args=[one.pk])).content.startswith(b"%PDF-")


def test_an_evaluation_of_another_agency_is_not_found(deployment, gallery):
    one = lifelike.evaluated(deployment, gallery)
    other = Person.objects.get(pk=other_agency(deployment).person)
    other.standing |= {"roles": sorted(Role), "trained_until": "2199-12-31"}
    other.save()
    stranger = client_of(deployment, other.actor)
    for route in ("evaluation", "evaluation_json", "evaluation_report"):
        assert stranger.get(reverse(route, args=[one.pk])).status_code == 404
    for route in ("gallery_evaluations", "gallery_point"):
        assert stranger.get(reverse(route, args=[gallery.pk])).status_code == 404


def test_the_receipt_on_the_page_is_of_this_evaluation(deployment, client, gallery):
    first = lifelike.evaluated(deployment, gallery)
    second = lifelike.evaluated(deployment, gallery)
    rows = {
        one.pk: LedgerRow.objects.get(about=one.pk, action="evaluation.recorded").index
        for one in (first, second)
    }
    for one in (first, second):
        assert f"entry no. {rows[one.pk]} of the ledger" in page(client, "evaluation", one.pk)


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        ((0.06, 0.042, 0.088), "6 in 100 (4 to 9)"),
        ((0.2, 0.18, 0.25), "20 in 100 (18 to 25)"),
        ((0.0, 0.0, 0.008), "0 in 1,000 (0 to 8)"),
        ((1.0, 0.97, 1.0), "100 in 100 (97 to 100)"),
        ((0.0, 0.0, 0.0), "0 in 10 (0 to 0)"),
    ],
)
def test_a_rate_and_its_interval_are_out_of_the_same_number(rate, words):
    assert within(*rate) == words


def test_an_empty_gallery_has_its_pages(deployment, client):
    empty = make_gallery(deployment, "Nobody yet")
    assert "Nobody in it has several photos" in page(client, "gallery_evaluations", empty.pk)


@pytest.fixture
def _empty_queue(deployment):
    """Leave no job behind: Django's flush leaves the queue's tables alone."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")


@pytest.mark.usefixtures("_empty_queue")
def test_a_measurement_is_queued_once_and_again_after_a_stop(deployment, gallery):
    queue = Queue()
    assert queue.evaluating(gallery.pk) == ""
    for _ in range(2):
        queue.evaluate(gallery.pk, deployment.person.pk)
    waiting = ProcrastinateJob.objects.filter(queueing_lock=str(gallery.pk))
    assert [one.status for one in waiting] == ["todo"]
    assert queue.evaluating(gallery.pk) == "running"
    _become("doing")
    assert queue.evaluating(gallery.pk) == "running"
    assert jobs_module.requeue_unfinished() == 1
    assert sorted(one.status for one in waiting.all()) == ["doing", "todo"]
    # Stopped in it again: it may be what stops the program, so it is not begun a third time.
    _become("doing")
    assert jobs_module.requeue_unfinished() == 0
    assert sorted(one.status for one in waiting.all()) == ["doing", "failed"]
    assert queue.evaluating(gallery.pk) == "failed"
    assert jobs_module.requeue_unfinished() == 0
    _become("failed")
    assert queue.evaluating(gallery.pk) == "failed"
    assert jobs_module.requeue_unfinished() == 0


def _become(status):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = %s", [status])
