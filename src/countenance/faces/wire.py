"""Frames between the engine and its workers: a length, then CBOR. No pickle.

What a worker says is checked like any input: a decoder that was taken over by a photo must not
take over the process that holds the keys.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import cbor2
import numpy as np

from countenance.faces.types import AnalysedFace, Analysis, Face, Gate, Quality, Template

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    import numpy.typing as npt

LENGTH = struct.Struct(">I")
MAX_REQUEST = 512 * 1024 * 1024
MAX_REPLY = 64 * 1024 * 1024
LANDMARKS = 5
FIGURES = ("eye_distance", "yaw", "pitch", "roll", "sharpness", "brightness", "contrast")


class BadFrame(Exception):
    """The other side sent something that is not a frame of this protocol."""


def pack(message: dict[str, Any]) -> bytes:
    """Return one frame."""
    body = cbor2.dumps(message)
    return LENGTH.pack(len(body)) + body


def unpack(body: bytes) -> dict[str, Any]:
    """Return the message in a frame's body.

    Raises:
        BadFrame: it is not a CBOR map of names.
    """
    try:
        message = cbor2.loads(body)
    except Exception as error:
        raise BadFrame from error
    if not isinstance(message, dict) or not all(isinstance(name, str) for name in message):
        raise BadFrame
    return message


def reply_length(head: bytes | bytearray) -> int:
    """Return the length of a reply's body.

    Raises:
        BadFrame: it is more than any reply can be.
    """
    (length,) = LENGTH.unpack(head)
    if length > MAX_REPLY:
        raise BadFrame
    return int(length)


def read(stream: BinaryIO) -> dict[str, Any] | None:
    """Return the next message from a blocking stream; None at its end."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    if length > MAX_REQUEST:
        raise BadFrame
    body = stream.read(length)
    return unpack(body) if len(body) == length else None


def from_analysis(
    analysis: Analysis, aligned: Mapping[int, npt.NDArray[np.uint8]] | None = None
) -> dict[str, Any]:
    """Return an analysis as plain values.

    Args:
        analysis: the analysis.
        aligned: pixels of the faces, by number, that are to be embedded elsewhere.
    """
    values: dict[str, Any] = {
        "width": analysis.width,
        "height": analysis.height,
        "format": analysis.format,
        "faces": [_from_face(face) for face in analysis.faces],
    }
    for number, pixels in (aligned or {}).items():
        values["faces"][number]["aligned"] = pixels.tobytes()
    return values


def _from_face(analysed: AnalysedFace) -> dict[str, Any]:
    face, quality, template = analysed.face, analysed.quality, analysed.template
    return {
        "box": list(face.box),
        "landmarks": [list(point) for point in face.landmarks],
        "score": face.score,
        "quality": {name: float(getattr(quality, name)) for name in FIGURES},
        "gate": quality.gate.value,
        "reason": quality.reason,
        "template": None if template is None else template.vector.astype("<f4").tobytes(),
        "crop": analysed.crop,
    }


def to_analysis(values: dict[str, Any], *, model: str, dimensions: int) -> Analysis:
    """Return the analysis in a reply.

    Raises:
        BadFrame: something in it is not what an analysis consists of.
    """
    try:
        return Analysis(
            width=int(values["width"]),
            height=int(values["height"]),
            format=_text(values["format"], 16),
            faces=tuple(_to_face(item, model, dimensions) for item in values["faces"]),
        )
    except BadFrame:
        raise
    except Exception as error:
        raise BadFrame from error


def to_aligned(values: dict[str, Any], size: int) -> list[tuple[dict[str, Any], bytes]]:
    """Return those faces of a reply's analysis that are to be embedded, and their pixels.

    Raises:
        BadFrame: what is there is not `size` x `size` pixels.
    """
    try:
        faces = [(face, face["aligned"]) for face in values["faces"] if "aligned" in face]
    except Exception as error:
        raise BadFrame from error
    for _, pixels in faces:
        if not isinstance(pixels, bytes) or len(pixels) != 3 * size * size:
            raise BadFrame
    return faces


def to_templates(reply: dict[str, Any], count: int, dimensions: int) -> list[bytes]:
    """Return the templates in a reply, each still as bytes.

    Raises:
        BadFrame: there are not so many, or they are not numbers.
    """
    data, length = reply.get("templates"), 4 * dimensions
    if not isinstance(data, bytes) or len(data) != count * length:
        raise BadFrame
    if not np.isfinite(np.frombuffer(data, "<f4")).all():
        raise BadFrame
    return [data[start : start + length] for start in range(0, len(data), length)]


def _to_face(values: dict[str, Any], model: str, dimensions: int) -> AnalysedFace:
    figures = {name: float(values["quality"][name]) for name in FIGURES}
    x, y, width, height = (float(value) for value in values["box"])
    marks = tuple((float(u), float(v)) for u, v in values["landmarks"])
    crop = values["crop"]
    numbers = np.array([*figures.values(), x, y, width, height, *np.ravel(marks)])
    if not isinstance(crop, bytes) or len(marks) != LANDMARKS or not np.isfinite(numbers).all():
        raise BadFrame
    return AnalysedFace(
        face=Face(box=(x, y, width, height), landmarks=marks, score=float(values["score"])),
        quality=Quality(gate=Gate(values["gate"]), reason=_text(values["reason"], 200), **figures),
        template=_to_template(values["template"], model, dimensions),
        crop=crop,
    )


def _to_template(values: object, model: str, dimensions: int) -> Template | None:
    if values is None:
        return None
    if not isinstance(values, bytes) or len(values) != 4 * dimensions:
        raise BadFrame
    vector = np.frombuffer(values, "<f4").astype(np.float32)
    if not np.isfinite(vector).all():
        raise BadFrame
    return Template(vector=vector, model=model)


def _text(value: object, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise BadFrame
    return value
