"""Which ways of deciding find more people at equal FPIR: the people, their photos, and the ways.

The people are those of `frl-london-512` in the shared data, two photos each. Worse photos are made of
them (`bench.degraded`): declared synthetic degradations, several of one photo, so they share its moment
and are not independent. Nothing of the product is chosen by these photos: thresholds are those that give
the wanted FPIR in the very same searches, and what is fitted comes from the other half of the people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from bench.degraded import damaged, drawn
from jaxtyping import Float, Float32, Int64
from numpy.typing import NDArray

from countenance.faces.fusing import fuse, worth

if TYPE_CHECKING:
    from pathlib import Path

    from countenance.faces.pipeline import Pipeline

Vectors: TypeAlias = Float32[np.ndarray, "people photos d"]
Worths: TypeAlias = Float[np.ndarray, "people photos"]
Subjects: TypeAlias = Float32[np.ndarray, "people d"]
Similarities: TypeAlias = Float[np.ndarray, "probes people"]

PHOTOS = 3
"""Of each person, in the gallery and as probes, in each draw."""

CARD = """
name = "other"
kind = "embedder"
family = "generic"
licence = "see its source"
source = "test data"
file = "{file}"
sha256 = "{sha256}"
[input]
channels = "BGR"
mean = [0.0, 0.0, 0.0]
size = 128
scale = 1.0
[embedder]
dimensions = 256
landmarks = [[40.4, 59.1], [87.5, 59.2], [64.0, 86.7], [45.3, 109.1], [83.9, 109.2]]
"""
"""Of the second embedder in the shared data."""


@dataclass(frozen=True, kw_only=True)
class Photos:
    """Templates of people's photos, what each is worth, and its gate (empty if nothing was found).

    A photo without a face that can be compared has a template of zeros and is worth nothing.
    """

    vectors: Vectors
    worths: Worths
    gates: NDArray[np.str_] = field(default_factory=lambda: np.zeros((0, 0), "U8"))

    def fused(self, *, weighted: bool) -> Subjects:
        """Return one template for each person, by `faces.fusing`; zero if no photo of them has one."""
        made = [
            _fused(vectors, worths, weighted=weighted)
            for vectors, worths in zip(self.vectors, self.worths, strict=True)
        ]
        return np.stack(made)

    def part(self, photos: slice) -> Photos:
        """Return some of each person's photos."""
        return Photos(
            vectors=self.vectors[:, photos],
            worths=self.worths[:, photos],
            gates=self.gates[:, photos],
        )

    def of(self, people: Int64[np.ndarray, " n"]) -> Photos:
        """Return the photos of some of the people."""
        return Photos(
            vectors=self.vectors[people], worths=self.worths[people], gates=self.gates[people]
        )


def _fused(
    vectors: Float32[np.ndarray, "photos d"],
    worths: Float[np.ndarray, " photos"],
    *,
    weighted: bool,
) -> Float32[np.ndarray, " d"]:
    there = np.flatnonzero(worths > 0)
    if not len(there):
        return np.zeros(vectors.shape[1], np.float32)
    weights = worths[there] if weighted else np.ones(len(there))
    fused: Float32[np.ndarray, " d"] = fuse(vectors[there], weights.tolist())
    return fused


def pipelines(shared: Path, folder: Path) -> list[Pipeline]:
    """Return the product's pipeline, and the same with the second embedder."""
    from countenance.faces.card import Kind
    from countenance.faces.pipeline import Pipeline
    from countenance.faces.zoo import make_ready

    file = shared / "models" / "face-reidentification-retail-0095" / "face_reid_0095.onnx"
    data = file.read_bytes()
    (folder / file.name).write_bytes(data)
    text = CARD.format(file=file.name, sha256=hashlib.sha256(data).hexdigest())
    (folder / "other.toml").write_text(text, encoding="utf-8")
    detector = make_ready(None, Kind.DETECTOR, folder)
    embedders = (make_ready(name, Kind.EMBEDDER, folder) for name in (None, "other"))
    return [Pipeline(detector, embedder) for embedder in embedders]


def templates(with_models: Sequence[Pipeline], photos: Sequence[Sequence[bytes]]) -> list[Photos]:
    """Return what each model makes of people's photos, one list of photos a person."""
    made = []
    for pipeline in with_models:
        size = pipeline.embedder.card.dimensions
        vectors = np.zeros((len(photos), len(photos[0]), size), np.float32)
        worths, gates = np.zeros(vectors.shape[:2]), np.full(vectors.shape[:2], "", "U8")
        for person, of_person in enumerate(photos):
            for number, photo in enumerate(of_person):
                for face in pipeline.analyse(photo).faces[:1]:
                    gates[person, number] = str(face.quality.gate)
                    if face.template is not None:
                        vectors[person, number] = face.template.vector
                        worths[person, number] = worth(asdict(face.quality))
        made.append(Photos(vectors=vectors, worths=worths, gates=gates))
    return made


def worse(photo: bytes, count: int, random: np.random.Generator) -> list[bytes]:
    """Return worse photos made of one, each damaged in its own way."""
    return [damaged(photo, drawn(random), random) for _ in range(count)]


def portraits(shared: Path) -> list[tuple[bytes, bytes]]:
    """Return the neutral and the smiling photo of everybody."""
    people = sorted(path for path in (shared / "frl-london-512").iterdir() if path.is_dir())
    return [
        ((one / "neutral.jpg").read_bytes(), (one / "smiling.jpg").read_bytes()) for one in people
    ]
