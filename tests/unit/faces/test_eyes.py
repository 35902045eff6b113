"""Irises are found where they are: in drawings, and so that both photos of a person lie on each other."""

import numpy as np
import pytest
from likeness import misplaced
from PIL import Image, ImageDraw

from countenance.faces.align import warp
from countenance.faces.eyes import irises

PAIRS = 50
UNIT = 128  # pixels of a screen between the eyes


def drawn(*eyes, size=400, radius=10):
    """Draw irises in whites under dark brows, four times finer than they are returned."""
    photo = Image.new("RGB", (size * 4, size * 4), (205, 165, 140))
    draw = ImageDraw.Draw(photo)

    def disc(x, y, across, down, colour):
        box = [4 * n for n in (x - across, y - down, x + across, y + down)]
        draw.ellipse(box, fill=colour)

    for x, y in eyes:
        disc(x, y, 2.6 * radius, 1.05 * radius, (240, 236, 230))
        disc(x, y, radius, radius, (70, 50, 40))
        disc(x, y - 3.6 * radius, 3 * radius, 0.5 * radius, (40, 30, 25))
    return np.asarray(photo.resize((size, size), Image.Resampling.BOX))


def marks(right, left, nose=None):
    x, y = (right[0] + left[0]) / 2, (right[1] + left[1]) / 2
    corners = (x - 40, y + 130), (x + 40, y + 130)
    return np.array([right, left, nose or (x, y + 70), *corners], dtype=float)


@pytest.mark.parametrize("off", [(0, 0), (9, -4), (-8, 6), (-12, -8)])
def test_an_iris_is_found_beside_the_landmark_to_a_fraction_of_a_pixel(off):
    right, left = (145.3, 180.7), (255.4, 176.2)
    found = irises(drawn(right, left), marks(np.add(right, off), np.subtract(left, off)))
    assert np.hypot(*(found[:2] - [right, left]).T).max() < 0.8


def test_only_the_eyes_are_moved():
    given = marks((140, 180), (260, 180))
    found = irises(drawn((145, 178), (255, 182)), given)
    assert np.array_equal(found[2:], given[2:])
    assert np.array_equal(given, marks((140, 180), (260, 180)))


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(marks((190, 180), (210, 180)), id="a small face"),
        pytest.param(marks((145, 180), (255, 180), nose=(250, 240)), id="a head turned away"),
    ],
)
def test_landmarks_stay_where_no_iris_can_be_told(given):
    assert np.array_equal(irises(drawn((150, 180), (250, 180)), given), given)


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_landmarks_stay_where_a_photo_has_no_edge(colour):
    given = marks((145, 180), (255, 180))
    found = irises(np.full((400, 400, 3), colour, np.uint8), given)
    assert found == pytest.approx(given)


def patch(photo, eyes, side, half):
    """Return the surroundings of one eye in face units, grey, from pixel middles."""
    (x, y), (u, v) = eyes
    across, down = u - x, v - y
    units = np.array([[across, -down], [down, across]])
    size = int(2 * half * UNIT)
    linear = units / UNIT
    corner = units @ [side - half, -half] + [(x + u) / 2, (y + v) / 2]
    middle = np.array([0.5, 0.5])
    return warp(photo, np.column_stack([linear, corner + linear @ middle - middle]), size) @ [
        0.3,
        0.59,
        0.11,
    ]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_both_photos_of_a_person_lie_on_each_other(pipeline, shared_data):
    people = sorted(shared_data.glob("frl-london-512/*/smiling.jpg"))[:PAIRS]
    before, after = [], []
    for path in people:
        photos, given = [], []
        for name in ("neutral.jpg", "smiling.jpg"):
            photos.append(np.asarray(Image.open(path.with_name(name)).convert("RGB")))
            data = path.with_name(name).read_bytes()
            analysis = pipeline.analyse(data, templates=False)
            given.append(np.array(analysis.faces[0].face.landmarks))
        settled = [irises(photo, one) for photo, one in zip(photos, given, strict=True)]
        for said, kept in ((given, before), (settled, after)):
            for side in (-0.5, 0.5):
                wanted = patch(photos[0], said[0][:2], side, 0.14)
                far, alike = misplaced(wanted, patch(photos[1], said[1][:2], side, 0.34))
                if alike > 0.75:
                    kept.append(far)
    shares = [np.mean(np.array(kept) <= 2) for kept in (before, after)]
    print(f"within 2 px: {shares[0]:.2f} of {len(before)}, then {shares[1]:.2f} of {len(after)};")
    print(f"median {np.median(before):.1f}, then {np.median(after):.1f} px")
    assert len(after) > 1.8 * PAIRS
    assert np.median(after) <= 1.0
    assert shares[1] >= 0.9
