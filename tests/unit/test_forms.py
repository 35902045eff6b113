"""What a service says against a form is shown on it, at its place, and nothing else is swallowed."""

from __future__ import annotations

import pytest

from countenance import errors
from countenance.ui.forms import ErrorsOn, ReasonForm


@pytest.fixture
def form():
    return ReasonForm({"reason": "Because of the review."})


@pytest.mark.parametrize("kind", [errors.ReasonMissing, errors.WrongState])
def test_unusable_input_and_conflicts_stand_above_all(form, kind):
    with ErrorsOn(form):
        raise kind("Say more.")
    assert form.errors == {"__all__": ["Say more."]}


def test_an_error_stands_at_the_field_that_is_named(form):
    with ErrorsOn(form, errors.NotPermitted, field="reason"):
        raise errors.RoleMissing("Not yours.")
    assert form.errors == {"reason": ["Not yours."]}


@pytest.mark.parametrize("kind", [errors.NotPermitted, errors.NotFound, ValueError])
def test_other_errors_pass(form, kind):
    with pytest.raises(kind), ErrorsOn(form):
        raise kind("No.")
    assert form.is_valid()


def test_only_the_kinds_that_are_named_are_shown(form):
    with pytest.raises(errors.Conflict), ErrorsOn(form, errors.InputError):
        raise errors.Conflict("No.")
    assert form.is_valid()


def test_where_all_went_well_the_form_stays_as_it_is(form):
    with ErrorsOn(form):
        pass
    assert form.is_valid()
