"""The pictures of an examination, each for a page that was recorded, and judged anew whenever it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from countenance.apps.examinations import photos, queries
from countenance.apps.examinations.models import Examination
from countenance.apps.examinations.photos import Side, look_key
from countenance.apps.galleries import looks
from countenance.errors import KeyUnavailable, NotFound, WrongState
from countenance.faces.padding import padded
from countenance.tools import Tools
from countenance.ui.requests import Request

CANVAS_BYTES = 512 * 1024
"""What every photo takes that an examination sends: a sharp portrait takes 100 to 400 kB, and no photo takes more
than `faces.picture.LAID_BYTES` but one that is all noise."""
SMALL_BYTES = 16 * 1024
"""What every small picture of a face takes; it is below 10 kB."""


@require_safe
def probe_image(request: Request, examination_id: UUID) -> HttpResponse:
    """Return a photo of the probe of an examination, for a page that was recorded."""
    number = number_of(request, "photo")
    looks.require_look(request, look_key(examination_id, "", number))
    one = _seen(request, examination_id)
    with _still_there():
        side = photos.probe_side(one, number)
        return _image(request, photos.settled(one.about, side), tools=request.tools)


@require_safe
def candidate_image(
    request: Request, examination_id: UUID, letter: str, number: int
) -> HttpResponse:
    """Return a photo of a candidate, for a page that was recorded."""
    looks.require_look(request, look_key(examination_id, letter, number))
    row = queries.comparison(_seen(request, examination_id), letter)
    with (
        _still_there(),
        photos.candidate_sides(request.actor, row, most=number, tools=request.tools) as found,
    ):
        sides, lent = found
        side = photos.side_of(sides, number)
        return _image(request, photos.settled(row.about, side), tools=lent)


def _seen(request: Request, examination_id: UUID) -> Examination:
    """Return an examination whose photos may be seen now, whatever was shown before.

    Raises:
        NotFound: there is none, it is somebody else's, or it has ended.
        SearchFrozen: its authority was refused, or did not come in time.
    """
    one = queries.examination(request.actor, examination_id)
    try:
        return photos.permit_photos(request.actor, one, tools=request.tools)
    except WrongState:
        raise NotFound("This examination has ended; its photos are not shown any more.") from None


@contextmanager
def _still_there() -> Iterator[None]:
    """Say plainly that a photo is gone, if its key is."""
    try:
        yield
    except KeyUnavailable:
        raise NotFound(
            "This photo is not here any more: it was removed, or its gallery is no longer granted."
        ) from None


def number_of(request: Request, name: str) -> int:
    """Return which photo is asked for, counted from 1; the first one, unless it is said."""
    text = request.GET.get(name, "1")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 1  # noqa: PLR2004


def _image(request: Request, side: Side, *, tools: Tools) -> HttpResponse:
    """Send a photo, as long as any other: its bytes say nothing of the camera that took it."""
    if "small" in request.GET:
        data = padded(photos.small(side, tools=tools), SMALL_BYTES)
    else:
        original = "original" in request.GET
        data = padded(photos.canvas(side, original=original, tools=tools), CANVAS_BYTES)
    return HttpResponse(data, content_type="image/jpeg")
