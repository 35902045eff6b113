"""A lead's report as a page: the same words as its PDF, and the same parts of the same photos."""

from __future__ import annotations

from dataclasses import dataclass

from countenance.reports import LeadPaper, LeadWords, Photo, frame, lead_words
from countenance.ui.drawing import Crop


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """A photo on the page: the part shown large, and the whole of it beside; `square` frames that part.

    `plate` says why there is no photo; it then stands in its place.
    """

    large: Crop
    whole: Crop | None
    square: tuple[float, float, float, float] | None
    plate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPage:
    """What `leads/paper.html` takes as `page`."""

    words: LeadWords
    probe: Portrait
    candidate: Portrait


def paper_page(paper: LeadPaper, *, probe_href: str, candidate_href: str) -> PaperPage:
    """Return a lead's report for its page.

    Args:
        paper: the lead.
        probe_href: where the browser gets the very bytes of `paper.probe.jpeg`.
        candidate_href: the same of the candidate.

    Raises:
        ImageRejected: a photo is no JPEG that can be shown.
    """
    return PaperPage(
        words=lead_words(paper.facts, paper.receipt),
        probe=_portrait(paper.probe, probe_href),
        candidate=_portrait(paper.candidate, candidate_href),
    )


def _portrait(photo: Photo, href: str) -> Portrait:
    framed = frame(photo)

    def view(x: float, y: float, width: float, height: float) -> Crop:
        box = f"{x:.1f} {y:.1f} {width:.1f} {height:.1f}"
        return Crop(href=href, width=framed.width, height=framed.height, view_box=box)

    whole = view(0, 0, framed.width, framed.height)
    if framed.square is None:
        return Portrait(large=whole, whole=None, square=None, plate=photo.plate)
    return Portrait(large=view(*framed.square), whole=whole, square=framed.square)
