"""An engine's way with videos: a worker of its own for each, which ends with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from countenance.errors import VideoRejected
from countenance.faces import reel, wire
from countenance.faces.process import WorkerDied, WorkerProcess, error_of

if TYPE_CHECKING:
    from countenance.faces.limits import Limits
    from countenance.faces.zoo import ReadyModel

FRAME_SECONDS = 180.0

_at_a_time = threading.BoundedSemaphore(2)
"""A video is held in memory here and in its worker, so only so many are worked on at the same time."""


def _nobody_asks(done: float) -> None:
    """Go on."""


class Watcher:
    """What an engine does with videos; it brings the models."""

    _detector: ReadyModel
    _embedder: ReadyModel
    _limits: Limits
    _flip: bool

    video_limits = reel.VideoLimits()

    def look_through(
        self, data: bytes, *, notify: Callable[[float], None] = _nobody_asks
    ) -> reel.Reel:
        """Return who is seen in a video, grouped, with the best sightings; see `tools.PhotoEngine`."""
        limits = self.video_limits
        reply = self._watch({"do": "look_through"}, data, limits.wall, notify, models=True)
        try:
            return reel.to_reel(reply["reel"], limits)
        except (wire.BadFrame, KeyError) as error:
            raise VideoRejected("The video made its worker answer nonsense.") from error

    def frame_of(self, data: bytes, place: reel.Place) -> bytes:
        """Return one picture of a video as a PNG; see `tools.PhotoEngine`."""
        request = {"do": "frame", "place": place.to_dict()}
        picture = self._watch(request, data, FRAME_SECONDS, _nobody_asks, models=False).get(
            "picture"
        )
        if not isinstance(picture, bytes):
            raise VideoRejected("The video made its worker answer nonsense.")
        return picture

    def _watch(
        self,
        request: dict[str, Any],
        data: bytes,
        seconds: float,
        notify: Callable[[float], None],
        *,
        models: bool,
    ) -> dict[str, Any]:
        reel.check_bytes(data, self.video_limits)
        with _at_a_time:
            worker = WorkerProcess(
                self._detector if models else None,
                self._embedder if models else None,
                limits=self._limits,
                flip=self._flip,
                video=self.video_limits,
            )
            try:
                reply = worker.watch({**request, "bytes": len(data)}, data, seconds, notify)
            except WorkerDied as error:
                raise VideoRejected(f"The video {error.reason}.") from error
            finally:
                worker.end()
        if "error" in reply:
            raise error_of(reply)
        return reply
