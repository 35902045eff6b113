"""`countenance doctor --plan`: which index each gallery gets, and what larger ones would."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import typer

from countenance.cli import output

if TYPE_CHECKING:
    from countenance.index.plan import Plan

SIZES: Final = (10_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
OTHER_DIMENSIONS: Final = 512
GIB: Final = 2**30
_COLUMNS: Final = ("Gallery", "#Templates", "#Numbers", "Tier", "#MB", "#ms", "")


def show(recall: float | None) -> None:
    """Print the plan for the galleries there are and for five sizes, as a table or JSON.

    Galleries get their index by the same plan; a recall that is asked for here only shows what it would change.
    """
    from countenance import config
    from countenance.index import plan, room
    from countenance.index.costs import Assumed
    from countenance.web import wiring

    settings = config.current()
    wanted = settings.recall if recall is None else recall
    memory = room.memory_for_indexes()
    config.install(settings)
    try:
        wiring.start(settings)
        galleries, dimensions = _galleries()
    finally:
        wiring.stop()
    plans = [
        (gallery, now, plan.planned(count, dimensions, memory=memory, recall=wanted, now=now))
        for gallery, count, now in galleries
    ]
    together = sum(made.memory for _, _, made in plans)
    plans += [
        ("", None, plan.planned(count, each, memory=memory, recall=wanted))
        for each in dict.fromkeys((dimensions, OTHER_DIMENSIONS))
        for count in SIZES
    ]
    described = [_described(gallery, now, made) for gallery, now, made in plans]
    output.result(
        {"memory": memory, "recall": wanted, "together": together, "plans": described},
        output.table("", _COLUMNS, [_row(gallery, now, made) for gallery, now, made in plans]),
        f"MB of memory for the index; ms of one search for the index alone, estimated for an idle machine like this."
        f"\nIndexes may take {memory / 1e6:,.0f} MB here: half of what database and photo workers leave, as a snapshot takes "
        f"as much again.",
        _together(together, memory),
        f"What does not fit needs a machine with so much memory, or about so many of {Assumed().node_gib} GiB with Milvus.",
        f"Wanted: {wanted * 100:g} % of the mates that exact search ranks first. COUNTENANCE_RECALL is what galleries get.",
        "\n".join(f"{tier}: {tier.in_words}." for tier in plan.Tier),
    )


def recall_option() -> Any:
    """Return the option for the wanted recall."""
    return typer.Option(
        min=0.5,
        max=1.0,
        help="With --plan: the share of mates, of those that exact search ranks first, that must come first. 1: only "
        "exact search will do. Without it, what COUNTENANCE_RECALL says.",
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


def _together(together: int, memory: int) -> str:
    said = f"The galleries that there are take {together / 1e6:,.0f} MB together."
    if together <= memory:
        return said
    return (
        f"{said} That is more than indexes may take: use a larger machine, or move one to Milvus."
    )


def _described(gallery: str, now: Any, made: Plan) -> dict[str, Any]:
    from countenance.index.costs import nodes_for

    nodes = None if made.fits else nodes_for(made.templates, made.dimensions)
    return {"gallery": gallery, "now": now, **asdict(made), "milvus_machines": nodes}


def _row(gallery: str, now: Any, made: Plan) -> tuple[object, ...]:
    return (
        gallery[:8] or "—",
        f"{made.templates:,}",
        made.dimensions,
        made.tier,
        f"{made.memory / 1e6:,.0f}",
        f"{made.ms:,.1f}",
        _note(gallery, now, made),
    )


def _note(gallery: str, now: Any, made: Plan) -> str:
    """Return what machine a plan needs that does not fit here, or from when on it holds."""
    from countenance.index.costs import nodes_for

    moves = bool(gallery) and now is not None and made.moves_from(now)
    until = f"{now} until its next snapshot" if moves else ""
    if made.fits:
        return until
    nodes = nodes_for(made.templates, made.dimensions)
    milvus = f"Milvus on {nodes}"
    needs = (
        f"needs {made.machine // GIB:,} GiB, or {milvus}"
        if made.machine is not None
        else f"needs {milvus}"
    )
    if gallery and now is not None and not moves:
        needs += f"; stays {now}"
    return f"{needs}; {until}" if until else needs
