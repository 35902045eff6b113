"""Recording evaluations: of a labelled sample, and of a gallery's own photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from countenance import policy
from countenance.apps.evaluations import measuring, templates
from countenance.apps.evaluations.models import Evaluation, KeptTrials, SampleKind
from countenance.apps.evaluations.sampling import Groups, Labelled
from countenance.apps.evaluations.saying import counted
from countenance.apps.galleries.models import Face, Gallery
from countenance.apps.records.objects import put_object
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.evaluation.trials import Trials
from countenance.faces.zoo import licence_of
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools

SEED_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """What was measured, before it is written down.

    Attributes:
        kind: what was searched with.
        gallery: what it is of or for; None for a sample that is for no gallery in particular.
        trials: the searches.
        sample: of whom the photos were, in words.
        settings: how it was measured, as names and values.
    """

    kind: SampleKind
    gallery: Gallery | None
    trials: Trials
    sample: str
    settings: Mapping[str, Any]


@accountable(Action.EVALUATION_RECORDED, deed=Deed.EVALUATE)
def record_evaluation(
    actor: Actor, record: Record, *, measured: Measured, tools: Tools
) -> Evaluation:
    """Compute the numbers of an evaluation and write them down, with the trials that they come from.

    Raises:
        NotPermitted: the gallery is another agency's.
    """
    gallery = measured.gallery
    about = None if gallery is None else gallery.pk
    record.note(about=about, kind=measured.kind, sample=measured.sample)
    if gallery is not None:
        policy.permit_own(actor, gallery.agency_id)
    now = tools.clock()
    trials, few = measuring.without_few(measured.trials)
    settings = {**measured.settings, **({"groups_too_small": few} if few else {})}
    numbers = measuring.numbers_of(trials, seed=int.from_bytes(tools.token_bytes(SEED_BYTES)))
    evaluation = Evaluation(
        agency_id=actor.agency,
        gallery=gallery,
        kind=str(measured.kind),
        made_by=actor.person,
        made_at=now,
        numbers=numbers.as_json(),
        details={
            "kind": str(measured.kind),
            "gallery": None if gallery is None else str(gallery.pk),
            "version": None if gallery is None else gallery.version,
            "made_by": str(actor.person),
            "made_at": now.isoformat(),
            "model": trials.model,
            "licence": licence_of(trials.model),
            "settings": settings,
            "sample": measured.sample,
        },
    )
    evaluation.save(force_insert=True)
    if not (measured.kind is SampleKind.GALLERY and gallery and _lost_a_face(gallery)):
        kept = KeptTrials(evaluation=evaluation)
        put_object(kept, trials.as_json(), tools=tools)
        kept.save(force_insert=True)
    record.note(
        about=evaluation.pk,
        gallery=about,
        model=numbers.model,
        subjects=numbers.subjects,
        mated=numbers.mated_searches,
        non_mated=numbers.non_mated_searches,
        settings=settings,
    )
    return evaluation


def _lost_a_face(gallery: Gallery) -> bool:
    """Say whether a face was removed since the gallery was read, in which trials of it may not be kept.

    The lock lets a removal be done before, and seen here, or wait until there are trials that it destroys.
    """
    Gallery.objects.select_for_update(no_key=True).get(pk=gallery.pk)
    return Face.objects.filter(gallery=gallery, removed_version__gt=gallery.version).exists()


@composed_of(record_evaluation)
def evaluate_sample(
    actor: Actor,
    *,
    photos: Sequence[Labelled],
    gallery: Gallery | None = None,
    enrol: int = 1,
    tools: Tools,
    notify: templates.Notify | None = None,
) -> Evaluation:
    """Evaluate the present model on labelled photos; they are analysed in memory, and nothing of them is kept.

    Args:
        actor: the steward.
        photos: of labelled people; of each person the first ones are enrolled, the others searched with.
        gallery: what it is for, if for one; the sample is searched within itself in any case.
        enrol: how many photos of each person are enrolled; 0 leaves each out in turn.
        tools: engine, keys, store, clock, randomness.
        notify: called with how many photos are analysed.

    Raises:
        InputError: nothing can be measured with these photos; says why.
        NotPermitted: the gallery is another agency's.
    """
    if gallery is not None:
        policy.permit_own(actor, gallery.agency_id)
    found = templates.of_photos(photos, tools=tools, notify=notify)
    trials = measuring.of_sample(found, model=tools.engine.model, enrol=enrol)
    people = len({one.subject for one in photos})
    settings: dict[str, Any] = {
        "enrolled": enrol,
        "photos": len(photos),
        "people": people,
        "without_face": found.without_face,
        "protocol": "each photo in turn" if enrol == 0 else "the first photos enrolled",
    }
    measured = Measured(
        kind=SampleKind.SAMPLE,
        gallery=gallery,
        trials=trials,
        sample=f"a labelled sample of {counted(people)} people",
        settings=settings,
    )
    return record_evaluation(actor, measured=measured, tools=tools)


@composed_of(record_evaluation)
def evaluate_gallery(
    actor: Actor, *, gallery: Gallery, groups: Mapping[str, Groups] | None = None, tools: Tools
) -> Evaluation:
    """Evaluate a gallery on its own photos: each of a subject who has several, as if it were not enrolled.

    Args:
        actor: the steward.
        gallery: of the actor's agency.
        groups: of subjects by their label, as the steward supplies them.
        tools: engine, keys, store, clock, randomness.

    Raises:
        InputError: nobody in it has several photos.
        ModelMismatch: its templates are of another model than the present one.
        NotPermitted: it is another agency's.
    """
    policy.permit_own(actor, gallery.agency_id)
    found = templates.of_gallery(gallery, groups=groups, tools=tools)
    trials = measuring.of_gallery(found, model=gallery.model)
    people = measuring.people_searched(trials)
    settings: dict[str, Any] = {
        "photos": len(found),
        "people": trials.subjects,
        "protocol": "leave one out",
    }
    if found.labels_of_nobody:
        settings["labels_of_nobody"] = found.labels_of_nobody
    measured = Measured(
        kind=SampleKind.GALLERY,
        gallery=gallery,
        trials=trials,
        sample=f"photos of {counted(people)} people of the gallery itself who have several",
        settings=settings,
    )
    return record_evaluation(actor, measured=measured, tools=tools)
