"""The list of cases: what is next, whose step it is, what is left, and what was recorded last."""

from datetime import date

from factories import acting, make_authority, make_case, make_gallery

from countenance.apps.cases import authorities, services
from countenance.apps.searches import case_rows, evidence
from countenance.policy import Role
from countenance.testing import FakeEngine

REASON = "Reported missing on 3 May"


def today(on):
    return on.tools.clock().date()


def open_case(on, actor, reference="C-1", **more):
    wishes = {"purpose": "Find a missing person", "reason": REASON}
    return services.open_case(actor, reference=reference, **wishes | more, tools=on.tools)


def rows(on, actor, query=""):
    return {row.case.reference: row for row in case_rows.rows(actor, query=query, today=today(on))}


def test_the_list_says_what_is_next_and_whose_step_it_is(deployment):
    lead = acting(deployment, Role.INVESTIGATOR)
    gallery = make_gallery(deployment)
    open_case(deployment, lead, "bare")
    waiting = authorities.propose_authority(
        lead,
        kind="targeted",
        statute="s. 1",
        purpose="p",
        galleries=[gallery.pk],
        quota=10,
        expires_on=date(2199, 5, 3),
        tools=deployment.tools,
    )
    open_case(deployment, lead, "waiting", authority=waiting)
    authority = make_authority(deployment, [gallery], quota=10, expires_on=date(2199, 5, 3))
    ready = open_case(deployment, lead, "ready", authority=authority)
    photographed = open_case(deployment, lead, "photographed", authority=authority)
    evidence.add_probe(
        lead,
        case=photographed,
        upload=FakeEngine.photo("anna"),
        file_name="a.jpg",
        tools=deployment.tools,
    )
    closed = open_case(deployment, lead, "closed")
    services.close_case(lead, case=closed, reason="Found", tools=deployment.tools)
    seen = rows(deployment, lead)
    assert {name: row.step and row.step.words for name, row in seen.items()} == {
        "bare": "Put it under an authority",
        "waiting": "Add evidence",
        "ready": "Add evidence",
        "photographed": "Ask for a search",
        "closed": None,
    }
    assert {name for name, row in seen.items() if row.yours} == {
        "bare",
        "waiting",
        "ready",
        "photographed",
    }
    assert seen["waiting"].steps[0].whose == "A supervisor"
    assert seen["ready"].authority == "10 of 10 · until 3 May 2199"
    assert seen["bare"].authority == "None"
    assert seen["closed"].status == "Closed"
    supervisor = rows(deployment, deployment.supervisor)
    assert {name for name, row in supervisor.items() if row.yours} == {"waiting"}
    assert supervisor["waiting"].step.words == "Decide about the authority"
    assert supervisor["waiting"].step.whose == "You"
    entries = case_rows.last_entries([ready, photographed])
    assert entries[ready.pk]["words"] == "A case was opened."
    assert entries[photographed.pk]["words"] == "A probe photo was added to a case."


def test_the_list_is_filtered_by_the_words_of_reference_and_purpose(deployment):
    make_case(deployment, "26-0001", purpose="Missing girl")
    make_case(deployment, "26-0002", purpose="Stolen car")
    assert set(rows(deployment, deployment.actor, "GIRL")) == {"26-0001"}
    assert set(rows(deployment, deployment.actor, "26- car")) == {"26-0002"}
    assert set(rows(deployment, deployment.actor, "nothing")) == set()
