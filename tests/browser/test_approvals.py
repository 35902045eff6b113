"""Approvals in the browser: the inbox, deciding, withdrawing, and broken glass with its review."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from factories import make_case, make_source

from countenance.apps.agencies import services as agencies
from countenance.apps.approvals import services
from countenance.apps.approvals.models import Approval
from countenance.policy import SYSTEM, Role
from countenance.policy.approvals import ApprovalKind

LOOKS = [("light", 1440), ("dark", 390)]
REASON = "The archive in Leeds was told by its curator on 3 May"
LATE = "2199-12-31"
NAMES = {
    Role.STEWARD: "Stella Steward",
    Role.SUPERVISOR: "Sven Supervisor",
    Role.AUDITOR: "Ada Auditor",
    Role.COORDINATOR: "Cora Coordinator",
}


@pytest.fixture
def office(site):
    """People of one role each, and a source."""
    on = site.deployment
    people = {}
    for role, name in NAMES.items():
        person = agencies.add_person(
            SYSTEM,
            agency=on.agency,
            name=name,
            email=f"{role}@office.example",
            password="a long test password",
            roles=[role],
            tools=on.tools,
        )
        person.standing |= {"trained_until": LATE, "certified_until": LATE}
        person.save()
        people[role] = person
    return SimpleNamespace(on=on, people=people, source=make_source(on))


def ask(office, kind=ApprovalKind.RETENTION_EXTENSION, by=Role.STEWARD, **more):
    wanted = {
        "subject": office.source.pk,
        "summary": "Keep the photos of the archive until the end of 2200",
        "payload": {"until": "2200-12-31"},
        "reason": REASON,
    }
    return services.ask(_actor(office, by), kind=kind, **(wanted | more), tools=office.on.tools)


def decide(office, one, approve=True):
    actor = _actor(office, Role.SUPERVISOR)
    said = {"approve": approve, "reason": "Agreed with the archive", "tools": office.on.tools}
    return services.decide(actor, approval=one, **said)


def break_glass(office, case):
    actor = _actor(office, Role.SUPERVISOR)
    said = {"reason": "A child was taken at the station at noon", "tools": office.on.tools}
    return services.break_glass(actor, case_id=case.pk, **said)


def _actor(office, role):
    return replace(office.people[role].actor, stepped_up_at=office.on.tools.clock())


def section(desk, name):
    return desk.page.get_by_role("region", name=name).inner_text()


def test_a_request_waits_on_the_supervisor_who_approves_it_and_the_steward_sees_it(
    make_desk, office
):
    one, desk = ask(office), make_desk()
    desk.sign_in(office.people[Role.SUPERVISOR])
    desk.go("/approvals/")
    assert "Keep the photos of the archive" in section(desk, "Waiting on you")
    assert "Stella Steward" in section(desk, "Waiting on you")
    desk.page.get_by_role("link", name="Keep photos beyond").click()
    assert "31 December 2200, instead of 31 December 2199" in desk.page.inner_text("main")
    desk.page.get_by_label("Reason").fill("Agreed with the archive")
    desk.press("Approve")
    desk.page.get_by_role("heading", name="Approved").wait_for()
    assert "Sven Supervisor" in desk.page.inner_text("main")
    assert Approval.objects.get(pk=one.pk).facts.approved
    desk.sign_in(office.people[Role.STEWARD])
    desk.go("/approvals/")
    assert "Approved" in section(desk, "Decided")
    assert "Nothing waits on you" in section(desk, "Waiting on you")


def test_nobody_is_offered_to_decide_their_own_and_only_the_asker_withdraws(make_desk, office):
    one, desk = ask(office), make_desk()
    desk.sign_in(office.people[Role.SUPERVISOR])
    desk.go(f"/approvals/{one.pk}/")
    assert desk.page.get_by_role("link", name="Withdraw this request").count() == 0
    desk.sign_in(office.people[Role.STEWARD])
    desk.go(f"/approvals/{one.pk}/")
    assert desk.page.get_by_role("button", name="Approve").count() == 0
    assert "This waits on somebody else" in desk.page.inner_text("main")
    desk.page.get_by_role("link", name="Withdraw this request").click()
    desk.press("Withdraw it")
    assert "Withdrawn" in desk.page.inner_text("main")


def test_a_request_is_refused_without_a_script_and_a_reason_is_needed(plain_desk, office):
    one, desk = ask(office), plain_desk
    desk.sign_in(office.people[Role.SUPERVISOR])
    desk.go(f"/approvals/{one.pk}/")
    desk.page.get_by_label("Reason").fill(" ")
    desk.press("Refuse")
    assert "There is a problem" in desk.page.get_by_role("alert").inner_text()
    desk.page.get_by_label("Reason").fill("The deposit agreement ends in 2027")
    desk.press("Refuse")
    assert "The deposit agreement ends in 2027" in desk.page.inner_text("main")
    assert "Refused" in desk.page.inner_text("main")
    assert not Approval.objects.get(pk=one.pk).facts.approved


def test_a_request_is_not_there_for_those_whom_it_does_not_concern(make_desk, office):
    one, desk = ask(office), make_desk()
    desk.sign_in(office.people[Role.COORDINATOR])
    desk.go(f"/approvals/{one.pk}/")
    assert "There is no such request" in desk.page.inner_text("main")


def test_glass_is_broken_alarmed_and_reviewed(make_desk, office):
    case, desk = make_case(office.on), make_desk()
    desk.sign_in(office.people[Role.SUPERVISOR])
    desk.go(f"/cases/{case.pk}/break-glass/")
    desk.page.get_by_label("Reason").fill("A child was taken at the station at noon")
    desk.press("Break the glass")
    assert "Waits for its review" in desk.page.inner_text("main")
    assert desk.page.get_by_role("link", name="Review it").count() == 0
    desk.sign_in(office.people[Role.AUDITOR])
    desk.go("/approvals/")
    assert "Break the glass for a case" in section(desk, "Waiting on you")
    desk.page.get_by_role("link", name="Break the glass for a case").click()
    desk.page.get_by_role("link", name="Review it").click()
    desk.page.get_by_label("Yes, it could not wait").check()
    desk.page.get_by_label("Reason").fill("The child was found within the hour")
    desk.press("Record the review")
    assert "there was good reason" in desk.page.inner_text("main")
    assert "Ada Auditor" in desk.page.inner_text("main")


def looked_at(desk, name):
    """Return what is wrong with the page in each look."""
    wrong = []
    for scheme, width in LOOKS:
        desk.dress(scheme, width)
        wrong += desk.look(name, scheme, width)
    return wrong


def test_the_screens_of_approvals_are_accessible_and_fit(make_desk, office):
    waiting, approved, refused = ask(office), ask(office), ask(office)
    decide(office, approved)
    decide(office, refused, approve=False)
    case = make_case(office.on)
    wrong, desk = [], make_desk()
    desk.sign_in(office.people[Role.SUPERVISOR])
    glass = break_glass(office, case)
    ask(office, ApprovalKind.EXPORT, Role.AUDITOR, summary="The entries of May", payload={})
    pages = {
        Role.SUPERVISOR: {
            "approvals": "/approvals/",
            "approval": f"/approvals/{waiting.pk}/",
            "approval_refused": f"/approvals/{refused.pk}/",
            "glass": f"/approvals/{glass.pk}/",
        },
        Role.STEWARD: {
            "approval_approved": f"/approvals/{approved.pk}/",
            "approval_withdraw": f"/approvals/{waiting.pk}/withdraw/",
        },
        Role.AUDITOR: {
            "approvals_auditor": "/approvals/",
            "glass_review": f"/approvals/{glass.pk}/review/",
        },
        Role.COORDINATOR: {"approvals_empty": "/approvals/"},
    }
    for role, paths in pages.items():
        desk.sign_in(office.people[role])
        for name, path in paths.items():
            desk.go(path)
            assert desk.page.get_by_role("heading", level=1).count() == 1, name
            wrong += looked_at(desk, name)
    assert wrong == []
