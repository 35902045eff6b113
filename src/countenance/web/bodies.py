"""How much may be sent: uploads are held in memory, so strangers send little and few send much at once."""

from __future__ import annotations

import threading

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from countenance.web import problems

FORM_BYTES = 64 * 1024
"""More than any form without a file; all that somebody may send who is not signed in."""
LARGE_BYTES = 8 * 1024 * 1024
LARGE_AT_ONCE = 2
PIECE_BYTES = 64 * 1024
LONGEST_NUMBER = 18

large = threading.BoundedSemaphore(LARGE_AT_ONCE)
"""Held while a body over `LARGE_BYTES` is received and worked on."""


def size_of(request: HttpRequest) -> int | None:
    """Return the length that a request says its body has; None if it does not say it in plain digits."""
    if "HTTP_TRANSFER_ENCODING" in request.META:
        return None
    sent = request.META.get("CONTENT_LENGTH") or "0"
    return int(sent) if sent.isascii() and sent.isdigit() and len(sent) <= LONGEST_NUMBER else None


def refuse_unread(request: HttpRequest, *, signed_in: bool) -> HttpResponse | None:
    """Return the answer to a body that is too large, before anything reads it; None to go on."""
    size = size_of(request)
    limit = settings.UPLOAD_LIMIT
    if signed_in and request.method == "POST" and size is not None:
        if size <= limit:
            return None
        detail = f"At most {limit // 2**20} MB can be uploaded at a time. Nothing was kept."
        way_out = "Upload fewer photos at a time, or use `countenance enrol`."
    elif size is not None and size <= FORM_BYTES:
        return None
    else:
        detail = "Nothing this large is taken here, or from somebody who is not signed in. Nothing was kept."
        way_out = "If your session ended meanwhile, sign in and send it again."
    return problems.problem_page(
        request, status=413, code="upload_too_large", detail=detail, way_out=way_out
    )


def too_many(request: HttpRequest) -> HttpResponse:
    """Answer a large upload while others are under way, and forget what was sent piece by piece."""
    drain(request)
    answer = problems.problem_page(
        request,
        status=503,
        code="uploads_busy",
        detail="Other large uploads are under way, and only so many fit into memory. Nothing was kept.",
        way_out="Wait a minute, then go back and send it again.",
    )
    answer["Retry-After"] = "60"
    return answer


def drain(request: HttpRequest) -> None:
    """Forget what is sent piece by piece: a browser shows an answer only once it could send everything."""
    while request.read(PIECE_BYTES):
        pass
