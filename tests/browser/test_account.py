"""A person's own account, in the browser: means of signing in, sessions, tokens."""

from __future__ import annotations

import pytest
from browser.conftest import PASSWORD, Authenticator, Desk
from factories import app_code, give_app

from countenance.apps.agencies.models import SignInSession, Token

LOOKS = [("light", 1440), ("dark", 390)]


@pytest.fixture
def app(site):
    return give_app(site.deployment.person, site.deployment.tools)


@pytest.fixture
def other(browser, site):
    """Return the same person's desk in another browser."""
    context = browser.new_context()
    context.set_default_timeout(20_000)
    one = Desk(context.new_page(), site)
    one.sign_in()
    yield one
    context.close()


def words(desk):
    return desk.page.locator("main").inner_text()


def test_the_name_in_the_frame_leads_to_the_account(desk):
    desk.page.get_by_role("link", name="Test Person").click()
    assert desk.heading() == "My account"
    assert "person@example.org" in words(desk)
    assert "Test agency" in words(desk)
    assert "31 Dec 2199" in words(desk)
    assert "coordinator" in words(desk)


def test_a_session_that_is_ended_is_out_at_its_next_click(desk, other):
    desk.go("/account/")
    sessions = desk.page.get_by_role("region", name="Where I am signed in")
    assert sessions.locator("tbody tr").count() == 2
    assert sessions.get_by_text("This one").count() == 1
    sessions.locator("tbody").get_by_role("button").click()
    desk.page.get_by_text("The session has ended.").wait_for()
    assert sessions.locator("tbody tr").count() == 1
    other.page.get_by_role("link", name="Test Person").click()
    assert other.heading() == "Sign in"
    desk.go("/account/")
    assert desk.heading() == "My account"


def test_all_other_sessions_are_ended_at_once(desk, other):
    desk.go("/account/")
    desk.press("End all others")
    desk.page.get_by_text("Your other sessions have ended.").wait_for()
    assert SignInSession.objects.count() == 1
    other.go("/account/")
    assert other.heading() == "Sign in"


def test_a_passkey_is_added_and_the_last_one_stays(desk):
    device = Authenticator(desk.page)
    desk.go("/account/")
    desk.page.get_by_role("link", name="Add a passkey").click()
    desk.page.get_by_label("Name of the passkey").fill("Phone")
    desk.press("Make the passkey")
    desk.page.get_by_text("The passkey was added.").wait_for()
    assert device.count() == 1
    assert "Phone" in words(desk)
    # The same device makes no second one.
    desk.page.get_by_role("link", name="Add a passkey").click()
    desk.press("Make the passkey")
    desk.page.get_by_text("already holds a passkey").wait_for()
    desk.go("/account/")
    desk.page.get_by_role("link", name="Remove the passkey Phone").click()
    desk.press("Remove it")
    assert desk.page.get_by_role("alert").is_visible()
    desk.go("/account/")
    assert "Phone" in words(desk)


def test_a_page_without_scripts_says_how_to_go_on_without_a_passkey(plain_desk):
    plain_desk.go("/account/passkeys/new/")
    assert plain_desk.page.get_by_role("button", name="Make the passkey").count() == 0
    plain_desk.page.get_by_role("link", name="Use an authenticator app").click()
    assert plain_desk.heading() == "Set up an authenticator app"


def test_another_app_replaces_the_present_one(plain_desk, app):
    desk = plain_desk
    desk.go("/account/app/")
    assert "stops working" in words(desk)
    secret = desk.page.locator(".qr-pair .id").inner_text().replace(" ", "")
    assert secret != app
    desk.page.get_by_label("Code that the app shows now").fill(app_code(secret))
    desk.press("Set up the app")
    assert "The authenticator app was set up." in words(desk)


def test_the_password_is_changed_and_the_other_sessions_end(desk, other):
    desk.go("/account/password/")
    desk.page.get_by_label("Present password").fill(PASSWORD)
    desk.page.get_by_label("New password", exact=True).fill("a newer long password")
    desk.page.get_by_label("New password, again").fill("a newer long password")
    desk.press("Change the password")
    desk.page.get_by_text("The password was changed.").wait_for()
    other.go("/account/")
    assert other.heading() == "Sign in"
    desk.go("/account/")
    assert desk.heading() == "My account"


def test_passwords_are_not_kept_when_a_proof_interrupts(desk, app):
    desk.go("/account/password/")
    desk.page.get_by_label("Present password").fill(PASSWORD)
    desk.page.get_by_label("New password", exact=True).fill("a newer long password")
    desk.page.get_by_label("New password, again").fill("a newer long password")
    desk.forget_proof()
    desk.press("Change the password")
    assert desk.heading() == "Prove once more who you are"
    assert "long" not in desk.page.locator("main form").first.inner_html().replace("along", "")
    desk.page.get_by_label("Code").fill(app_code(app))
    desk.press("Go on with the code")
    assert desk.heading() == "Change the password"


def test_a_token_is_made_shown_once_and_revoked(desk):
    desk.go("/account/")
    desk.page.get_by_role("link", name="Make a token").click()
    desk.page.get_by_label("Name").fill("Night job")
    desk.page.get_by_label("Read: galleries").check()
    desk.page.get_by_label("Enrol: sources").check()
    desk.page.get_by_label("30 days").check()
    desk.press("Make the token")
    assert desk.heading() == "Your token “Night job”"
    secret = desk.page.locator("section .id").inner_text()
    desk.page.get_by_role("link", name="I have kept it").click()
    assert "Night job" in words(desk)
    assert secret not in desk.page.content()
    desk.press("Revoke Night job")
    desk.page.get_by_text("The token was revoked.").wait_for()
    assert "Night job" not in words(desk)
    assert Token.objects.get().revoked_at is not None


def test_a_powerful_token_lives_for_hours_only(desk):
    desk.go("/account/tokens/new/")
    desk.page.get_by_label("Name").fill("Too long")
    desk.page.get_by_label("Search: run").check()
    desk.page.get_by_label("90 days").check()
    desk.press("Make the token")
    assert desk.page.get_by_role("alert").is_visible()
    assert Token.objects.count() == 0


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_screens_of_the_account_are_accessible(desk, other, app, scheme, width):
    desk.dress(scheme, width)
    Authenticator(desk.page)
    desk.go("/account/passkeys/new/")
    wrong = desk.look("passkey_new", scheme, width)
    desk.press("Make the passkey")
    desk.page.get_by_text("The passkey was added.").wait_for()
    desk.go("/account/tokens/new/")
    wrong += desk.look("token_new", scheme, width)
    desk.page.get_by_label("Name").fill("Night job")
    desk.page.get_by_label("Read: galleries").check()
    desk.press("Make the token")
    wrong += desk.look("token", scheme, width)
    for name, path in {
        "account": "/account/",
        "app_new": "/account/app/",
        "recovery_codes_new": "/account/recovery-codes/",
        "password_change": "/account/password/",
    }.items():
        desk.go(path)
        wrong += desk.look(name, scheme, width)
    desk.go("/account/")
    desk.page.get_by_role("link", name="Remove the passkey This device").click()
    wrong += desk.look("factor_remove", scheme, width)
    desk.press("Remove it")
    desk.forget_proof()
    desk.go("/account/app/")
    wrong += desk.look("step_up_code", scheme, width)
    assert wrong == []
