"""Closing the requests that a search answers: one for each of its photos."""

from __future__ import annotations

from countenance.apps.searches.grounds import answered_by
from countenance.apps.searches.models import RequestState, Search, SearchRequest
from countenance.policy import Actor
from countenance.tools import Tools


def answer_requests(actor: Actor, search: Search, *, tools: Tools) -> None:
    """Close the requests that a search answers, inside the transaction of its outcome."""
    answered = SearchRequest.objects.select_for_update(no_key=True).order_by("pk")
    for request in answered.filter(pk__in=answered_by(search), state=RequestState.WAITING):
        request.state, request.answered_at = RequestState.DONE, tools.clock()
        request.answer = {"by": str(actor.person), "search": str(search.pk)}
        request.save(update_fields=("state", "answer", "answered_at"))
