"""The process in which photos are decoded: `python -m countenance.faces.worker`.

It knows no key, no database and no name; it reads photos from its standard input and writes what
it found to its standard output. It may write no file and take only so much memory, and it ends
when its input ends, so it never outlives the engine that started it.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from countenance.errors import CountenanceError
from countenance.faces import wire
from countenance.faces.limits import Limits
from countenance.faces.zoo import providers

if TYPE_CHECKING:
    from countenance.faces.pipeline import Pipeline
    from countenance.faces.zoo import ReadyModel


def main() -> int:
    """Serve one engine until it closes the pipe."""
    incoming, outgoing = streams()
    greeting = wire.read(incoming)
    if greeting is None:
        return 0
    limits = Limits.from_dict(greeting["limits"])
    try:
        pipeline = open_pipeline(greeting, limits)
    except CountenanceError as error:
        answer(outgoing, {"error": error.code, "detail": error.detail})
        return 1
    confine(limits)
    answer(outgoing, {"ready": True, "providers": providers()})
    while (request := wire.read(incoming)) is not None:
        limit_cpu(limits)
        answer(outgoing, _serve(pipeline, request))
    return 0


def streams() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes, kept for frames: whatever prints to standard output prints to nowhere."""
    outgoing = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return sys.stdin.buffer, outgoing


def open_pipeline(greeting: dict[str, Any], limits: Limits) -> Pipeline:
    """Open the models that a greeting names."""
    from countenance.faces.pipeline import Pipeline

    detector, embedder = model_of(greeting["detector"]), model_of(greeting["embedder"])
    return Pipeline(detector, embedder, limits=limits, flip=bool(greeting["flip"]))


def model_of(given: dict[str, Any]) -> ReadyModel:
    """Return a model that a greeting names."""
    from countenance.faces.card import parse_card
    from countenance.faces.zoo import ReadyModel

    return ReadyModel(
        card=parse_card(given["card"], "given"),
        source=given["card"],
        path=Path(given["path"]),
        sha256=given["sha256"],
    )


def confine(limits: Limits) -> None:
    """Give up writing files, leaving core dumps, and memory beyond the limit."""
    for kind, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))


def limit_cpu(limits: Limits) -> None:
    """Let the kernel end this process if one photo takes far too long and nobody waits any more."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    until = math.ceil(used.ru_utime + used.ru_stime + 2 * limits.seconds) + 1
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


def _serve(pipeline: Pipeline, request: dict[str, Any]) -> dict[str, Any]:
    """Return the reply to one request; a worker that ran out of memory asks to be replaced."""
    try:
        return _done(pipeline, request)
    except CountenanceError as error:
        spent = isinstance(error.__cause__, MemoryError)
        return {"error": error.code, "detail": error.detail, "spent": spent}
    except MemoryError:
        detail = "Analysing the photo needs more memory than is allowed."
        return {"error": "image_rejected", "detail": detail, "spent": True}
    except Exception:  # noqa: BLE001 - one photo must not cost the others.
        detail = "The photo could not be analysed: the pipeline failed on it."
        return {"error": "image_rejected", "detail": detail, "spent": True}


def _done(pipeline: Pipeline, request: dict[str, Any]) -> dict[str, Any]:
    """Return the reply to one request."""
    if request["do"] == "render":
        picture = pipeline.render(
            request["data"],
            long_side=request["long_side"],
            blur=request["blur"],
            keep=request["keep"],
        )
        return {"picture": picture}
    if request["do"] == "lay":
        width, height = request["size"]
        canvas = pipeline.lay(
            request["data"],
            to_photo=request["to_photo"],
            size=(width, height),
            long_side=request["long_side"],
            blur=request["blur"],
            keep=request["keep"],
        )
        return {"picture": canvas}
    if request["do"] == "cut":
        made = pipeline.cut(
            request["data"],
            box=None if request["box"] is None else tuple(request["box"]),
            quarter_turns=request["quarter_turns"],
            brightness=request["brightness"],
            contrast=request["contrast"],
        )
        return {"picture": made}
    if request["do"] == "irises":
        marks = tuple((x, y) for x, y in request["landmarks"])
        return {"landmarks": [list(mark) for mark in pipeline.irises(request["data"], marks)]}
    if request["do"] == "analyse_part":
        x, y, width, height = request["box"]
        prepared = pipeline.prepare_part(
            request["data"], (x, y, width, height), templates=request["templates"]
        )
    else:
        prepared = pipeline.prepare(
            request["data"], only=request["only"], templates=request["templates"]
        )
    if request["embed"]:
        return {"analysis": wire.from_analysis(pipeline.embed(prepared))}
    return {"analysis": wire.from_analysis(prepared.analysis, prepared.crops)}


def answer(outgoing: BinaryIO, message: dict[str, Any]) -> None:
    """Send one frame."""
    outgoing.write(wire.pack(message))
    outgoing.flush()


if __name__ == "__main__":
    sys.exit(main())
