"""Whole stories in the browser, each person in a browser of their own: with passkeys, and without any script."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from browser.conftest import Authenticator, Desk
from examining import examined
from factories import app_code, enrol, give_app, make_gallery, make_source, people

from countenance.apps.agencies import queries, services
from countenance.apps.agencies.models import Person
from countenance.apps.searches.models import Search
from countenance.policy import SYSTEM, Role
from countenance.testing import FakeEngine

PASSWORD = "a long test password"
LATE = "2031-05-03"
REASON = "Reported missing by her mother on 3 May"


@pytest.fixture
def desk_of(browser, site):
    """Return a function that opens a browser for one more person; none may have had a fault."""
    desks = []

    def make(*, scripts=True):
        context = browser.new_context(java_script_enabled=scripts)
        context.set_default_timeout(30_000)
        desk = Desk(context.new_page(), site)
        desk.watch()
        desks.append(desk)
        return desk

    yield make
    for desk in desks:
        desk.page.context.close()
    assert [fault for desk in desks for fault in desk.faults] == []


def words(desk):
    return desk.page.locator("main").inner_text()


def join(desk, link):
    """Accept an invitation with a passkey of this browser, and sign in with it."""
    Authenticator(desk.page)
    desk.page.goto(link)
    desk.page.get_by_label("Password", exact=True).fill(PASSWORD)
    desk.page.get_by_label("Password, again").fill(PASSWORD)
    desk.press("Join with a passkey")
    desk.page.get_by_role("heading", name="You have joined").wait_for()
    desk.page.get_by_role("link", name="I have kept them").click()
    come_in(desk)


def come_in(desk):
    desk.go("/")
    desk.press("Sign in with a passkey")
    desk.page.get_by_role("button", name="Sign out").wait_for()


def links_on(desk):
    return re.findall(r"http://\S+/invitation/[\w-]{43}/", desk.page.content())


def invite(desk, name):
    """Invite somebody as a coordinator, and return their link."""
    desk.go("/people/invite/")
    desk.page.get_by_label("Name").fill(name)
    desk.page.get_by_label("E-mail address").fill(f"{name.split()[0].lower()}@example.org")
    desk.press("Make the invitation")
    desk.page.get_by_role("heading", name="Hand over this link").wait_for()
    return links_on(desk)[0]


def admit(desk):
    """Take the custodian through the set-up, and return the links of the coordinator and the supervisor."""
    page = desk.page
    desk.go("/")
    assert desk.heading() == "Admit the first agency"
    page.get_by_label("Name", exact=True).fill("Coast guard")
    page.get_by_label("Who checked it").fill("C. Keeper, office")
    page.get_by_label("When").fill("2026-01-05")
    page.get_by_label("What was checked").fill("Its founding law")
    desk.press("Admit the agency")
    for role, name in (("Coordinator", "Cora Coordinator"), ("Supervisor", "Sol Supervisor")):
        page.get_by_label(f"{role}'s name").fill(name)
        mail = f"{name.split()[0].lower()}@example.org"
        page.get_by_label(f"{role}'s e-mail address").fill(mail)
    page.get_by_label("Last day of the supervisor's training").fill(LATE)
    desk.press("Make the invitations")
    page.get_by_role("link", name="I have copied them").wait_for()
    return links_on(desk)


def ask_for_role(desk, name, role):
    """Ask, as a coordinator, for somebody's role, and record their training."""
    page = desk.page
    desk.go("/people/")
    page.get_by_role("link", name=name).click()
    page.get_by_role("link", name="Record training").click()
    page.get_by_label("Last day of their training").fill(LATE)
    page.get_by_label("Last day of their examiner's certificate").fill(LATE)
    desk.press("Record it")
    page.get_by_role("link", name="Change roles").click()
    page.get_by_label(f"{role}:").check()
    page.get_by_label("Reason").fill("Took over the desk of Ivo on 3 May")
    desk.press("Change the roles")
    page.wait_for_url("**/approvals/**")
    return page.url


def approve(desk, url, reason="Agreed after a talk with the unit"):
    desk.page.goto(url)
    desk.page.get_by_label("Reason").fill(reason)
    desk.press("Approve")
    desk.page.get_by_role("heading", name="Approved").wait_for()


def carry_out(desk, url):
    desk.page.goto(url)
    desk.page.get_by_role("link", name="Carry it out").click()
    desk.press("Carry it out")
    desk.page.wait_for_url("**/people/**")


def make_gallery_with_photos(desk, tmp_path):
    """Make a gallery and a source as a steward, and enrol photos of three people."""
    page = desk.page
    for person in ("anna", "ben", "cleo"):
        (tmp_path / "coast" / person).mkdir(parents=True)
        (tmp_path / "coast" / person / "1.jpg").write_bytes(FakeEngine.photo(person, 1))
    desk.go("/sources/new/")
    for label, value in (
        ("Name", "Registry photos"),
        ("Owner", "The registry"),
        ("Lawful basis", "Registry Act, section 4"),
        ("Purpose", "Finding missing persons"),
        ("Collected on", "2024-05-01"),
        ("Kept until", "2199-05-01"),
        ("Reference", "R-17"),
        ("Steward", "S. Steward"),
    ):
        page.get_by_label(label, exact=True).fill(value)
    desk.press("Register the source")
    desk.go("/galleries/new/")
    page.get_by_label("Name").fill("People of the coast")
    desk.press("Create the gallery")
    page.get_by_role("link", name="Enrol the first photos").click()
    page.locator("#id_folder").set_input_files(tmp_path / "coast")
    page.get_by_label("Each sub-folder holds the photos").check()
    desk.press("Enrol these photos")
    page.get_by_role("link", name="See the gallery").wait_for(timeout=60_000)


def propose(desk, tmp_path):
    """Propose an authority over the one gallery, and return its address."""
    page = desk.page
    document = tmp_path / "order.pdf"
    document.write_bytes(b"%PDF-1.7 the order %%EOF")
    desk.go("/authorities/new/")
    page.get_by_label("Missing person").check()
    page.get_by_label("Statute or warrant").fill("Order 17 Gs 4/26")
    page.get_by_label("Purpose").fill("Find Ben, missing since May")
    page.get_by_label("People of the coast").check()
    page.get_by_label("Last day").fill(LATE)
    page.get_by_label("Document").set_input_files(document)
    desk.press("Propose the authority")
    assert "It waits for a supervisor" in words(desk)
    return page.url


def grant(desk, url):
    desk.page.goto(url)
    desk.page.get_by_label("Reason").fill("The order is signed and in force")
    desk.press("Grant it")


def open_case(desk):
    page = desk.page
    desk.go("/cases/new/")
    page.get_by_label("Reference").fill("26-01187")
    page.get_by_label("Purpose").fill("Missing person")
    page.get_by_label("Reason").fill(REASON)
    page.get_by_label("Authority").select_option(index=1)
    desk.press("Open the case")
    assert desk.heading() == "Case 26-01187"


def add_evidence_and_ask(desk, tmp_path):
    page = desk.page
    photo = tmp_path / "station.jpg"
    photo.write_bytes(FakeEngine.photo("ben", 7))
    page.get_by_role("link", name="Add the first photo").click()
    page.locator("#id_photo").set_input_files(photo)
    desk.press("Add the photo")
    page.get_by_label("Reason").fill("Seen at the station on 3 May")
    desk.press("Ask for a search")
    assert "A search was asked for" in words(desk)


def a_custodian(tools):
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


@pytest.mark.timeout(900)
def test_from_the_first_agency_to_the_result_of_a_search(desk_of, site, tmp_path, monkeypatch):
    tools = site.deployment.tools
    ours = site.deployment.agency.pk
    admitted = queries.admitted
    monkeypatch.setattr(queries, "admitted", lambda: [one for one in admitted() if one.pk != ours])
    keeper = a_custodian(tools)
    custodian, cora, sol = desk_of(), desk_of(), desk_of()
    custodian.sign_in(keeper)
    coordinator_link, supervisor_link = admit(custodian)
    join(cora, coordinator_link)
    assert cora.heading() == "Inbox"
    join(sol, supervisor_link)
    assert sol.heading() == "Inbox"

    stella, ivo, exa = desk_of(), desk_of(), desk_of()
    crew = {"Stella Steward": stella, "Ivo Investigator": ivo, "Exa Examiner": exa}
    for name, desk in crew.items():
        join(desk, invite(cora, name))
        assert desk.heading() == "My account"
        assert "You have no role yet" in words(desk)
    for name in crew:
        asked = ask_for_role(cora, name, name.split()[1])
        approve(sol, asked)
        carry_out(cora, asked)
    for desk in crew.values():
        come_in(desk)
    assert [desk.heading() for desk in crew.values()] == ["Inbox", "Inbox", "Inbox"]

    make_gallery_with_photos(stella, tmp_path)
    authority = propose(ivo, tmp_path)
    grant(sol, authority)
    open_case(ivo)
    add_evidence_and_ask(ivo, tmp_path)
    exa.go("/requests/")
    exa.page.get_by_role("link", name="Open the request").click()
    exa.press("Check before searching")
    exa.press("Search the gallery")
    exa.page.wait_for_url("**/searches/**")
    assert exa.heading() == "3 candidates to examine"
    look_at_all(site)
    exa.page.reload()
    assert exa.heading() == "3 candidates"
    assert "ben" in exa.page.locator(".candidate h2").first.inner_text()
    exa.picture("story_result")

    result = exa.page.url
    ivo.page.goto(result)
    assert ivo.heading() == "Examined; no lead was released"
    assert "ben" not in words(ivo)
    # The custodian, who admitted them all, reads nothing of it.
    custodian.page.goto(result)
    assert custodian.heading() == "Not permitted"


def look_at_all(site):
    """Have the only search examined by whoever ran it, and by somebody else of the agency."""
    found, tools = Search.objects.get(), site.deployment.tools
    on = SimpleNamespace(tools=tools, agency=found.agency)
    examined(on, found, replace(found.asked_by.actor, stepped_up_at=tools.clock()))


def forget_proof_of(person):
    """Let the time pass in which the last proof of somebody counts."""
    from countenance.apps.agencies import session_rows, sessions
    from countenance.apps.agencies.models import SignInSession

    for row in SignInSession.objects.filter(person=person):
        session_rows.forget(row.pk, sessions.PROVED_AT)


def sign_in_with_code(desk, person, tools):
    """Give somebody an app, and sign in through the form."""
    secret = give_app(person, tools)
    desk.go("/sign-in/")
    desk.page.get_by_label("E-mail address").fill(person.email)
    desk.page.get_by_label("Password", exact=True).fill(PASSWORD)
    desk.page.get_by_label("Code", exact=True).fill(app_code(secret))
    desk.press("Sign in")
    assert desk.page.get_by_role("button", name="Sign out").is_visible()
    return secret


@pytest.mark.timeout(600)
def test_the_work_of_four_people_without_a_script(desk_of, site, tmp_path):
    on = site.deployment
    gallery = make_gallery(on, "People of the coast")
    enrol(on, gallery, make_source(on), people(["anna", "ben"]))
    cora, ivo, sol, exa = (desk_of(scripts=False) for _ in range(4))
    person = Person.objects.select_related("agency")
    examiner = person.get(pk=on.examiner.person)
    on.person.standing |= {"roles": [str(Role.INVESTIGATOR)]}
    on.person.save()
    coordinator = services.add_person(
        SYSTEM,
        agency=on.agency,
        name="Cora Coordinator",
        email="cora@example.org",
        password=PASSWORD,
        roles=[Role.COORDINATOR],
        tools=on.tools,
    )
    sign_in_with_code(ivo, on.person, on.tools)
    sign_in_with_code(sol, person.get(pk=on.supervisor.person), on.tools)
    secret = sign_in_with_code(exa, examiner, on.tools)

    sign_in_with_code(cora, coordinator, on.tools)
    assert "/invitation/" in invite(cora, "Nora New")
    grant(sol, propose(ivo, tmp_path))
    assert "10 of 10" in words(sol)
    open_case(ivo)
    case = ivo.page.url
    add_evidence_and_ask(ivo, tmp_path)

    exa.go("/requests/")
    exa.page.get_by_role("link", name="Open the request").click()
    exa.press("Check before searching")
    forget_proof_of(examiner)
    exa.press("Search the gallery")
    assert exa.heading() == "Prove once more who you are"
    assert Search.objects.count() == 0
    exa.page.get_by_label("Code").fill(app_code(secret, examiner))
    exa.press("Go on with the code")
    assert exa.heading() == "2 candidates to examine"

    ivo.page.goto(f"{case}widen/")
    ivo.page.get_by_label("Reason").fill("Her brother is missing with her since Sunday")
    ivo.press("Ask a supervisor")
    approve(sol, ivo.page.url)
    ivo.page.goto(f"{ivo.page.url}widen/")
    ivo.press("Widen the case")
    assert "2 people" in words(ivo)
