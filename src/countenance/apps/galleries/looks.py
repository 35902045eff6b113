"""Which crops a session may fetch: only those that an entry of this session names.

A page that shows crops first records the look (`viewing.view_faces`, `view_candidates`), then notes the
faces here; `photo_views.crop` hands out no other. So no crop is seen without an entry.
"""

from __future__ import annotations

from collections.abc import Iterable

from countenance.errors import NotFound
from countenance.ui.requests import Request

KEY = "faces_seen"
KEPT = 4000
"""Enough for many open pages; older ones are recorded anew when they are loaded again."""


def note_look(request: Request, faces: Iterable[int]) -> None:
    """Let this session fetch the crops of these faces."""
    new = list(faces)
    fresh = set(new)
    before = [face for face in request.session.get(KEY, []) if face not in fresh]
    request.session[KEY] = [*before, *new][-KEPT:]


def require_look(request: Request, face: int) -> None:
    """Refuse a crop that no entry of this session names.

    Raises:
        NotFound: always said alike, whether the face exists or not.
    """
    if face not in request.session.get(KEY, []):
        raise NotFound("There is no such face, or it was not shown to you on a page.")
