"""The process that embeds on an accelerator: `python -m countenance.faces.embedding_worker`.

There is one, whatever the number of photo workers. It is given aligned faces, never the bytes of a
photo: those are decoded in photo workers, which are confined and open no device. A driver maps far more
address space than memory, so this process cannot be confined as they are.
"""

from __future__ import annotations

import resource
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, UInt8

from countenance.errors import CountenanceError
from countenance.faces import wire, worker
from countenance.faces.devices import LEAST_AGREEMENT
from countenance.faces.embed import Embedder
from countenance.faces.zoo import Session

if TYPE_CHECKING:
    from countenance.faces.zoo import ReadyModel

DRAWN = 4


class Unlike(Exception):
    """An accelerator gives other templates than the CPU."""


def main() -> int:
    """Serve one engine until it closes the pipe; end at once if no accelerator can be used."""
    incoming, outgoing = worker.streams()
    greeting = wire.read(incoming)
    if greeting is None:
        return 0
    try:
        embedder, said = choose(greeting)
    except CountenanceError as error:
        worker.answer(outgoing, {"error": error.code, "detail": error.detail})
        return 1
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    worker.answer(outgoing, said)
    if embedder is None:
        return 0
    while (request := wire.read(incoming)) is not None:
        worker.answer(outgoing, _serve(embedder, request))
    return 0


def choose(greeting: dict[str, Any]) -> tuple[Embedder | None, dict[str, Any]]:
    """Open the embedder on the first accelerator that gives the CPU's templates.

    Returns:
        The embedder, and what is said of it: how well it agrees, how long it takes, and why those
        before it are not used. None if none can be used.

    Raises:
        ModelFileChanged, ModelCardInvalid: the model cannot be used, not on the CPU either.
    """
    model = worker.model_of(greeting["embedder"])
    flip, batch = bool(greeting["flip"]), int(greeting["batch"])
    reference = Embedder(Session(model), flip=flip)
    faces = drawn(model.card.size)
    began = time.perf_counter()
    wanted = reference.embed(faces)
    cpu_ms = (time.perf_counter() - began) / len(faces) * 1e3
    failed: list[str] = []
    for device in greeting["devices"]:
        try:
            embedder, agreement, face_ms = _tried(
                model, device, flip=flip, batch=batch, wanted=wanted
            )
        except Unlike as error:
            failed.append(str(error))
        except Exception as error:  # noqa: BLE001 - drivers fail in many ways; each means: not this one.
            why = " ".join(str(error.__cause__ or error).split())
            failed.append(f"it cannot be opened: {why}")
        else:
            times = {"agreement": agreement, "face_ms": face_ms, "cpu_ms": cpu_ms}
            return embedder, {"ready": True, "failed": failed, **times}
    return None, {"ready": False, "failed": failed}


def _tried(
    model: ReadyModel,
    device: dict[str, Any],
    *,
    flip: bool,
    batch: int,
    wanted: Float32[np.ndarray, "n d"],
) -> tuple[Embedder, float, float]:
    """Return an embedder on an accelerator, its agreement with the CPU, and its ms a face.

    Raises:
        Unlike: it gives other templates than those wanted for the drawn faces.
    """
    session = Session(model, provider=device["provider"], options=device["options"])
    embedder = Embedder(session, flip=flip, batch=batch)
    # A full batch, so that a face's place in it is seen not to matter.
    faces = np.tile(drawn(model.card.size), (-(-batch // DRAWN), 1, 1, 1))
    made = embedder.embed(faces)
    agreement = float((made * np.tile(wanted, (len(faces) // DRAWN, 1))).sum(axis=1).min())
    # Not a number is no agreement either.
    if not agreement >= LEAST_AGREEMENT:
        msg = f"its templates are not the CPU's (cosine {agreement:.6f}, at least {LEAST_AGREEMENT} is wanted)"
        raise Unlike(msg)
    began = time.perf_counter()
    embedder.embed(faces)
    return embedder, agreement, (time.perf_counter() - began) / len(faces) * 1e3


def drawn(size: int) -> UInt8[np.ndarray, "n size size 3"]:
    """Return a few drawn faces, always the same, as an embedder of this size takes them."""
    across, down = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size))
    faces = []
    for number in range(DRAWN):
        lean, tone = 0.08 * (number - 1.5), 150 + 25 * number
        x = across - lean * down
        skin = np.clip(1.6 - 1.5 * (x**2 / 0.55 + down**2 / 0.9), 0.1, 1)
        dark = sum(
            np.exp(-(((x - at) / wide) ** 2 + ((down - level) / tall) ** 2))
            for at, level, wide, tall in (
                (-0.34, -0.08 - 0.02 * number, 0.14, 0.07),
                (0.34, -0.08, 0.14, 0.07),
                (0.0, 0.3, 0.09 + 0.02 * number, 0.12),
                (0.0, 0.64, 0.3, 0.06 + 0.01 * number),
            )
        )
        light = tone * skin * (1 - 0.75 * np.clip(dark, 0, 1)) + 12 * np.sin(
            9 * x + 7 * down * lean
        )
        faces.append(np.stack([light, 0.8 * light, 0.68 * light], axis=-1))
    pixels: UInt8[np.ndarray, "n size size 3"] = np.clip(np.stack(faces), 0, 255).astype(np.uint8)
    return pixels


def _serve(embedder: Embedder, request: dict[str, Any]) -> dict[str, Any]:
    """Return the templates of the faces in a request; whatever goes wrong is for the engine to handle."""
    try:
        size = embedder.card.size
        faces = np.frombuffer(request["faces"], np.uint8).reshape(-1, size, size, 3)
        return {"templates": embedder.embed(faces).astype("<f4").tobytes()}
    except Exception:  # noqa: BLE001 - the engine then goes on without this process.
        return {"error": "not_embedded"}


if __name__ == "__main__":
    sys.exit(main())
