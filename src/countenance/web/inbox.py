"""The inbox: what waits on a person and since when, what of theirs waits on others, what was answered."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from countenance.apps.records import waiting
from countenance.ui.requests import Request


@require_safe
def inbox(request: Request) -> HttpResponse:
    """Show what waits."""
    found = waiting.inbox(request.actor, tools=request.tools)
    context = {"section": "inbox", "found": found}
    return render(request, "inbox.html", context)
