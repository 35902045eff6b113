"""One worker process, seen from the engine: started, asked, timed, and ended."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from countenance.errors import (
    CountenanceError,
    ImageRejected,
    ModelCardInvalid,
    ModelFileChanged,
    VideoRejected,
    WorkerUnavailable,
)
from countenance.faces import devices as known
from countenance.faces import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from countenance.faces.limits import Limits
    from countenance.faces.reel import VideoLimits
    from countenance.faces.zoo import ReadyModel

START_SECONDS = 60.0
DEVICE_START_SECONDS = 300.0
"""A driver may compile its programs, and the model with them, at each start."""
CHUNK = 1 << 20
ENVIRONMENT = {
    # A worker gets nothing of the parent's environment, so no secret in it can leak to a photo.
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    # ONNX Runtime would keep a database of its use in the home folder, and report it.
    "ORT_DISABLE_TELEMETRY": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # One arena, and large blocks given back at once, keep the memory flat over many photos; smaller ones
    # are kept, because giving them back costs time (6 % of all CPU at a threshold of 256 KiB).
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "4194304",
    "MALLOC_TRIM_THRESHOLD_": "16777216",
}
VIDEO_ENVIRONMENT = ENVIRONMENT | {
    # FFmpeg opens these containers and nothing that leads elsewhere, such as a playlist; no protocol,
    # not even a file, as the video's bytes are in memory.
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": "format_whitelist;mov,matroska,avi,mpegts,mpeg,asf,flv,ogg"
    "|protocol_whitelist;none"
    "|codec_whitelist;h264,hevc,vp8,vp9,mpeg4,msmpeg4v3,msmpeg4v2,mpeg2video,mpeg1video,mjpeg,h263,"
    "h263p,wmv1,wmv2,wmv3,vc1,theora,flv,dvvideo,prores",
    "OPENCV_FFMPEG_THREADS": "1",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_LOG_LEVEL": "SILENT",
}
DEVICE_VARIABLES = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_PATH", "CUDA_HOME")
"""What the process that embeds on an accelerator gets of the parent's environment, to find it."""
PHOTOS, VIDEOS = "countenance.faces.worker", "countenance.faces.video_worker"
EMBEDDING = "countenance.faces.embedding_worker"
TICK = 1.0
"""Seconds after which whoever waits for a video is asked whether to go on."""
ERRORS: dict[str, type[CountenanceError]] = {
    error.code: error
    for error in (ImageRejected, ModelCardInvalid, ModelFileChanged, VideoRejected)
}


class WorkerDied(Exception):
    """The worker ended, or did not answer in time."""

    def __init__(self, reason: str) -> None:
        """Keep the reason, which ends the sentence "The photo ...".."""
        super().__init__(reason)
        self.reason = reason


class WorkerProcess:
    """A running worker. Used by one thread at a time."""

    def __init__(
        self,
        detector: ReadyModel | None,
        embedder: ReadyModel | None,
        *,
        limits: Limits,
        flip: bool,
        video: VideoLimits | None = None,
        devices: Sequence[str] = (),
    ) -> None:
        """Start the process and wait until its models are open.

        Args:
            detector: the models' files; None for a worker that only takes a frame out of a video.
            embedder: likewise.
            limits: what one photo may cost.
            flip: average each template with that of the mirrored face.
            video: what a video may cost; the worker then reads one video, and no photo.
            devices: accelerators to try; the worker then only embeds, on the first that can be used.

        Raises:
            ModelFileChanged, ModelCardInvalid: a model cannot be used.
            WorkerUnavailable: the process cannot be started.
        """
        module, environment, seconds = _program(video, devices)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                env=environment,
                # Ctrl-C is for the engine, which then closes its workers.
                start_new_session=True,
            )
        except OSError as error:
            raise WorkerUnavailable from error
        if self._process.stdin is None or self._process.stdout is None:
            raise WorkerUnavailable
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        greeting = {
            "detector": None if detector is None else _model(detector),
            "embedder": None if embedder is None else _model(embedder),
            "limits": limits.to_dict(),
            "flip": flip,
            "video": None if video is None else video.to_dict(),
            "devices": known.described(devices),
            "batch": known.TOGETHER,
        }
        self.ready = self._greet(greeting, seconds)

    def _greet(self, greeting: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Return what the worker says once its models are open."""
        try:
            reply = self.ask(greeting, seconds)
        except WorkerDied as error:
            msg = f"The photo worker could not be started: it {error.reason}."
            raise WorkerUnavailable(msg) from error
        if "error" in reply:
            self.end()
            raise error_of(reply)
        return reply

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    def ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Return the reply to a message. After an exception the worker is ended.

        Raises:
            WorkerDied: it crashed, hung, or answered nonsense.
        """
        deadline = time.monotonic() + seconds
        with self._ended_on_error():
            self._send(wire.pack(message), deadline)
            return self._reply(deadline)

    def watch(
        self, message: dict[str, Any], data: bytes, seconds: float, notify: Callable[[float], None]
    ) -> dict[str, Any]:
        """Return the reply to a message that is followed by bare bytes. After an exception it is ended.

        Args:
            message: what to do.
            data: sent as they are, so that they are not in memory twice.
            seconds: of wall time, in all.
            notify: called with the share that is done, and at least every `TICK`; what it raises ends
                the worker, at once.

        Raises:
            WorkerDied: it crashed, hung, or answered nonsense.
        """
        deadline = time.monotonic() + seconds
        done = 0.0
        with self._ended_on_error():
            self._send(wire.pack(message), deadline)
            self._send(data, deadline)
            while True:
                if not self._speaks(deadline):
                    notify(done)
                    continue
                reply = self._reply(deadline)
                if "progress" not in reply:
                    return reply
                done = _share(reply["progress"])
                notify(done)

    @contextmanager
    def _ended_on_error(self) -> Iterator[None]:
        try:
            yield
        except wire.BadFrame as error:
            self.end()
            msg = "made its worker answer nonsense"
            raise WorkerDied(msg) from error
        except BaseException:
            # Also on Ctrl-C: a worker with half a frame in its pipe is of no more use.
            self.end()
            raise

    def _reply(self, deadline: float) -> dict[str, Any]:
        length = wire.reply_length(self._receive(wire.LENGTH.size, deadline))
        return wire.unpack(bytes(self._receive(length, deadline)))

    def _speaks(self, deadline: float) -> bool:
        """Say whether the worker says something within a tick."""
        poll = select.poll()
        poll.register(self._from, select.POLLIN)
        left = deadline - time.monotonic()
        # Past the deadline the wait for the reply says so.
        return left <= 0 or bool(poll.poll(min(left, TICK) * 1000))

    def end(self) -> None:
        """End the process, now, and take its last breath."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def _send(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            self._wait(self._to, select.POLLOUT, deadline)
            try:
                view = view[os.write(self._to, view[:CHUNK]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError as error:
                raise self._death() from error

    def _receive(self, length: int, deadline: float) -> bytearray:
        data = bytearray()
        while len(data) < length:
            self._wait(self._from, select.POLLIN, deadline)
            try:
                chunk = os.read(self._from, min(CHUNK, length - len(data)))
            except BlockingIOError:
                continue
            if not chunk:
                raise self._death()
            data += chunk
        return data

    def _wait(self, handle: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(handle, event)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            msg = "took longer than is allowed"
            raise WorkerDied(msg)

    def _death(self) -> WorkerDied:
        """Return how the process ended, in words."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = 0
        return WorkerDied(f"crashed its worker (code {code})")


def _program(
    video: VideoLimits | None, devices: Sequence[str]
) -> tuple[str, dict[str, str], float]:
    """Return which program a worker runs, its environment, and how many seconds it may take to start."""
    if video is not None:
        return VIDEOS, VIDEO_ENVIRONMENT, START_SECONDS
    if not devices:
        return PHOTOS, ENVIRONMENT, START_SECONDS
    passed = {name: os.environ[name] for name in DEVICE_VARIABLES if name in os.environ}
    return EMBEDDING, ENVIRONMENT | passed, DEVICE_START_SECONDS


def error_of(reply: dict[str, Any]) -> CountenanceError:
    """Return the error in a reply; only such as a worker may raise."""
    kind = ERRORS.get(str(reply.get("error")), ImageRejected)
    return kind(str(reply.get("detail"))[:500])


def _share(value: object) -> float:
    """Return how much is done, as a worker says it.

    Raises:
        BadFrame: it is no share.
    """
    if not isinstance(value, float) or not 0 <= value <= 1:
        raise wire.BadFrame
    return value


def _model(model: ReadyModel) -> dict[str, str | bytes]:
    return {"card": model.source, "path": str(model.path.absolute()), "sha256": model.sha256}
