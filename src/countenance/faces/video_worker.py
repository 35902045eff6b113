"""The process in which one video is decoded: `python -m countenance.faces.video_worker`.

It is a photo worker (`worker`) that serves one request and ends, so that nothing of a video, no
template least of all, outlives it. On top of what a photo worker gives up it opens no file and no
connection from before the first byte of the video on: it may have no more file handles than it has.
"""

from __future__ import annotations

import resource
import sys
from dataclasses import replace
from typing import Any, BinaryIO

from PIL import Image

from countenance.errors import CountenanceError
from countenance.faces import looking, reel, video, wire, worker
from countenance.faces.limits import Limits

EVERY = 0.005
"""How much further the work must be for another word about it."""


def main() -> int:
    """Serve one request."""
    incoming, outgoing = worker.streams()
    greeting = wire.read(incoming)
    if greeting is None:
        return 0
    most = reel.VideoLimits.from_dict(greeting["video"])
    limits = replace(Limits.from_dict(greeting["limits"]), seconds=most.wall)
    try:
        eyes = None
        if greeting["detector"] is not None:
            eyes = looking.PipelineEyes(worker.open_pipeline(greeting, limits))
    except CountenanceError as error:
        worker.answer(outgoing, {"error": error.code, "detail": error.detail})
        return 1
    Image.init()
    worker.confine(limits)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    worker.answer(outgoing, {"ready": True})
    request = wire.read(incoming)
    if request is not None:
        worker.limit_cpu(limits)
        worker.answer(outgoing, _serve(request, incoming, outgoing, eyes, most))
    return 0


def _serve(
    request: dict[str, Any],
    incoming: BinaryIO,
    outgoing: BinaryIO,
    eyes: looking.Eyes | None,
    limits: reel.VideoLimits,
) -> dict[str, Any]:
    """Return the reply; the video's bytes follow the request bare, so that they are here once."""
    try:
        opened = video.Video(incoming.read(int(request["bytes"])), limits)
        if eyes is None:
            frame = opened.find(reel.Place.from_dict(request["place"]))
            return {"picture": video.to_png(frame.pixels)}
        told = 0.0

        def tell(share: float) -> None:
            nonlocal told
            if share >= told + EVERY:
                told = share
                worker.answer(outgoing, {"progress": share})

        return {"reel": reel.from_reel(looking.look_through(opened, eyes, limits, tell))}
    except CountenanceError as error:
        return {"error": error.code, "detail": error.detail}
    except MemoryError:
        detail = "Reading the video needs more memory than is allowed."
        return {"error": "video_rejected", "detail": detail}
    except Exception:  # noqa: BLE001 - FFmpeg and OpenCV answer hostile bytes in many ways.
        detail = "The video could not be read to the end: it is damaged, or made to do harm."
        return {"error": "video_rejected", "detail": detail}


if __name__ == "__main__":
    sys.exit(main())
