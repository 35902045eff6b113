"""People, agencies and the set-up in a real browser: clean to axe and the CSP, useful without a script."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import expect
from staff import House, add, house

from countenance.apps.agencies import queries, services, staff
from countenance.apps.agencies.models import Agency, Invitation, Person
from countenance.policy import SYSTEM, Role

LOOKS = [("light", 1440), ("dark", 390)]
expect.set_options(timeout=20_000)  # as long as everything else is waited for


@pytest.fixture
def custodian(deployment: Any) -> Person:
    """A custodian of a deployment in which only the custodians' agency counts."""
    tools = deployment.tools
    home = services.admit_agency(
        SYSTEM, name="Custodians", listed=False, custodial=True, tools=tools
    )
    return services.add_person(
        SYSTEM,
        agency=home,
        name="Cleo Custodian",
        email="cleo@example.org",
        password=None,
        roles=[Role.CUSTODIAN],
        tools=tools,
    )


@pytest.fixture
def team(deployment: Any) -> House:
    """An agency with people of several roles."""
    return house(deployment.tools, roles=(Role.AUDITOR, Role.EXAMINER))


LONG = "maximiliana.featherstonehaugh@missing-persons.county-of-ourtown.example.org"
LINES = """address => {
  const lines = [], walk = document.createTreeWalker(address, NodeFilter.SHOW_TEXT);
  let bottom = -1;
  while (walk.nextNode()) [...walk.currentNode.data].forEach((letter, at) => {
    const range = document.createRange();
    range.setStart(walk.currentNode, at);
    range.setEnd(walk.currentNode, at + 1);
    const box = range.getBoundingClientRect();
    if (box.top > bottom) lines.push("");
    bottom = Math.max(bottom, (box.top + box.bottom) / 2);
    lines[lines.length - 1] += letter;
  });
  return lines;
}"""


def looked_at(desk: Any, name: str) -> None:
    for scheme, width in LOOKS:
        desk.dress(scheme, width)
        assert desk.look(name, scheme, width) == [], (name, scheme, width)
    desk.dress("light", 1440)


def no_agency(monkeypatch: pytest.MonkeyPatch, deployment: Any) -> None:
    """Leave the tests' own agency out of what custodians are shown."""
    all_of_them = queries.admitted
    monkeypatch.setattr(
        queries,
        "admitted",
        lambda: [one for one in all_of_them() if one.pk != deployment.agency.pk],
    )


def fill_agency(desk: Any, name: str) -> None:
    page = desk.page
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Who checked it").fill("C. Keeper, office")
    page.get_by_label("When").fill("2026-01-05")
    page.get_by_label("What was checked").fill("Its founding law")
    page.get_by_label("Missing persons and family links").check()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_custodian_sets_up_the_first_agency(
    custodian: Person,
    deployment: Any,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    scripts: bool,
) -> None:
    no_agency(monkeypatch, deployment)
    desk = (
        request.getfixturevalue("make_desk")() if scripts else request.getfixturevalue("plain_desk")
    )
    desk.sign_in(custodian)
    desk.go("/agencies/")
    expect(desk.page).to_have_url(re.compile("/set-up/$"))
    assert desk.heading() == "Admit the first agency"
    if scripts:
        looked_at(desk, "set-up-agency")
    fill_agency(desk, "Family links")
    desk.page.get_by_label("Documents").set_input_files(
        [{"name": "law.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1 a law"}]
    )
    desk.press("Admit the agency")
    assert desk.heading() == "Invite its first people"
    # Left and taken up again.
    desk.go("/set-up/")
    page = desk.page
    page.get_by_label("Coordinator's name").fill("Cora")
    page.get_by_label("Coordinator's e-mail address").fill("cora@example.org")
    page.get_by_label("Supervisor's name").fill("Cora")
    page.get_by_label("Supervisor's e-mail address").fill("CORA@example.org")
    desk.press("Make the invitations")
    expect(page.get_by_role("alert")).to_contain_text("another person")
    page.get_by_label("Supervisor's e-mail address").fill("sol@example.org")
    desk.press("Make the invitations")
    links = re.findall(r"http://\S+/invitation/[\w-]{43}/", page.content())
    assert len(links) == len(set(links)) == 2, "each link stands on the page once"
    if scripts:
        looked_at(desk, "set-up-links")
    page.get_by_role("link", name="I have copied them").click()
    assert desk.heading() == "Everything is ready"
    assert "/invitation/" not in page.content()
    if scripts:
        looked_at(desk, "set-up-done")
    agency = next(one for one in Agency.objects.all() if one.name == "Family links")
    assert agency.pack == "humanitarian"
    assert Invitation.objects.filter(agency=agency, by_custodian=True).count() == 2
    page.get_by_role("link", name="Go to the agency").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="law.pdf").click()
    assert download.value.path().read_bytes() == b"%PDF-1 a law"
    if scripts:
        looked_at(desk, "agency")


def test_a_custodian_changes_suspends_and_restores_an_agency(
    custodian: Person, team: House, make_desk: Any
) -> None:
    desk = make_desk()
    desk.sign_in(custodian)
    desk.go("/agencies/")
    looked_at(desk, "agencies")
    desk.page.get_by_role("link", name="House").click()
    desk.page.get_by_role("link", name="Change the terms").click()
    looked_at(desk, "agency-terms")
    desk.page.get_by_label("Maryland").check()
    desk.page.get_by_label("Listed").uncheck()
    desk.press("Change it")
    expect(desk.page.locator("main")).to_contain_text("Maryland")
    expect(desk.page.locator("main")).to_contain_text("counts in totals only")
    desk.page.get_by_role("link", name="Invite somebody").click()
    looked_at(desk, "agency-invite")
    desk.page.get_by_label("Auditor").check()
    desk.page.get_by_label("Name").fill("Uma")
    desk.page.get_by_label("E-mail address").fill("uma@example.org")
    desk.press("Make the invitation")
    assert desk.heading() == "Hand over this link"
    looked_at(desk, "invited")
    desk.page.get_by_role("link", name="I have copied it").click()
    desk.page.get_by_role("link", name="Withdraw").click()
    desk.press("Withdraw it")
    expect(desk.page.locator("main")).to_contain_text("Withdrawn")
    desk.page.get_by_role("link", name="Suspend", exact=True).click()
    looked_at(desk, "agency-suspend")
    desk.page.get_by_label("Reason").fill("Its mandate ended on 3 May")
    desk.press("Suspend the agency")
    expect(desk.page.locator("main")).to_contain_text("Its mandate ended on 3 May")
    desk.page.get_by_role("link", name="Lift the suspension").click()
    desk.page.get_by_label("Reason").fill("It was renewed on 4 May")
    desk.press("Lift it")
    expect(desk.page.locator("main")).not_to_contain_text("Its mandate ended")
    desk.go("/agencies/new/")
    looked_at(desk, "agency-new")


def test_a_coordinator_looks_after_people(team: House, make_desk: Any) -> None:
    desk = make_desk()
    desk.sign_in(team.people["coordinator"])
    desk.go("/people/")
    desk.page.get_by_role("link", name="Invite a person").click()
    desk.page.get_by_label("Name").fill("Ivo")
    desk.page.get_by_label("E-mail address").fill("ivo@example.org")
    desk.press("Make the invitation")
    expect(desk.page.locator("main")).to_contain_text(re.compile(r"/invitation/[\w-]{43}/"))
    desk.page.get_by_role("link", name="I have copied it").click()
    expect(desk.page.locator("main")).to_contain_text("ivo@example.org")
    looked_at(desk, "people")
    desk.page.get_by_role("link", name="Newcomer").click()
    desk.page.get_by_role("link", name="Change roles").click()
    desk.page.get_by_label("Examiner:").check()
    desk.page.get_by_label("Auditor:").check()
    desk.page.get_by_label("Reason").fill("Took over the desk of Ivo on 3 May")
    desk.press("Change the roles")
    expect(desk.page.get_by_role("alert")).to_contain_text("Nobody is auditor and examiner at once")
    looked_at(desk, "person-roles")
    desk.page.get_by_label("Auditor:").uncheck()
    desk.press("Change the roles")
    expect(desk.page).to_have_url(re.compile("/approvals/"))
    desk.go(f"/people/{team.people['newcomer'].pk}/training/")
    desk.page.get_by_label("Last day of their training").fill("2031-05-01")
    desk.page.get_by_label("Last day of their examiner's certificate").fill("")
    looked_at(desk, "person-training")
    desk.press("Record it")
    expect(desk.page.locator("main")).to_contain_text("1 May 2031")
    desk.page.get_by_role("link", name="Lost means of signing in").click()
    desk.press("Make a new link")
    assert desk.heading() == "Hand over this link"
    desk.page.get_by_role("link", name="I have copied it").click()
    desk.page.get_by_role("link", name="Suspend", exact=True).click()
    desk.page.get_by_label("Reason").fill("Left the unit on 3 May")
    looked_at(desk, "person-suspend")
    desk.press("Suspend them")
    expect(desk.page.locator("main")).to_contain_text("Left the unit on 3 May")
    looked_at(desk, "person")


def test_an_approved_role_is_carried_out(team: House, make_desk: Any) -> None:
    with team.acting("coordinator") as (actor, tools):
        approval = staff.ask_for_roles(
            replace(actor),
            person=team.people["newcomer"],
            roles=[Role.STEWARD],
            reason="Took over the archive on 3 May",
            tools=tools,
        )
    team.approve(approval, by="supervisor")
    desk = make_desk()
    desk.sign_in(team.people["coordinator"])
    desk.go(f"/approvals/{approval.pk}/for-person/")
    looked_at(desk, "person-carry-out")
    desk.press("Carry it out")
    expect(desk.page.locator("main")).to_contain_text("Looks after sources")
    desk.go(f"/approvals/{approval.pk}/for-person/")
    desk.press("Carry it out")
    expect(desk.page.get_by_role("alert")).to_contain_text("exactly these roles already")


def test_supervisors_read_people_and_change_nothing(team: House, make_desk: Any) -> None:
    desk = make_desk()
    desk.sign_in(team.people["supervisor"])
    desk.go("/people/")
    expect(desk.page.get_by_role("link", name="Invite a person")).to_have_count(0)
    desk.page.get_by_role("link", name="Newcomer").click()
    for name in ("Change roles", "Record training", "Suspend", "Lost means of signing in"):
        expect(desk.page.get_by_role("link", name=name, exact=True)).to_have_count(0)


def test_a_long_address_is_broken_after_its_at_and_its_dots_alone(
    team: House, make_desk: Any
) -> None:
    add(team.tools, team.agency, LONG, [Role.EXAMINER, Role.SUPERVISOR])
    desk = make_desk()
    desk.sign_in(team.people["coordinator"])
    desk.go("/people/")
    desk.dress("light", 390)
    assert desk.look("people-long-address", "light", 390) == []
    lines = desk.page.locator(".address", has_text="maximiliana").evaluate(LINES)
    assert len(lines) > 2
    assert "".join(lines) == LONG
    assert [line for line in lines[:-1] if line[-1] not in "@."] == []
