"""Signing in and out, proving once more who one is, and joining by an invitation, in the browser."""

from __future__ import annotations

import pytest
from browser.conftest import EMAIL, PASSWORD, Authenticator
from factories import app_code, give_app, make_source

from countenance.apps.agencies import inviting
from countenance.apps.agencies.models import Factor, Person
from countenance.apps.galleries.models import Source

NEW_PASSWORD = "another long password"
LOOKS = [("light", 1440), ("dark", 390)]


@pytest.fixture
def app(site):
    """Give the deployment's person an app, and return its secret."""
    return give_app(site.deployment.person, site.deployment.tools)


@pytest.fixture
def link(site):
    """Invite somebody, and return the path of their link."""
    on = site.deployment
    _, secret = inviting.invite_person(
        on.actor, name="Nora New", email="nora@example.org", tools=on.tools
    )
    return f"/invitation/{secret}/"


def give_code(desk, email, password, code):
    desk.page.get_by_label("E-mail address").fill(email)
    desk.page.get_by_label("Password", exact=True).fill(password)
    desk.page.get_by_label("Code", exact=True).fill(code)
    desk.press("Sign in")


def alert(desk):
    return desk.page.get_by_role("alert").inner_text()


def fill_invitation(desk):
    desk.page.get_by_label("Password", exact=True).fill(NEW_PASSWORD)
    desk.page.get_by_label("Password, again").fill(NEW_PASSWORD)


def join_with_passkey(desk, link):
    """Join through the link with a passkey, and return the recovery codes."""
    desk.go(link)
    fill_invitation(desk)
    desk.press("Join with a passkey")
    desk.page.get_by_role("heading", name="You have joined").wait_for()
    return desk.page.locator(".codes li").all_inner_texts()


def trust(email):
    """Give somebody a role, past the two people whom that takes."""
    nora = next(one for one in Person.objects.all() if one.email == email)
    nora.standing |= {"roles": ["auditor"]}
    nora.save()


def sign_out(desk):
    desk.press("Sign out")
    assert desk.heading() == "Sign in"


def test_a_stranger_sees_only_the_sign_in_page(make_desk):
    desk = make_desk()
    for path in ("/", "/cases/new/", "/galleries/", "/ledger/", "/account/", "/no/such/page/"):
        desk.go(path)
        assert desk.heading() == "Sign in"
        assert desk.page.get_by_role("navigation").count() == 0


def test_whatever_is_wrong_reads_the_same(make_desk, site, app):
    desk = make_desk()
    answers = set()
    right = app_code(app)
    wrong = "000000" if right != "000000" else "111111"
    for email, password, code in (
        (EMAIL, "a wrong password", right),
        (EMAIL, PASSWORD, wrong),
        ("nobody@example.org", PASSWORD, right),
        ("examiner@example.org", PASSWORD, right),
    ):
        desk.go("/sign-in/")
        give_code(desk, email, password, code)
        answers.add(alert(desk))
    assert len(answers) == 1
    assert "do not belong together" in answers.pop()


def test_a_person_signs_in_goes_where_they_wanted_and_signs_out(make_desk, site, app):
    desk = make_desk()
    desk.go("/galleries/")
    give_code(desk, EMAIL, PASSWORD, app_code(app))
    assert desk.heading() == "Galleries"
    assert "Test Person" in desk.page.locator("footer").inner_text()
    sign_out(desk)
    desk.go("/galleries/")
    assert desk.heading() == "Sign in"


def test_the_address_to_go_on_to_is_never_another_site(make_desk, site, app):
    desk = make_desk()
    desk.go("/sign-in/?next=//example.org/")
    give_code(desk, EMAIL, PASSWORD, app_code(app))
    assert desk.page.url.startswith(site.url)


def test_a_code_works_once(make_desk, site, app):
    desk = make_desk()
    code = app_code(app)
    desk.go("/sign-in/")
    give_code(desk, EMAIL, PASSWORD, code)
    sign_out(desk)
    for again in (code, f"{code[:3]} {code[3:]}"):
        give_code(desk, EMAIL, PASSWORD, again)
        assert "do not belong together" in alert(desk)


def test_a_passkey_from_the_invitation_to_its_loss(make_desk, site, link):
    desk = make_desk()
    device = Authenticator(desk.page)
    codes = join_with_passkey(desk, link)
    assert len(codes) == 10
    assert device.count() == 1
    desk.page.get_by_role("link", name="I have kept them").click()
    trust("nora@example.org")

    # With it one signs in, and proves it once more.
    desk.press("Sign in with a passkey")
    desk.page.get_by_role("link", name="Nora New").click()
    assert desk.heading() == "My account"
    desk.forget_proof()
    desk.page.get_by_role("link", name="Make new ones").click()
    assert desk.heading() == "Prove once more who you are"
    assert desk.page.get_by_label("Code").count() == 0
    desk.press("Use a passkey")
    desk.page.get_by_role("heading", name="Make new recovery codes?").wait_for()
    desk.press("Make new codes")
    desk.page.get_by_role("heading", name="Keep these recovery codes").wait_for()
    codes = desk.page.locator(".codes li").all_inner_texts()
    desk.page.get_by_role("link", name="I have kept them").click()
    sign_out(desk)

    # A device that does not recognise its holder proves nothing.
    device.knows_its_holder(False)
    desk.press("Sign in with a passkey")
    desk.page.get_by_text("No passkey was used.").wait_for()
    assert desk.heading() == "Sign in"

    # It is lost: password and recovery code lead to the account, and nowhere else.
    device.lose()
    give_code(desk, "nora@example.org", NEW_PASSWORD, codes[0])
    assert desk.page.url.endswith("/account/")
    assert "You came in with a recovery code" in alert(desk)
    assert "9 codes left" in desk.page.locator("main").inner_text()
    desk.go("/galleries/")
    assert desk.heading() == "Not permitted"
    desk.go("/account/")
    desk.picture("account_recovering")
    assert desk.axe() == []

    # A new one takes its place.
    new = Authenticator(desk.page)
    desk.page.get_by_role("link", name="Add a passkey").click()
    desk.page.get_by_label("Name of the passkey").fill("New laptop")
    desk.press("Make the passkey")
    desk.page.get_by_text("The passkey was added.").wait_for()
    assert new.count() == 1
    assert desk.page.get_by_role("alert").count() == 0
    desk.page.get_by_role("link", name="Remove the passkey This device").click()
    desk.press("Remove it")
    desk.page.get_by_text("was removed.").wait_for()
    assert [row.secret["name"] for row in Factor.objects.filter(kind="passkey")] == ["New laptop"]
    sign_out(desk)
    desk.press("Sign in with a passkey")
    desk.page.get_by_role("link", name="Nora New").wait_for()


def test_whoever_has_no_role_yet_keeps_their_own_keys_too(make_desk, link):
    desk = make_desk()
    Authenticator(desk.page)
    join_with_passkey(desk, link)
    desk.page.get_by_role("link", name="I have kept them").click()
    desk.press("Sign in with a passkey")
    desk.page.get_by_role("link", name="Nora New").click()
    desk.page.get_by_role("link", name="Make new ones").click()
    desk.press("Make new codes")
    assert desk.heading() == "Keep these recovery codes"


def test_a_used_recovery_code_opens_nothing(make_desk, link):
    desk = make_desk()
    Authenticator(desk.page)
    codes = join_with_passkey(desk, link)
    for _ in range(2):
        desk.go("/sign-in/")
        give_code(desk, "nora@example.org", NEW_PASSWORD, codes[3])
        if desk.heading() == "My account":
            sign_out(desk)
    assert "do not belong together" in alert(desk)


def test_the_way_with_an_app_needs_no_script(site, browser, link):
    from browser.conftest import Desk

    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(20_000)
    desk = Desk(context.new_page(), site)
    desk.watch()
    desk.go(link)
    assert desk.page.get_by_role("button", name="Join with a passkey").count() == 0
    secret = desk.page.locator(".qr-pair .id").inner_text().replace(" ", "")
    fill_invitation(desk)
    desk.page.get_by_label("Code that the app shows now").fill("12345")
    desk.press("Join with an app")
    # The same secret is still there: the app has taken it in.
    assert desk.page.locator(".qr-pair .id").inner_text().replace(" ", "") == secret
    fill_invitation(desk)
    desk.page.get_by_label("Code that the app shows now").fill(app_code(secret))
    desk.press("Join with an app")
    assert desk.page.locator(".codes li").count() == 10
    desk.page.get_by_role("link", name="I have kept them").click()

    assert desk.page.get_by_role("button", name="Sign in with a passkey").count() == 0
    nora = Person.objects.order_by("added_at").last()
    give_code(desk, "nora@example.org", NEW_PASSWORD, app_code(secret, nora))
    desk.page.get_by_role("link", name="Nora New").click()
    desk.forget_proof()
    desk.page.get_by_role("link", name="Change the password").click()
    assert desk.heading() == "Prove once more who you are"
    desk.page.get_by_label("Code").fill(app_code(secret, nora))
    desk.press("Go on with the code")
    assert desk.heading() == "Change the password"
    assert desk.faults == []
    context.close()


def test_a_form_goes_on_where_the_proof_interrupted_it(plain_desk, site, app):
    desk, page = plain_desk, plain_desk.page
    source = make_source(site.deployment)
    desk.go(f"/sources/{source.pk}/remove/")
    page.get_by_label("Reason").fill("The agreement of 2019 has ended")
    desk.forget_proof()
    desk.press("Remove the source and its photos")
    assert desk.heading() == "Prove once more who you are"
    assert not Source.objects.filter(removed_at__isnull=False).exists()
    page.get_by_label("Code").fill("000000" if app_code(app) != "000000" else "111111")
    desk.press("Go on with the code")
    assert desk.heading() == "Prove once more who you are"
    assert page.get_by_role("alert").is_visible()
    assert not Source.objects.filter(removed_at__isnull=False).exists()
    page.get_by_label("Code").fill(app_code(app, site.deployment.person))
    desk.press("Go on with the code")
    assert Source.objects.filter(removed_at__isnull=False).count() == 1


def test_an_invitation_says_no_more_than_it_must_and_keeps_its_secret(make_desk, site, link):
    desk = make_desk()
    referers = []
    desk.page.on("request", lambda one: referers.append((one.url, one.headers.get("referer", ""))))
    answer = desk.page.goto(site.url + link)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
    words = desk.page.locator("main").inner_text()
    assert "Nora New" in words
    assert "Test agency" in words
    assert "Test Person" not in words
    assert "coordinator" not in words
    assert all(url.startswith(site.url) for url, _ in referers)


def test_links_that_do_not_work_all_look_the_same(make_desk, site, link):
    desk = make_desk()
    Authenticator(desk.page)
    join_with_passkey(desk, link)
    pages = set()
    for path in (link, "/invitation/never-made/", link[:-2] + "x/"):
        answer = desk.page.goto(site.url + path)
        assert answer.status == 404
        pages.add(desk.page.locator("body").inner_html())
    assert len(pages) == 1
    assert desk.heading() == "This link does not work"
    assert desk.page.locator("main").get_by_role("link", name="Sign in").is_visible()


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_screens_of_joining_and_proving_are_accessible(make_desk, link, scheme, width):
    desk = make_desk()
    desk.dress(scheme, width)
    Authenticator(desk.page)
    desk.go("/sign-in/")
    wrong = desk.look("sign_in", scheme, width)
    give_code(desk, EMAIL, "a wrong password", "000000")
    wrong += desk.look("sign_in_refused", scheme, width)
    desk.go(link)
    wrong += desk.look("invitation", scheme, width)
    fill_invitation(desk)
    desk.page.get_by_label("Password, again").fill("something else")
    desk.page.get_by_label("Code that the app shows now").fill("12345")
    desk.press("Join with an app")
    wrong += desk.look("invitation_refused", scheme, width)
    join_with_passkey(desk, link)
    wrong += desk.look("recovery_codes", scheme, width)
    desk.go(link)
    wrong += desk.look("invitation_gone", scheme, width)
    desk.sign_in()
    desk.forget_proof()
    desk.go("/account/password/")
    wrong += desk.look("step_up", scheme, width)
    assert wrong == []
