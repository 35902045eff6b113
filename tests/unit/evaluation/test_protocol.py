"""Who is searched against whom: checked against a computation that compares one photo at a time."""

import labelled
import numpy as np
import pytest

from countenance.errors import InputError
from countenance.evaluation import against, leave_one_out, protocol
from countenance.evaluation.trials import KEPT


def unit(template):
    return template / np.linalg.norm(template)


def by_hand(templates, labels, *, fused):
    """Yield for each photo of a subject with several: mate, rank, and the others in falling order."""
    there = [i for i, one in enumerate(templates) if np.isfinite(one).all()]
    for i, label in enumerate(labels):
        if labels.count(label) < 2:
            continue
        scores = {}
        for subject in set(labels):
            rest = [
                unit(templates[j].astype(float)) for j in there if labels[j] == subject and j != i
            ]
            if i in there and rest:
                means = [unit(np.sum(rest, axis=0))] if fused else rest
                scores[subject] = max(
                    float(one @ unit(templates[i].astype(float))) for one in means
                )
        mate = scores.pop(label, -np.inf)
        others = sorted(scores.values(), reverse=True)
        rank = 0 if mate == -np.inf else 1 + sum(one >= mate for one in others)
        yield mate, rank, others


@pytest.mark.parametrize("fused", [False, True])
def test_each_photo_is_searched_as_one_would_by_hand(fused, monkeypatch):
    monkeypatch.setattr(protocol, "_CELLS", 100)  # several blocks
    templates, labels = labelled.album(30, 4)
    templates[3] = np.nan
    trials = leave_one_out(templates, labels, model="m", fused=fused)
    expected = list(by_hand(templates, labels, fused=fused))
    assert len(trials.mated) == len(expected) == len(trials.non_mated)
    for at, (mate, rank, others) in enumerate(expected):
        assert trials.mated[at] == pytest.approx(mate, abs=2e-6)
        assert trials.ranks[at] == rank
        kept = np.array(others[:KEPT])
        np.testing.assert_allclose(trials.non_mated[at][: len(kept)], kept, atol=2e-6)


def test_those_found_are_named_by_their_numbers():
    templates, labels = labelled.album(12, 3)
    trials = leave_one_out(templates, labels, model="m")
    assert (trials.nearest[:, 0] != trials.non_mated_subjects).all()
    for who in trials.nearest:
        assert len(set(who[:11])) == 11  # each other subject once


def test_people_with_one_photo_are_found_and_not_searched_unless_asked():
    templates, labels = labelled.album(4, np.array([2, 1, 1, 2]))
    trials = leave_one_out(templates, labels, model="m")
    assert (trials.subjects, trials.others) == (4, 3)
    assert (len(trials.mated), len(trials.non_mated)) == (4, 4)
    everybody = leave_one_out(templates, labels, model="m", singles=True)
    assert (len(everybody.mated), len(everybody.non_mated)) == (4, 6)


def test_a_photo_without_a_face_is_a_miss_and_returns_nobody():
    templates, labels = labelled.album(5, np.array([2, 2, 2, 2, 2]))
    templates[0] = np.nan
    trials = leave_one_out(templates, labels, model="m")
    # The other photo of that person has nobody left to be found with.
    assert np.isneginf(trials.mated[:2]).all()
    assert (trials.ranks[:2] == 0).all()
    assert trials.failures == 2
    assert np.isneginf(trials.best[0])
    assert np.isfinite(trials.best[1])


def test_probes_apart_from_the_gallery_may_be_of_people_who_are_not_there():
    templates, labels = labelled.album(6, np.array([2] * 6))
    trials = against(
        templates[0:8:2],
        labels[0:8:2],
        templates[1::2],
        labels[1::2],
        model="m",
        groups=list("aabbcc"),
    )
    assert (len(trials.mated), len(trials.non_mated)) == (4, 6)
    assert trials.mated_groups == tuple("aabb")
    assert trials.non_mated_groups == tuple("aabbcc")
    unit = templates / np.linalg.norm(templates, axis=1, keepdims=True)
    for at in range(4):
        assert trials.mated[at] == pytest.approx(unit[2 * at] @ unit[2 * at + 1], abs=2e-6)
    assert trials.best[4] == pytest.approx((unit[0:8:2] @ unit[9]).max(), abs=2e-6)


def test_the_length_of_a_template_does_not_matter():
    templates, labels = labelled.album(10, 3)
    longer = (templates * np.linspace(0.5, 3, len(templates))[:, None]).astype(np.float32)
    one, other = (leave_one_out(t, labels, model="m") for t in (templates, longer))
    np.testing.assert_allclose(one.mated, other.mated, atol=2e-6)


def test_labels_that_do_not_fit_and_galleries_without_a_face_are_refused():
    templates, labels = labelled.album(3, 2)
    with pytest.raises(InputError):
        leave_one_out(templates, labels[:-1], model="m")
    with pytest.raises(InputError):
        leave_one_out(np.full_like(templates, np.nan), labels, model="m")
    with pytest.raises(InputError):
        against(templates, labels[:-1], templates, labels, model="m")


def test_fused_photos_count_by_their_weights_and_a_probe_is_not_in_its_own_mean() -> None:
    random = np.random.default_rng(5)
    templates = random.standard_normal((6, 16)).astype(np.float32)
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    labels, weights = ["a", "a", "a", "b", "b", "b"], [0.9, 0.5, 0.1, 0.2, 0.4, 0.8]
    trials = leave_one_out(templates, labels, model="m", fused=True, weights=weights)
    mean = 0.5 * templates[1] + 0.1 * templates[2]
    assert trials.mated[0] == pytest.approx(templates[0] @ mean / np.linalg.norm(mean), abs=1e-6)
    other = sum(weight * one for weight, one in zip(weights[3:], templates[3:], strict=True))
    wanted = templates[0] @ other / np.linalg.norm(other)
    assert trials.best[0] == pytest.approx(wanted, abs=1e-6)
    enrolled = against(
        templates[:3], labels[:3], templates[3:4], ["b"], model="m", fused=True, weights=weights[:3]
    )
    whole = sum(weight * one for weight, one in zip(weights[:3], templates[:3], strict=True))
    assert enrolled.best[0] == pytest.approx(templates[3] @ whole / np.linalg.norm(whole), abs=1e-6)
    with pytest.raises(InputError):
        leave_one_out(templates, labels, model="m", fused=True, weights=weights[:2])
