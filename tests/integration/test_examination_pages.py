"""The pages of examinations: what an examiner does there, and what is not on them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from clients import client_of
from django.test import Client
from examining import Bench, begin, bench, conclude_all, examine
from factories import acting

from countenance.apps.examinations import closing, queries, taking
from countenance.apps.examinations.models import Examination, ExaminationState
from countenance.examination.components import Component
from countenance.examination.scale import Conclusion
from countenance.policy import Role

SAME, OTHER = Conclusion.SAME, Conclusion.OTHER


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


def fields(said: str, **more: str) -> dict[str, str]:
    return {f"said-{one}": said for one in Component} | more


def images(client: Client, page: str) -> list[bytes]:
    """Return what a browser fetches for a page, each fetched as it stands there."""
    found = []
    for href in sorted(set(re.findall(r'\s(?:href|src)="(/examinations/[^"]+\.jpg[^"]*)"', page))):
        answer = client.get(href)
        assert answer.status_code == 200, href
        assert answer["Content-Type"] == "image/jpeg"
        found.append(answer.content)
    return found


def test_an_examiner_takes_analyses_compares_and_concludes(made: Bench) -> None:
    client = client_of(made.on, made.first)
    assert b"Take the next one" in client.get("/examinations/").content
    began = client.post("/examinations/next/")
    assert began.status_code == 302
    here = began["Location"]
    page = client.get(here).content.decode()
    assert "What does the probe show?" in page
    assert len(images(client, page)) == 1
    assert client.get(f"{here}A/").status_code == 404
    assert client.post(here, fields("clear", record="1", **{"said-nose": ""})).status_code == 422
    assert client.post(here, fields("clear", save="1")).status_code == 302
    assert client.post(here, fields("clear", record="1")).status_code == 302
    first = client.get(here)
    assert first["Location"] == f"{here}A/"
    for letter in "ABCD":
        page = client.get(f"{here}{letter}/").content.decode()
        assert f"Candidate {letter}" in page
        assert len(images(client, page)) == 6  # the probe, the candidate, and four small ones
        assert client.post(f"{here}{letter}/", fields("similar", save="1")).status_code == 302
        wrong = client.post(
            f"{here}{letter}/", fields("similar", record="1", conclusion=str(OTHER))
        )
        assert wrong.status_code == 422
        right = client.post(f"{here}{letter}/", fields("similar", record="1", conclusion=str(SAME)))
        assert right.status_code == 302
    one = Examination.objects.get(examiner_id=made.first.person)
    assert one.state == ExaminationState.RECORDED
    end = client.get(here).content.decode()
    assert ("This was a control" in end) == (one.search_id is None)
    assert client.get("/examinations/controls/").status_code == 200


def test_other_photos_of_a_candidate_are_shown_on_demand_only(made: Bench) -> None:
    one = begin(made.first, search=made.search, tools=made.on.tools)
    client = client_of(made.on, made.first)
    here = f"/examinations/{one.pk}/"
    client.get(here)
    client.post(here, fields("clear", record="1"))
    page = client.get(f"{here}A/").content.decode()
    assert f"{here}A/2.jpg" not in page
    assert client.get(f"{here}A/2.jpg").status_code == 404
    page = client.get(f"{here}A/?others=1").content.decode()
    assert len(images(client, page)) == 8
    assert client.get(f"{here}A/?photo=3").status_code == 200
    assert client.get(f"{here}A/?photo=9").status_code == 404


def test_a_photo_is_not_fetched_without_a_page_that_was_recorded(made: Bench) -> None:
    one = begin(made.first, search=made.search, tools=made.on.tools)
    for who in (made.first, made.second):
        client = client_of(made.on, who)
        assert client.get(f"/examinations/{one.pk}/probe.jpg").status_code == 404
        assert client.get(f"/examinations/{one.pk}/A/1.jpg").status_code == 404


def test_pages_of_an_open_examination_say_nothing_of_case_search_name_rank_or_source(
    made: Bench,
) -> None:
    one = begin(made.first, search=made.search, tools=made.on.tools)
    client = client_of(made.on, made.first)
    here = f"/examinations/{one.pk}/"
    pages = [client.get("/examinations/"), client.get(here)]
    client.post(here, fields("clear", record="1"))
    pages += [client.get(f"{here}{letter}/?others=1") for letter in "ABCD"]
    pages += [client.get(f"{here}give-up/")]
    secrets = [str(made.search.pk), made.search.pk.hex[:8], str(made.case.pk), "26-0001"]
    secrets += ["anna", "ben", "cleo", "Gallery</", "Archive", "Reported missing", 'probe.jpg"']
    secrets = [word for word in secrets if word != 'probe.jpg"']
    for row in queries.comparisons(one):
        secrets += [row.about["subject"], *(face["photo"] for face in row.about["faces"])]
        secrets += [f"{face['similarity']:.3f}"[:5] for face in row.about["faces"]]
    for page in pages:
        assert page.status_code == 200
        text = page.content.decode()
        found = [word for word in secrets if word in text]
        assert found == [], page.request["PATH_INFO"]


def test_two_recorded_examinations_are_compared_and_followed(made: Bench) -> None:
    tools = made.on.tools
    one = examine(
        made.first,
        made.search,
        tools=tools,
        concluding=lambda row: SAME if row.about["rank"] == 1 else OTHER,
    )
    client = client_of(made.on, made.first)
    where = f"/searches/{made.search.pk}/consolidation/"
    assert client.get(where).status_code == 404
    examine(made.second, made.search, tools=tools, concluding=lambda _: OTHER)
    page = client.get(where).content.decode()
    assert "or a third examiner decides; the search waits for one." in page
    assert page.index("differ</span>") < page.index("Candidate 2")
    row = next(row for row in queries.comparisons(one) if row.about["rank"] == 1)
    follow = f"/examinations/{one.pk}/follow/{row.pk}/"
    assert client.get(follow).status_code == 200
    why = "The bridge of the nose differs, as the other examiner says"
    sent = fields("similar", conclusion=str(OTHER), reason=why, **{"said-nose": "different"})
    assert client.post(follow, sent).status_code == 302
    assert "as the other examiner says" in client.get(where).content.decode()
    # Nothing is left to decide, so the program closes it; an examiner who did not run it does not.
    assert (
        client.post(
            f"/searches/{made.search.pk}/close/", {"reason": "The man was found on 3 May"}
        ).status_code
        == 403
    )
    made.search.refresh_from_db()
    assert queries.is_closed(made.search)


def test_a_disagreement_in_a_closed_search_waits_for_nobody(made: Bench) -> None:
    tools = made.on.tools
    for actor, first in ((made.first, SAME), (made.second, OTHER)):
        examine(actor, made.search, tools=tools, concluding=lambda _, said=first: said)
    supervisor = acting(made.on, Role.SUPERVISOR)
    why = "The case was solved by the ticket of 3 May"
    closing.close_search(supervisor, search=made.search, reason=why, tools=tools)
    client = client_of(made.on, supervisor)
    page = client.get(f"/searches/{made.search.pk}/consolidation/").content.decode()
    assert "No lead is made of this candidate." in page
    assert "the search waits for one" not in page


def test_a_candidate_whose_photos_were_removed_is_said_to_be_gone(made: Bench) -> None:
    from countenance.apps.galleries import services as galleries
    from countenance.apps.galleries.models import Subject

    one = begin(made.first, search=made.search, tools=made.on.tools)
    client = client_of(made.on, made.first)
    here = f"/examinations/{one.pk}/"
    client.get(here)
    client.post(here, fields("clear", record="1"))
    row = queries.comparisons(Examination.objects.get(pk=one.pk))[0]
    subject = Subject.objects.get(pk=row.about["subject"])
    galleries.remove_subject(
        made.on.actor, subject=subject, reason="Erased at their own request", tools=made.on.tools
    )
    page = client.get(f"{here}A/").content.decode()
    assert "No photo of this candidate is held any more" in page
    said = fields("cannot", record="1", conclusion=str(Conclusion.NEITHER))
    assert client.post(f"{here}A/", said).status_code == 302


def test_a_control_is_told_as_one_only_after_it_is_recorded(made: Bench, monkeypatch: Any) -> None:
    monkeypatch.setattr(taking, "is_control_due", lambda *_, **__: True)
    client = client_of(made.on, made.first)
    here = client.post("/examinations/next/")["Location"]
    one = Examination.objects.get(examiner_id=made.first.person)
    assert one.search_id is None
    client.get(here)
    client.post(here, fields("clear", record="1"))
    for page in (here, f"{here}A/", "/examinations/"):
        text = client.get(page, follow=True).content.decode()
        assert "control" not in text.replace("How I answer controls", "").replace("/controls/", "")
    conclude_all(made.first, Examination.objects.get(pk=one.pk), tools=made.on.tools)
    assert "This was a control" in client.get(here).content.decode()
