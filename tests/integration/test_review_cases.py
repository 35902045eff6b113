"""What a review of cases, searches and approvals found: each of these was possible once."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import factories
import pytest
from clients import client_of
from django.urls import reverse
from matrix_world import grant_to

from countenance.apps.approvals import queries as approvals
from countenance.apps.approvals.models import Approval
from countenance.apps.cases import authorities
from countenance.apps.cases import services as cases
from countenance.apps.cases.documents import Document
from countenance.apps.galleries.models import Gallery
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import asking, evidence, queries
from countenance.apps.searches.models import Search
from countenance.errors import InputError, NotFound, NotPermitted, SealBroken
from countenance.policy import Role, SearchKind
from countenance.testing import FakeEngine

REASON = "Reported missing on 3 May"


@pytest.fixture
def ready(deployment: Any) -> Any:
    """A case with evidence, a request that waits and a search that was run; and an investigator of another case."""
    source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    factories.enrol(deployment, deployment.gallery, source, factories.people(["anna", "ben"]))
    deployment.case = factories.make_case(deployment)
    deployment.found = factories.search(
        deployment, deployment.case, [deployment.gallery], FakeEngine.photo("anna", 2)
    )
    deployment.probe = deployment.found.probe
    factories.ask(deployment, deployment.case, [deployment.gallery], FakeEngine.photo("anna", 2))
    deployment.asked = queries.open_request(deployment.probe)
    deployment.stranger = factories.acting(deployment, Role.INVESTIGATOR)
    return deployment


def refused() -> int:
    return LedgerRow.objects.filter(action="action.refused").count()


def test_an_investigator_reads_nothing_of_a_case_that_is_not_theirs(ready: Any) -> None:
    client = client_of(ready, ready.stranger)
    probe, search, asked = [ready.probe.pk], [ready.found.pk], [ready.asked.pk]
    for name, ids in (
        ("probe", probe),
        ("probe_image", probe),
        ("search", search),
        ("certificate", search),
        ("case", [ready.case.pk]),
    ):
        assert client.get(reverse(name, args=ids)).status_code == 404, name
    for name, ids in (
        ("probe_derive", probe),
        ("search_ask", probe),
        ("request_withdraw", asked),
    ):
        assert client.post(reverse(name, args=ids)).status_code == 404, name
    assert not queries.searches(ready.stranger).exists()
    assert not queries.waiting_requests(ready.stranger).exists()
    assert str(ready.found.pk) not in client.get(reverse("searches")).text


def test_services_refuse_an_investigator_evidence_of_a_case_that_is_not_theirs(ready: Any) -> None:
    who, tools, before = ready.stranger, ready.tools, refused()
    with pytest.raises(NotPermitted, match="not a member"):
        evidence.view_probe(who, probe=ready.probe, long_side=100, tools=tools)
    with pytest.raises(NotPermitted, match="not a member"):
        evidence.derive_probe(who, probe=ready.probe, quarter_turns=1, tools=tools)
    with pytest.raises(NotPermitted, match="not a member"):
        evidence.add_probe(
            who, case=ready.case, upload=FakeEngine.photo("ben"), file_name="b.jpg", tools=tools
        )
    with pytest.raises(NotPermitted, match="not a member"):
        asking.ask_for_search(
            who, probe=ready.probe, reason=REASON, galleries=[ready.gallery], tools=tools
        )
    assert refused() == before + 4


def test_whoever_answers_for_all_cases_still_reads_them(ready: Any) -> None:
    auditor = factories.acting(ready, Role.AUDITOR)
    for who in (ready.examiner, ready.supervisor, auditor):
        assert queries.search(who, ready.found.pk) == ready.found
        assert queries.probe(who, ready.probe.pk) == ready.probe
        assert list(queries.searches(who)) == [ready.found]
        assert list(queries.waiting_requests(who)) == [ready.asked]
    evidence.view_probe(ready.examiner, probe=ready.probe, long_side=100, tools=ready.tools)


def test_a_member_reads_the_case_until_they_are_one_no_more(ready: Any) -> None:
    who = ready.stranger
    cases.change_members(ready.actor, case=ready.case, members=[who.person], tools=ready.tools)
    assert queries.search(who, ready.found.pk) == ready.found
    assert list(queries.searches(who)) == [ready.found]
    evidence.view_probe(
        who, probe=queries.probe(who, ready.probe.pk), long_side=100, tools=ready.tools
    )
    cases.change_members(ready.actor, case=ready.case, members=[], tools=ready.tools)
    with pytest.raises(NotFound):
        queries.search(who, ready.found.pk)
    assert not queries.searches(who).exists()


def test_requests_of_a_closed_case_wait_no_more(ready: Any) -> None:
    cases.close_case(ready.actor, case=ready.case, reason="Found", tools=ready.tools)
    assert not queries.waiting_requests(ready.examiner).exists()
    page = client_of(ready, ready.examiner).get(reverse("case", args=[ready.case.pk])).text
    assert "Not run: the case was closed" in page
    assert "Waits for an examiner" not in page
    page = client_of(ready).get(reverse("probe", args=[ready.probe.pk])).text
    assert "An examiner who is somebody else runs it" not in page


def ask_for_gallery(on: Any, client: Any, case: UUID) -> Any:
    path = reverse("gallery_for_case", args=[on.gallery.pk, case])
    return client.get(path), client.post(path, {"reason": "The family asked for it on 4 May"})


def make_sensitive(on: Any) -> None:
    on.gallery.terms = {"sensitive": True, "threshold": None}
    on.gallery.save()


def test_a_supervisor_reads_for_which_case_a_sensitive_gallery_is_asked(ready: Any) -> None:
    make_sensitive(ready)
    client = client_of(ready)
    page = client.get(reverse("case", args=[ready.case.pk])).text
    assert reverse("gallery_for_case", args=[ready.gallery.pk, ready.case.pk]) in page
    form, asked = ask_for_gallery(ready, client, ready.case.pk)
    assert (form.status_code, asked.status_code) == (200, 302)
    one = Approval.objects.get(kind="sensitive_gallery")
    assert one.payload == {"case": str(ready.case.pk)}
    page = client_of(ready, ready.supervisor).get(reverse("approval", args=[one.pk])).text
    assert ready.case.reference in page
    assert str(ready.case.pk) not in page


def test_a_sensitive_gallery_is_asked_for_only_for_an_open_case_that_one_sees(ready: Any) -> None:
    make_sensitive(ready)
    other = factories.other_agency(ready)
    theirs = cases.open_case(
        other, reference="X-1", purpose="A case", reason=REASON, tools=ready.tools
    )
    client = client_of(ready)
    for unknown in (uuid4(), theirs.pk):
        assert [one.status_code for one in ask_for_gallery(ready, client, unknown)] == [404, 404]
    stranger = client_of(ready, ready.stranger)
    answers = ask_for_gallery(ready, stranger, ready.case.pk)
    assert [one.status_code for one in answers] == [404, 404]
    cases.close_case(ready.actor, case=ready.case, reason="Found", tools=ready.tools)
    assert ask_for_gallery(ready, client, ready.case.pk)[1].status_code == 403
    assert not Approval.objects.exists()


def test_a_search_refused_for_a_sensitive_gallery_leads_to_the_form_that_asks_for_it(
    ready: Any,
) -> None:
    make_sensitive(ready)
    asked = {"face": "0", "galleries": [str(ready.gallery.pk)], "reason": REASON, "top": "5"}
    examiner = client_of(ready, ready.examiner)
    answer = examiner.post(reverse("search_run", args=[ready.probe.pk]), asked)
    assert answer.status_code == 403
    assert "gallery.sensitive" in answer.text
    assert reverse("case", args=[ready.case.pk]) in answer.text
    assert reverse("gallery_for_case", args=[ready.gallery.pk, ready.case.pk]) in answer.text
    form, sent = ask_for_gallery(ready, examiner, ready.case.pk)
    assert (form.status_code, sent.status_code) == (200, 302)
    assert Approval.objects.get().facts.asked_by == ready.examiner.person


def test_a_search_refused_for_another_reason_leads_to_its_case_alone(ready: Any) -> None:
    cases.close_case(ready.actor, case=ready.case, reason="Found", tools=ready.tools)
    asked = {"face": "0", "galleries": [str(ready.gallery.pk)], "reason": REASON, "top": "5"}
    examiner = client_of(ready, ready.examiner)
    answer = examiner.post(reverse("search_run", args=[ready.probe.pk]), asked)
    assert answer.status_code == 403
    assert reverse("case", args=[ready.case.pk]) in answer.text
    assert "Ask for this gallery" not in answer.text


def test_an_investigator_reads_no_approvals_that_others_asked_for(ready: Any) -> None:
    make_sensitive(ready)
    ask_for_gallery(ready, client_of(ready), ready.case.pk)
    one = Approval.objects.get()
    client = client_of(ready, ready.stranger)
    assert client.get(reverse("approval", args=[one.pk])).status_code == 404
    assert one.summary not in client.get(reverse("approvals")).text
    auditor = factories.acting(ready, Role.AUDITOR)
    for who in (ready.actor, ready.examiner, ready.supervisor, auditor):
        assert approvals.approval(who, one.pk) == one


def test_only_whoever_proposed_an_authority_adds_its_document(ready: Any) -> None:
    proposed = authorities.propose_authority(
        ready.stranger,
        kind=SearchKind.MISSING,
        statute="s. 4",
        purpose="Find a missing person",
        galleries=[ready.gallery.pk],
        quota=1,
        expires_on=date(2199, 12, 31),
        tools=ready.tools,
    )
    order, colleague = Document(file_name="order.txt", data=b"On paper"), ready.actor
    with pytest.raises(NotPermitted) as refusal:
        authorities.attach_document(
            colleague, authority=proposed, document=order, tools=ready.tools
        )
    assert refusal.value.rule == "authority.proposer"
    authorities.attach_document(
        ready.stranger, authority=proposed, document=order, tools=ready.tools
    )


def test_a_member_does_not_close_the_case_its_opener_and_supervisors_do(ready: Any) -> None:
    who = ready.stranger
    cases.change_members(ready.actor, case=ready.case, members=[who.person], tools=ready.tools)
    with pytest.raises(NotPermitted) as refusal:
        cases.close_case(who, case=ready.case, reason="Found", tools=ready.tools)
    assert refusal.value.rule == "case.lead"
    page = client_of(ready, who).get(reverse("case", args=[ready.case.pk])).text
    assert reverse("case_close", args=[ready.case.pk]) not in page
    cases.close_case(ready.supervisor, case=ready.case, reason="Found", tools=ready.tools)


def test_a_gallery_that_its_owner_closed_is_offered_for_no_new_authority(ready: Any) -> None:
    owner = SimpleNamespace(tools=ready.tools, actor=factories.other_agency(ready))
    owner.supervisor = factories.second_person(owner)
    gallery = factories.make_gallery(owner, "Lent")
    grant_to(owner, gallery, ready.agency)
    assert factories.make_authority(ready, [gallery]).galleries == {gallery.pk}
    Gallery.objects.filter(pk=gallery.pk).update(closed_at=ready.tools.clock())
    with pytest.raises(InputError, match="is closed"):
        factories.make_authority(ready, [gallery])
    form = client_of(ready).get(reverse("authority_new")).text
    assert ready.gallery.name in form
    assert "Lent" not in form


def test_a_template_that_was_taken_out_of_the_database_is_missed(ready: Any) -> None:
    Search.objects.update(template=None)
    photo = FakeEngine.photo("anna", 8)
    with pytest.raises(SealBroken):
        factories.search(ready, ready.case, [ready.gallery], photo)
