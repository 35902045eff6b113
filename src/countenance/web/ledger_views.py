"""The ledger for those who read it: newest entries, filters, and one entry with its receipt."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from countenance.apps.records import queries, witnessed
from countenance.ledger.entry import Action
from countenance.policy import Role
from countenance.ui.forms import DateInput, Form
from countenance.ui.requests import Request

LISTED_ENTRIES = 100
LARGEST = 2**63 - 1


class LedgerFilter(Form):
    """Which entries are looked for; what is left empty is not asked for."""

    action = forms.ChoiceField(required=False)
    since = forms.DateField(required=False, widget=DateInput(), label="From (UTC)")
    until = forms.DateField(required=False, widget=DateInput(), label="To, with that day (UTC)")
    about = forms.UUIDField(required=False, label="About the id")
    number = forms.IntegerField(
        required=False, min_value=0, max_value=LARGEST, label="Entry number"
    )
    before = forms.IntegerField(
        required=False, min_value=0, max_value=LARGEST, widget=forms.HiddenInput()
    )

    def __init__(self, request: Request) -> None:
        """Offer the actions that this reader may read of."""
        super().__init__(request.GET)
        left_out = queries.left_out_for(request.actor)
        names = [str(one) for one in Action if str(one) not in left_out]
        self.fields["action"] = forms.ChoiceField(
            required=False, choices=[("", "Every action"), *((one, one) for one in names)]
        )

    def wanted(self) -> queries.Wanted:
        """Return what is asked for; of a form that is not valid, everything."""
        if not self.is_valid():
            return queries.Wanted()
        said = dict(self.cleaned_data)
        for name in ("since", "until"):
            day = said[name]
            said[name] = day and datetime.combine(day, time(), UTC)
        if said["until"] is not None:
            said["until"] += timedelta(days=1)
        return queries.Wanted(**said)

    def older(self, before: int) -> str:
        """Return the query of the next page."""
        kept = {name: self.data.get(name, "") for name in self.fields if name != "before"}
        return urlencode(
            {name: value for name, value in kept.items() if value} | {"before": before}
        )


@require_safe
def ledger(request: Request) -> HttpResponse:
    """Show the ledger's size and root, who witnesses it, and the entries asked for, without their bodies."""
    form = LedgerFilter(request)
    wanted = form.wanted()
    rows = queries.find_entries(wanted, LISTED_ENTRIES, reader=request.actor)
    far, head = witnessed.overview(), queries.head()
    entries = [
        {
            "number": row.index,
            "code": queries.receipt_of(row).code,
            "action": row.action,
            "words": Action(row.action).meaning,
            "at": row.at,
            "about": row.about,
            "standing": far.word(row.index),
        }
        for row in rows
    ]
    counts = [
        {"action": action, "words": Action(action).meaning, "count": count}
        for action, count in queries.counts_by_action(request.actor).items()
    ]
    context: dict[str, Any] = {
        "section": "ledger",
        "size": head.size,
        "root": head.root.hex(),
        "entries": entries,
        "counts": counts,
        "form": form,
        "receipt": queries.receipt_of(rows[0]) if wanted.number is not None and rows else None,
        "older": f"{reverse('ledger')}?{form.older(rows[-1].index)}"
        if len(rows) == LISTED_ENTRIES
        else "",
        "far": far,
        "left_out": bool(queries.left_out_for(request.actor)),
        "may_export": Role.AUDITOR in request.actor.roles,
    }
    return render(request, "records/ledger.html", context)
