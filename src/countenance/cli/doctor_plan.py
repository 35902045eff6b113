"""`countenance doctor --plan`: which index each gallery gets, and what larger ones would."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import typer

from countenance.cli import output

if TYPE_CHECKING:
    from countenance.index.plan import Plan

SIZES: Final = (10_000, 1_000_000, 10_000_000, 100_000_000)
OTHER_DIMENSIONS: Final = 512
_COLUMNS: Final = ("Gallery", "#Templates", "#Numbers", "Tier", "#MB", "#ms", "")


def show(recall: float) -> None:
    """Print the plan for the galleries there are and for four sizes, as a table or JSON."""
    from countenance import config
    from countenance.index import plan
    from countenance.web import wiring

    memory = plan.memory_for_indexes()
    config.install(config.current())
    try:
        wiring.start(config.current())
        galleries, dimensions = _galleries()
    finally:
        wiring.stop()
    plans = [
        (gallery, now, plan.planned(count, dimensions, memory=memory, recall=recall, now=now))
        for gallery, count, now in galleries
    ]
    plans += [
        ("", None, plan.planned(count, each, memory=memory, recall=recall))
        for each in dict.fromkeys((dimensions, OTHER_DIMENSIONS))
        for count in SIZES
    ]
    rows = [_row(gallery, now, made) for gallery, now, made in plans]
    described = [{"gallery": gallery, "now": now, **asdict(made)} for gallery, now, made in plans]
    words = "\n".join(f"{tier}: {tier.in_words}." for tier in plan.Tier)
    output.result(
        {"memory": memory, "recall": recall, "plans": described},
        output.table("", _COLUMNS, rows),
        f"MB of memory for the index; ms of one search for the index alone, estimated for an idle machine like this."
        f"\nIndexes may take {memory / 1e6:,.0f} MB here: half of the memory, as a snapshot takes as much again.",
        words,
    )


def recall_option() -> Any:
    """Return the option for the wanted recall."""
    return typer.Option(
        min=0.5,
        max=1.0,
        help="With --plan: the share of mates, of those that exact search ranks first, that must come first.",
    )


def _galleries() -> tuple[list[tuple[str, int, Any]], int]:
    """Return id, templates and present tier of each gallery, and how long a template is here."""
    from django.db.models import Count, Q

    from countenance.apps.galleries.models import Gallery
    from countenance.cli.session import unseal
    from countenance.index.plan import Tier

    tools = unseal()
    present = Q(face__removed_version=None, face__template__isnull=False)
    counted = Gallery.objects.filter(closed_at=None).annotate(templates=Count("face", present))
    found = [
        (str(one.pk), one.templates, Tier(one.tier) if one.tier in set(Tier) else None)
        for one in counted.order_by("created_at").only("id", "tier")
    ]
    return found, tools.engine.dimensions


def _row(gallery: str, now: Any, made: Plan) -> tuple[object, ...]:
    if not made.fits:
        note = "too large for this machine"
    elif gallery and now is not None and now is not made.tier:
        note = f"{now} until its next snapshot"
    else:
        note = ""
    return (
        gallery[:8] or "—",
        f"{made.templates:,}",
        made.dimensions,
        made.tier,
        f"{made.memory / 1e6:,.0f}",
        f"{made.ms:,.1f}",
        note,
    )
