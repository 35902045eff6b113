"""Linking with a provider and signing in with it, in a browser that goes there and comes back."""

from __future__ import annotations

import provider_help
import pytest
from browser.conftest import Desk
from fake_provider import CLIENT_ID, CLIENT_SECRET

from countenance.apps.agencies.models import ProviderAccount

provider = provider_help.provider


def set_it(desk: Desk, provider) -> None:
    desk.go("/people/provider/")
    desk.page.get_by_label("Issuer").fill(provider.url)
    desk.page.get_by_label("Client ID").fill(CLIENT_ID)
    desk.page.get_by_label("Client secret").fill(CLIENT_SECRET)
    desk.press("Set the sign-in")
    desk.page.get_by_role("status").wait_for()


def link_it(desk: Desk) -> None:
    desk.go("/account/")
    desk.page.get_by_role("link", name="Link my account").click()
    desk.page.get_by_role("link", name="Link my account").click()
    desk.page.get_by_role("heading", name="Link this account?").wait_for()


def sign_out(desk: Desk) -> None:
    desk.press("Sign out")
    desk.page.get_by_role("heading", name="Sign in", exact=True).wait_for()


def by_code(desk: Desk) -> None:
    """Sign in with the agency's code, and land on the page of the account."""
    desk.go("/account/")
    desk.page.get_by_role("link", name="Sign in with your organisation").click()
    desk.page.get_by_label("Code of your agency").fill(str(desk.site.deployment.agency.pk))
    desk.press("Go on")


def looks(desk: Desk, name: str) -> list[str]:
    wrong = []
    for scheme, width in (("light", 1440), ("dark", 390)):
        desk.dress(scheme, width)
        wrong += desk.look(f"provider_{name}", scheme, width)
    desk.dress("light", 1440)
    return wrong


@pytest.mark.timeout(300)
def test_a_browser_goes_to_the_provider_and_comes_back_signed_in(desk, provider):
    set_it(desk, provider)
    wrong = looks(desk, "settings")
    link_it(desk)
    assert provider.name in desk.page.inner_text("main")
    wrong += looks(desk, "confirm")
    desk.press("Link this account")
    desk.page.get_by_role("status").wait_for()
    assert ProviderAccount.objects.count() == 1
    wrong += looks(desk, "account")
    desk.go("/account/provider/")
    wrong += looks(desk, "link")
    desk.go("/people/provider/remove/")
    wrong += looks(desk, "remove")
    sign_out(desk)
    wrong += looks(desk, "sign_in")
    desk.go("/sign-in/with/")
    wrong += looks(desk, "code")
    by_code(desk)
    desk.page.get_by_role("heading", name="My account").wait_for()
    assert "with your organisation's sign-in" in desk.page.inner_text("main")
    # The provider is no proof for what needs one.
    desk.go("/account/tokens/new/")
    assert desk.page.get_by_role("button", name="Make the token").count() == 0
    sign_out(desk)
    desk.go(f"/sign-in/with/{desk.site.deployment.agency.pk}/")
    desk.page.get_by_role("navigation").wait_for()
    sign_out(desk)
    ProviderAccount.objects.all().delete()
    by_code(desk)
    desk.page.get_by_role("alert").wait_for()
    assert "did not open an account" in desk.page.get_by_role("alert").inner_text()
    wrong += looks(desk, "refused")
    assert wrong == []


@pytest.mark.timeout(300)
def test_it_works_without_scripts(plain_desk, provider):
    set_it(plain_desk, provider)
    link_it(plain_desk)
    plain_desk.press("Link this account")
    sign_out(plain_desk)
    by_code(plain_desk)
    plain_desk.page.get_by_role("heading", name="My account").wait_for()
    assert len(provider.exchanges) == 2
