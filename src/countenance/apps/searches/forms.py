"""The forms by which a search is asked for and run, and the galleries that they offer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from countenance import policy
from countenance.apps.cases.coverage import coverable
from countenance.apps.cases.models import Case
from countenance.apps.searches.models import SearchRequest
from countenance.ui.forms import Form
from countenance.ui.requests import Request

DIGITS = 6
"""More than any number that a form here asks for."""
NO_GALLERY = "Choose at least one gallery."

Choices = Sequence[tuple[str, str]]


class AskForm(Form):
    """Where to search, and why."""

    galleries = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": NO_GALLERY},
        help_text="Those that the case's authority covers. The examiner looks nowhere else.",
    )
    reason = forms.CharField(
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Why this person is searched for. Read by the examiner and your oversight body.",
    )

    def __init__(self, *args: Any, galleries: Choices, **kwargs: Any) -> None:
        """Offer these galleries; a single one is chosen already."""
        super().__init__(*args, **kwargs)
        offer(self, galleries)


class RequestForm(AskForm):
    """A request, also for other photos of the same person: each gets one of its own."""

    also = forms.MultipleChoiceField(
        label="Other photos of the same person",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Each is asked for with the same reason; the examiner may search with all of them together.",
        error_messages={"invalid_choice": "One of the other photos is asked for already."},
    )

    def __init__(self, *args: Any, others: Choices, **kwargs: Any) -> None:
        """Offer these other photos; without any there is nothing to choose."""
        super().__init__(*args, **kwargs)
        also: Any = self.fields["also"]
        also.choices = others
        if not others:
            del self.fields["also"]


class SearchForm(AskForm):
    """Which face, where, why, and how many candidates."""

    face = forms.IntegerField(
        min_value=0, error_messages={"required": "Choose one of the faces in the photo."}
    )
    top = forms.IntegerField(
        label="Number of candidates",
        min_value=policy.MIN_CANDIDATES,
        max_value=policy.MAX_CANDIDATES,
        initial=policy.DEFAULT_CANDIDATES,
        help_text="At most this many people are returned, 1 to 50.",
    )

    more = forms.MultipleChoiceField(
        label="Other photos of the same person",
        required=False,
        error_messages={"invalid_choice": "One of the other photos is not asked for any more."},
    )
    # Chosen on the check page, which says what each mode means; kept while something else is changed.
    mode = forms.ChoiceField(
        choices=[(str(one), str(one)) for one in policy.SearchMode],
        required=False,
        widget=forms.HiddenInput,
    )

    def __init__(self, *args: Any, others: Choices = (), **kwargs: Any) -> None:
        """Say of the galleries what holds for an examiner, and offer other photos of the person."""
        super().__init__(*args, **kwargs)
        more: Any = self.fields["more"]
        more.choices = others
        help_text = "Those that were asked for. Nothing outside of what you choose is looked at."
        self.fields["galleries"].help_text = help_text


def offer(form: Form, galleries: Choices) -> None:
    """Let a form choose among these galleries."""
    field: Any = form.fields["galleries"]
    field.choices = galleries
    if len(galleries) == 1 and not form.initial.get("galleries"):
        field.initial = [galleries[0][0]]


def search_form(
    request: Request,
    waiting: SearchRequest | None,
    *,
    data: Any = None,
    initial: dict[str, Any] | None = None,
    others: Choices = (),
) -> SearchForm:
    """Return the form of a search that was asked for, with what was asked filled in.

    Without an open request it offers every gallery: that nobody asked is for the service to refuse, and
    record. So is a gallery that was closed since the form was shown.
    """
    names = names_of(request, chosen=() if data is None else data.getlist("galleries"))
    filled = dict(initial or {})
    if waiting is not None:
        wished = waiting.wishes["galleries"]
        filled.setdefault("reason", waiting.wishes["reason"])
        filled.setdefault("galleries", wished)
        names = {key: name for key, name in names.items() if key in wished} or names
    return SearchForm(data, initial=filled, galleries=list(names.items()), others=others)


def covered_by(request: Request, case: Case) -> list[tuple[str, str]]:
    """Return the galleries that a case's authority covers; all of them if it has none yet."""
    names = names_of(request)
    if case.authority is None:
        return list(names.items())
    covered = {str(one) for one in case.authority.galleries}
    return [(key, name) for key, name in names.items() if key in covered]


def names_of(request: Request, *, chosen: Sequence[str] = ()) -> dict[str, str]:
    """Return the names of the galleries that this agency may be permitted to search, by their ids.

    Closed ones are left out, unless they were chosen.
    """
    return {
        str(one.id): f"{one.name} ({one.owner})" if one.owner else one.name
        for one in coverable(request.actor, tools=request.tools)
        if not one.closed or str(one.id) in chosen
    }


def number_of(given: str) -> int | None:
    """Return the number of a face as it was sent; None if it can be none."""
    return int(given) if given.isdecimal() and len(given) <= DIGITS else None
