"""Which crops a session may fetch: only those that an entry of this session names.

A page that shows crops first records the look (`viewing.view_faces`, `view_candidates`), then notes the
faces here; `photo_views.crop` hands out no other. So no crop is seen without an entry.

Kept in memory, by session: one process serves the web, its restart ends all sessions, and pages that load
at the same time do not overwrite what the other one noted.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

from countenance.errors import NotFound
from countenance.ui.requests import Request

KEPT = 4000
"""Faces of one session, enough for many open pages; older ones are noted anew when their page is loaded again."""
SESSIONS = 256
"""Sessions that are remembered; the one that looked longest ago goes first."""

_guard = threading.Lock()
_seen: OrderedDict[str, dict[int | str, None]] = OrderedDict()


def note_look(request: Request, faces: Iterable[int | str]) -> None:
    """Let this session fetch the crops of these faces, or what else such a key stands for."""
    session = request.session.session_key or ""
    with _guard:
        seen = _seen.setdefault(session, {})
        _seen.move_to_end(session)
        for face in faces:
            seen.pop(face, None)
            seen[face] = None
        while len(seen) > KEPT:
            del seen[next(iter(seen))]
        while len(_seen) > SESSIONS:
            _seen.popitem(last=False)


def require_look(request: Request, face: int | str) -> None:
    """Refuse a crop that no entry of this session names.

    Raises:
        NotFound: always said alike, whether the face exists or not.
    """
    with _guard:
        seen = face in _seen.get(request.session.session_key or "", {})
    if not seen:
        raise NotFound("There is no such face, or it was not shown to you on a page.")
