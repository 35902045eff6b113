"""What tests of operating points need: a gallery that was evaluated on made-up similarities, and set to a wanted FPIR."""

from __future__ import annotations

from typing import Any

import numpy as np

from countenance.apps.evaluations import services
from countenance.apps.evaluations.models import Evaluation, OperatingPoint, SampleKind
from countenance.apps.galleries.models import Gallery
from countenance.evaluation.trials import KEPT, Trials

PEOPLE, SHOTS = 200, 3
SAMPLE = "a labelled sample of 200 people"


def trials(model: str, *, others: int = 6, strangers_at: float = 0.2, seed: int = 5) -> Trials:
    """Return searches among a few people, with mates at about 0.8; a threshold is a little above `strangers_at`."""
    draw = np.random.default_rng(seed)
    people = np.repeat(np.arange(PEOPLE), SHOTS)
    strangers = draw.normal(strangers_at, 0.1, (PEOPLE * SHOTS, min(others, KEPT)))
    return Trials(
        model=model,
        subjects=others,
        others=others,
        mated=draw.normal(0.8, 0.06, len(people)),
        ranks=np.ones(len(people), dtype=np.int64),
        mated_subjects=people,
        non_mated=-np.sort(-strangers, axis=1),
        non_mated_subjects=people + PEOPLE,
    )


def evaluated(on: Any, gallery: Gallery, *, found: Trials | None = None) -> Evaluation:
    """Record an evaluation of a gallery."""
    found = found or trials(on.tools.engine.model)
    measured = services.Measured(
        kind=SampleKind.SAMPLE, gallery=gallery, trials=found, sample=SAMPLE, settings={}
    )
    return services.record_evaluation(on.actor, measured=measured, tools=on.tools)


def set_point(
    on: Any, gallery: Gallery, *, wanted_fpir: float = 0.01, evaluation: Evaluation | None = None
) -> OperatingPoint:
    """Give a gallery an operating point, past the approval of a second person: other tests are about that."""
    evaluation = evaluation or evaluated(on, gallery)
    now = on.tools.clock()
    point = OperatingPoint(
        agency_id=gallery.agency_id,
        gallery=gallery,
        evaluation=evaluation,
        set_by=on.actor.person,
        set_at=now,
        details={
            "gallery": str(gallery.pk),
            "evaluation": str(evaluation.pk),
            "wanted_fpir": repr(wanted_fpir),
            "subjects": 0,
            "set_by": str(on.actor.person),
            "set_at": now.isoformat(),
            "replaces": {},
        },
    )
    point.save(force_insert=True)
    gallery = Gallery.objects.get(pk=gallery.pk)
    gallery.terms = {**(gallery.terms or {}), "point": str(point.pk), "threshold": None}
    gallery.save(update_fields=("terms",))
    return point
