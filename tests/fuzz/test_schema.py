"""The description of the routes says what the code says, of every route."""

from __future__ import annotations

import pytest
from django import forms
from fuzz.reading import read
from fuzz.schema import HTML, describe, methods, routes

from countenance.web.access import ACCESS


def every():
    return {name: read(pattern.callback) for name, pattern in routes()}


@pytest.fixture(scope="module")
def told():
    return every()


@pytest.fixture(scope="module")
def description():
    return describe()


def operations(description):
    return {
        one["operationId"]: one for path in description["paths"].values() for one in path.values()
    }


def test_every_route_is_described_with_each_of_its_methods(description):
    wanted = {
        f"{method.lower()}_{name}" for name, _ in routes() for method in methods(ACCESS[name])
    }
    assert set(operations(description)) == wanted
    assert len(wanted) > 230


def test_the_fields_of_forms_and_single_values_and_files_are_found(told):
    assert {"reference", "purpose", "reason", "authority", "expires_on", "members"} <= set(
        told["case_new"].fields
    )
    assert {"part-x", "light-brightness", "quarter_turns", "around"} <= set(
        told["probe_derive"].fields
    )
    assert {"old_password", "new_password"} <= set(told["password_change"].fields)
    assert {"email", "password", "code"} <= set(told["sign_in"].fields)
    assert "decision" in told["approval_decide"].fields
    assert told["footage_new"].files == {"video"}
    assert told["authority_new"].sends_files
    assert not told["case_close"].sends_files


def test_nearly_every_form_that_is_sent_has_fields(told):
    """Those without are buttons; a new one is looked at here."""
    empty = {
        name for name, _ in routes() if ACCESS[name].write is not None and not told[name].fields
    }
    assert len(empty) < 60, sorted(empty)


def test_types_that_are_no_pages_are_found(told):
    kinds = {name: one.types for name, one in told.items() if one.types}
    assert kinds["photo_image"] == {"image/jpeg"}
    assert kinds["rejects"] == {"text/csv; charset=utf-8"}
    assert "application/pdf" in kinds["authority_document"]
    assert "application/zip" in kinds["case_bundle"]
    assert kinds["health"] == {"application/json"}


def test_no_route_answers_with_a_script(told):
    for name, one in told.items():
        assert not any("script" in kind or "svg" in kind for kind in one.types), name


def test_no_answer_above_500_is_described_and_pages_are_utf_8(description):
    for name, one in operations(description).items():
        assert all(int(status) < 500 for status in one["responses"]), name
        assert all(HTML in answer["content"] for answer in one["responses"].values()), name


def test_every_password_is_masked_and_may_be_pasted(told):
    found = {
        (name, key): one
        for name, reading in told.items()
        for key, one in reading.fields.items()
        if one is not None and ("password" in key or "passphrase" in key or key == "client_secret")
    }
    assert len(found) >= 5
    for one in found.values():
        assert isinstance(one.widget, forms.PasswordInput)
        assert one.widget.attrs.get("autocomplete") in {"current-password", "new-password", "off"}
        assert not any(name.startswith("on") for name in one.widget.attrs)
