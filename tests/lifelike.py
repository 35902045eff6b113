"""An evaluation whose figures look like those of real photos: what screens and reports of evaluations are shown with."""

from __future__ import annotations

from typing import Any

import numpy as np

from countenance.apps.evaluations import services
from countenance.apps.evaluations.models import Evaluation, SampleKind
from countenance.apps.galleries.models import Gallery
from countenance.evaluation.trials import KEPT, Trials

PEOPLE, SHOTS = 240, 2
BANDS = ("Age band: under 30", "Age band: 30 to 50", "Age band: over 50")
CAMERAS = ("Camera: studio", "Camera: phone", "Camera: doorbell")
FEW = 12
"""So few people are in the last group that nothing is told of it."""


def trials(
    model: str, *, people: int = PEOPLE, seed: int = 7, groups: bool = True, mated: bool = True
) -> Trials:
    """Return searches among so many people: mates at about 0.65, the most similar strangers at about 0.45."""
    draw = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), SHOTS)
    quality = np.clip(draw.normal(0.7, 0.18, len(who)), 0.05, 1)
    similar = draw.normal(0.1, 0.115, (len(who), people - 1))
    strangers = -np.sort(-similar, axis=1)[:, :KEPT]
    mates = np.clip(0.42 + 0.36 * quality + draw.normal(0, 0.09, len(who)), -0.1, 0.98)
    mates[draw.choice(len(who), 3, replace=False)] = -np.inf  # photos without a usable face
    ranks = (strangers >= mates[:, None]).sum(axis=1) + 1
    labels = [f"{BANDS[one % 3]}; {CAMERAS[_camera(one)]}" for one in who.tolist()]
    kept = len(who) if mated else 0
    return Trials(
        model=model,
        subjects=people,
        others=people - 1,
        mated=mates[:kept],
        ranks=np.where(np.isneginf(mates), 0, ranks)[:kept],
        mated_subjects=who[:kept],
        non_mated=strangers,
        non_mated_subjects=who,
        mated_groups=tuple(labels[:kept]) if groups else (),
        non_mated_groups=tuple(labels) if groups else (),
        qualities=quality[:kept],
    )


def evaluated(
    on: Any, gallery: Gallery | None, *, found: Trials | None = None, of: str = "gallery"
) -> Evaluation:
    """Record such an evaluation, of a gallery's own photos or of a sample."""
    kind = SampleKind(of)
    said = {
        SampleKind.GALLERY: f"photos of {PEOPLE} people of the gallery itself who have several",
        SampleKind.SAMPLE: f"a labelled sample of {PEOPLE} people",
    }
    measured = services.Measured(
        kind=kind,
        gallery=gallery,
        trials=found or trials(on.tools.engine.model),
        sample=said[kind],
        settings={"photos": PEOPLE * SHOTS, "people": PEOPLE, "protocol": "leave one out"},
    )
    return services.record_evaluation(on.actor, measured=measured, tools=on.tools)


def _camera(person: int) -> int:
    return 2 if person < FEW else person % 2
