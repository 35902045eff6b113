"""Model cards: small TOML files that say what a model file is, where it is from and how it is fed."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from countenance.errors import ModelCardInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ARCFACE_LANDMARKS = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
"""Where the five landmarks go in a 112 px crop (Deng et al., ArcFace, CVPR 2019)."""

LANDMARK_NAMES = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
MAX_CARD_BYTES = 64 * 1024
MAX_DIMENSIONS = 4096


class Kind(StrEnum):
    """What a model does."""

    DETECTOR = "detector"
    EMBEDDER = "embedder"


FAMILIES = {Kind.DETECTOR: ("yunet",), Kind.EMBEDDER: ("generic",)}
"""How the outputs of each kind of model can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What must be known of a model file before it is opened.

    Attributes:
        file: a plain name beside the card, or a path inside the installed `package`.
        package: the installed distribution that carries the file, or empty.
        sha256: the sum of the published file.
        dynamic: dimension names for `fold.fold`, or empty if the file is used as it is.
        folded_sha256: the sum of the folded file, as the pinned `onnx` version writes it.
        size: side of the embedder's square input; 0 for a detector.
        channels, mean, scale: the input is (pixel - mean) * scale, in this channel order.
        landmark_order: the detector's own order of the five landmarks, as indexes into it.
        landmarks: where an embedder wants the five landmarks in its input.
        long_side, min_score: what a detector is run at, and what it must be sure of.
        dimensions: length of an embedder's output.
    """

    name: str
    kind: Kind
    family: str
    licence: str
    source: str
    credit: str
    file: str
    package: str
    sha256: str
    dynamic: tuple[str, ...]
    folded_sha256: str
    size: int
    channels: Literal["RGB", "BGR"]
    mean: tuple[float, float, float]
    scale: float
    landmark_order: tuple[int, ...]
    landmarks: tuple[tuple[float, float], ...]
    long_side: int
    min_score: float
    dimensions: int

    @property
    def id(self) -> str:
        """Return the name with the start of the sum, so that two files never share an id."""
        return f"{self.name}-{self.sha256[:8]}"


def read_card(path: Path) -> bytes:
    """Return the bytes of a card file.

    Raises:
        ModelCardInvalid: there is no such file.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_CARD_BYTES + 1)
    except OSError as error:
        msg = f"The model card {path.name} cannot be read."
        raise ModelCardInvalid(msg) from error


def parse_card(data: bytes, title: str) -> ModelCard:
    """Return the card in these bytes; `title` names them in errors.

    Raises:
        ModelCardInvalid: it is not TOML, or a key is missing, wrong or unknown.
    """
    try:
        if len(data) > MAX_CARD_BYTES:
            msg = f"The model card {title} is larger than {MAX_CARD_BYTES} bytes."
            raise ModelCardInvalid(msg)
        content = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:  # also a number or a nesting without end
        msg = f"The model card {title} is not TOML: {error}"
        raise ModelCardInvalid(msg) from error
    return _Reader(content, title).card()


class _Reader:
    """Takes keys out of a card one by one, so that what is left at the end is unknown."""

    def __init__(self, content: Mapping[str, Any], title: str) -> None:
        self.title = title
        self.rest = {
            key: dict(value) if isinstance(value, dict) else value for key, value in content.items()
        }

    def card(self) -> ModelCard:
        kind = Kind(self.choice("kind", [kind.value for kind in Kind]))
        embedder = kind is Kind.EMBEDDER
        size = self.whole("input.size", 16, 1024) if embedder else 0
        dynamic = self.texts("fold.dynamic")
        package = self.text("package", r"[A-Za-z0-9_]*", "")
        card = ModelCard(
            kind=kind,
            name=self.text("name", r"[a-z0-9][a-z0-9_-]{0,63}"),
            family=self.choice("family", FAMILIES[kind]),
            licence=self.text("licence"),
            source=self.text("source"),
            credit=self.text("credit", r".*", ""),
            package=package,
            file=self.file_name(in_package=bool(package)),
            sha256=self.text("sha256", r"[0-9a-f]{64}"),
            dynamic=dynamic,
            folded_sha256=self.text("fold.sha256", r"[0-9a-f]{64}") if dynamic else "",
            size=size,
            channels="RGB" if self.choice("input.channels", ("RGB", "BGR")) == "RGB" else "BGR",
            mean=self.triple("input.mean"),
            scale=self.number("input.scale", 1e-6, 1e6),
            landmark_order=() if embedder else self.order(),
            landmarks=self.landmarks(size) if embedder else (),
            long_side=0 if embedder else self.whole("detector.long_side", 64, 4096),
            min_score=0.0 if embedder else self.number("detector.min_score", 0.01, 0.999),
            dimensions=self.whole("embedder.dimensions", 2, MAX_DIMENSIONS) if embedder else 0,
        )
        self.nothing_left()
        return card

    def fail(self, words: str) -> ModelCardInvalid:
        return ModelCardInvalid(f"The model card {self.title} {words}.")

    def take(self, key: str, default: object = None) -> object:
        table: dict[str, Any] = self.rest
        *parents, last = key.split(".")
        for parent in parents:
            inner = table.get(parent)
            table = inner if isinstance(inner, dict) else {}
        value = table.pop(last, default)
        if value is None:
            words = f"has no '{key}'"
            raise self.fail(words)
        return value

    def text(self, key: str, pattern: str = r".+", default: str | None = None) -> str:
        value = self.take(key, default)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            words = f"has a '{key}' that is not as it must be ({pattern})"
            raise self.fail(words)
        return value

    def choice(self, key: str, choices: tuple[str, ...] | list[str]) -> str:
        value = self.take(key)
        if value not in choices:
            words = f"must have one of {', '.join(choices)} as '{key}'"
            raise self.fail(words)
        return str(value)

    def number(self, key: str, low: float, high: float) -> float:
        value = self.take(key)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            words = f"must have a number from {low:g} to {high:g} as '{key}'"
            raise self.fail(words)
        return float(value)

    def whole(self, key: str, low: int, high: int) -> int:
        value = self.number(key, low, high)
        if value != int(value):
            words = f"must have a whole number as '{key}'"
            raise self.fail(words)
        return int(value)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.take(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            words = f"must have a list of texts as '{key}'"
            raise self.fail(words)
        return tuple(value)

    def triple(self, key: str) -> tuple[float, float, float]:
        value = self.take(key)
        if not isinstance(value, list) or not _is_numbers(value, 3):
            words = f"must have three numbers as '{key}'"
            raise self.fail(words)
        return float(value[0]), float(value[1]), float(value[2])

    def file_name(self, *, in_package: bool) -> str:
        """Return `file`; only a file inside a package may lie in a folder."""
        value = self.text("file", r"[A-Za-z0-9_.][A-Za-z0-9_./-]*")
        if ".." in value or ("/" in value and not in_package):
            words = "must name a file beside it as 'file', without folders"
            raise self.fail(words)
        return value

    def order(self) -> tuple[int, ...]:
        names = self.take("detector.landmark_order", list(LANDMARK_NAMES))
        if not isinstance(names, list) or sorted(map(str, names)) != sorted(LANDMARK_NAMES):
            words = f"must name {', '.join(LANDMARK_NAMES)} in some order as 'landmark_order'"
            raise self.fail(words)
        return tuple(names.index(name) for name in LANDMARK_NAMES)

    def landmarks(self, size: int) -> tuple[tuple[float, float], ...]:
        """Return the card's own positions, or ArcFace's, scaled to the input."""
        scaled = [[x * size / 112, y * size / 112] for x, y in ARCFACE_LANDMARKS]
        value = self.take("embedder.landmarks", scaled)
        points = value if isinstance(value, list) else []
        pairs = [point for point in points if _is_numbers(point, 2)]
        if len(points) != len(LANDMARK_NAMES) or len(pairs) != len(points):
            words = "must have five pairs of numbers as 'embedder.landmarks'"
            raise self.fail(words)
        return tuple((float(x), float(y)) for x, y in pairs)

    def nothing_left(self) -> None:
        left = [
            f"{key}.{inner}" if inner else key
            for key, value in self.rest.items()
            for inner in (value if isinstance(value, dict) else [""])
        ]
        if left:
            words = f"has keys that are not known: {', '.join(left)}"
            raise self.fail(words)


def _is_numbers(value: object, count: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(item, int | float) and not isinstance(item, bool) for item in value)
    )
