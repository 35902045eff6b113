"""Signing in and out, in the browser."""

from __future__ import annotations


def test_a_stranger_sees_only_the_sign_in_page(make_desk):
    desk = make_desk()
    for path in ("/", "/cases/new/", "/galleries/", "/ledger/", "/no/such/page/"):
        desk.go(path)
        assert desk.page.get_by_role("heading", level=1).inner_text() == "Sign in"
        assert desk.page.get_by_role("navigation").count() == 0


def test_a_wrong_password_and_an_unknown_address_read_the_same(make_desk):
    desk = make_desk()
    answers = []
    for email in ("person@example.org", "nobody@example.org"):
        desk.go("/sign-in/")
        desk.page.get_by_label("E-mail address").fill(email)
        desk.page.get_by_label("Password").fill("a wrong password")
        desk.page.get_by_role("button", name="Sign in").click()
        answers.append(desk.page.get_by_role("alert").inner_text())
    assert answers[0] == answers[1]
    assert "do not belong together" in answers[0]


def test_a_person_signs_in_goes_where_they_wanted_and_signs_out(make_desk):
    desk = make_desk()
    desk.go("/galleries/")
    desk.page.get_by_label("E-mail address").fill("person@example.org")
    desk.page.get_by_label("Password").fill("a long test password")
    desk.page.get_by_role("button", name="Sign in").click()
    assert desk.page.get_by_role("heading", level=1).inner_text() == "Galleries"
    assert "Test Person" in desk.page.locator("footer").inner_text()
    desk.picture("galleries_empty")
    desk.page.get_by_role("button", name="Sign out").click()
    assert desk.page.get_by_role("heading", level=1).inner_text() == "Sign in"
    desk.go("/galleries/")
    assert desk.page.get_by_role("heading", level=1).inner_text() == "Sign in"
