"""The whole pipeline in one object: photo bytes in, faces and templates out, on all cores."""

from __future__ import annotations

import math
import os
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import chain
from typing import TYPE_CHECKING, Any

from countenance.errors import CountenanceError, ImageRejected
from countenance.faces import devices, wire
from countenance.faces.card import Kind
from countenance.faces.limits import Limits
from countenance.faces.places import Places
from countenance.faces.process import WorkerDied, WorkerProcess, error_of
from countenance.faces.shared_embedder import SharedEmbedder
from countenance.faces.watching import Watcher
from countenance.faces.zoo import ReadyModel, make_ready, model_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from countenance.faces.types import Analysis

    Box = tuple[float, float, float, float]

LOOK_AHEAD = 4
"""Photos in memory per worker in `analyse_many`: one in work, others waiting for it while the caller stores."""
AHEAD_BYTES = 64_000_000
"""From so many bytes in memory on, no more than two photos per worker are held."""


class Engine(Watcher):
    """Finds, judges and embeds faces, in worker processes that cost one photo when they die.

    ```python
    from pathlib import Path
    from countenance.faces import Engine

    with Engine.open(Path("models")) as engine:
        analysis = engine.analyse(Path("photo.jpg").read_bytes())
        for found in analysis.faces:
            print(found.face.box, found.quality.gate, found.template)
    ```

    Any number of threads may use one engine. Workers start when they are first needed.
    """

    def __init__(
        self,
        detector: ReadyModel,
        embedder: ReadyModel,
        *,
        workers: int,
        limits: Limits,
        flip: bool,
        device: str = devices.AUTO,
    ) -> None:
        """Take checked models; `Engine.open` is the way to get them."""
        self._detector, self._embedder = detector, embedder
        self._limits, self._flip = limits, flip
        self._model = model_id(detector, embedder, flip=flip)
        self._places = Places(workers)
        self._shared = SharedEmbedder(embedder, flip=flip, device=device, limits=limits)
        self.workers = workers

    @classmethod
    def open(
        cls,
        models: Path,
        *,
        workers: int | None = None,
        limits: Limits | None = None,
        detector: str | Path | None = None,
        embedder: str | Path | None = None,
        flip: bool = False,
        device: str = devices.AUTO,
    ) -> Self:
        """Return an engine whose model files were checked.

        Args:
            models: folder of this engine's model files; made if need be.
            workers: how many photos at a time; as many as there are cores if None.
            limits: what one photo may cost.
            detector: a card's path, or the name of a card in `models`; None for the default. See
                `docs/how-to/bring-your-own-model.md`.
            embedder: likewise.
            flip: average each template with that of the mirrored face; costs twice as much.
            device: where templates are made: `auto`, `cpu`, or a name in `devices.ACCELERATORS`. Which of
                them it is does not show in a template.

        Raises:
            ModelFileChanged: a model file is not the one that its card names.
            ModelCardInvalid: a card is wrong, or its model does not behave as it says.
        """
        engine = cls(
            make_ready(detector, Kind.DETECTOR, models),
            make_ready(embedder, Kind.EMBEDDER, models),
            workers=workers or len(os.sched_getaffinity(0)),
            limits=limits or Limits(),
            flip=flip,
            device=device,
        )
        if detector is not None or embedder is not None:
            # A card of someone's own is tried at once, so that its mistakes show here.
            engine.warm_up()
        return engine

    @property
    def model(self) -> str:
        """Return the id that every template of this engine carries."""
        return self._model

    @property
    def dimensions(self) -> int:
        """Return the length of a template."""
        return self._embedder.card.dimensions

    def warm_up(self) -> None:
        """Start one worker now, so that the first photo does not wait for it."""
        self._offered()

    def device(self) -> devices.Choice:
        """Return where templates are made and why; the first call tries the accelerators."""
        return self._shared.choice(self._offered)

    def _offered(self) -> list[str]:
        """Return the execution providers of the installed ONNX Runtime, as a worker says."""
        place = self._places.take()
        try:
            place.worker = place.worker or self._start()
            return [str(name) for name in place.worker.ready.get("providers", ())]
        finally:
            self._places.give(place)

    def analyse(self, data: bytes, *, only: int | None = None, templates: bool = True) -> Analysis:
        """Decode, detect, judge, align and embed one photo; see `tools.PhotoEngine`."""
        return self._analysis({"do": "analyse", "data": data, "only": only, "templates": templates})

    def analyse_part(self, data: bytes, *, box: Box, templates: bool = True) -> Analysis:
        """Look for one face where somebody marked it; see `tools.PhotoEngine`."""
        sides = [float(side) for side in box]
        return self._analysis(
            {"do": "analyse_part", "data": data, "box": sides, "templates": templates}
        )

    def _analysis(self, request: dict[str, Any]) -> Analysis:
        """Return the analysis that a worker makes, with templates from wherever they are made."""
        elsewhere = request["templates"] and self.device().accelerated
        reply = self._ask({**request, "embed": not elsewhere})
        try:
            if elsewhere and not self._embedded(reply["analysis"]):
                reply = self._ask({**request, "embed": True})
            return wire.to_analysis(
                reply["analysis"], model=self._model, dimensions=self.dimensions
            )
        except (wire.BadFrame, KeyError) as error:
            msg = "The photo made its worker answer nonsense."
            raise ImageRejected(msg) from error

    def _embedded(self, analysis: dict[str, Any]) -> bool:
        """Put templates into an analysis that has aligned faces; whether the accelerator made them."""
        waiting = wire.to_aligned(analysis, self._embedder.card.size)
        if not waiting:
            return True
        templates = self._shared.embed([pixels for _, pixels in waiting])
        for (face, _), template in zip(waiting, templates or (), strict=templates is not None):
            face["template"] = template
        return templates is not None

    def analyse_many(
        self, photos: Iterable[tuple[object, bytes]]
    ) -> Iterator[tuple[object, Analysis | Exception]]:
        """Analyse photos on all cores; yield (tag, analysis or error) as each is done.

        No more than `LOOK_AHEAD` photos per worker are taken from `photos` before a result is
        taken from here, and fewer if they are large, so memory stays the same over any number.
        """
        pending: dict[Future[Analysis], tuple[object, int]] = {}
        # Twice as many threads as workers: while half of them wait for an accelerator, workers go on.
        with ThreadPoolExecutor(2 * self.workers, "countenance-faces") as threads:
            try:
                for tag, data in photos:
                    pending[threads.submit(self.analyse, data)] = (tag, len(data))
                    while self._far_ahead(pending.values()):
                        yield from _finished(pending)
                while pending:
                    yield from _finished(pending)
            finally:
                for future in pending:
                    future.cancel()

    def _far_ahead(self, pending: Collection[tuple[object, int]]) -> bool:
        """Say whether a result has to be taken before the next photo."""
        large = sum(size for _, size in pending) >= AHEAD_BYTES
        return len(pending) >= (2 if large else LOOK_AHEAD) * self.workers

    def render(
        self, data: bytes, *, long_side: int, blur: Iterable[Box] = (), keep: Box | None = None
    ) -> bytes:
        """Return the photo as an upright, metadata-free JPEG; see `tools.PhotoEngine`."""
        return self._picture(
            {
                "do": "render",
                "data": data,
                "long_side": int(long_side),
                "blur": [[float(value) for value in box] for box in blur],
                "keep": None if keep is None else [float(value) for value in keep],
            }
        )

    def lay(
        self,
        data: bytes,
        *,
        to_photo: Sequence[float],
        size: tuple[int, int],
        long_side: int,
        blur: Iterable[Box] = (),
        keep: Box | None = None,
    ) -> bytes:
        """Return a photo laid on a canvas as a metadata-free JPEG; see `tools.PhotoEngine`."""
        return self._picture(
            {
                "do": "lay",
                "data": data,
                "to_photo": [float(value) for value in to_photo],
                "size": [int(side) for side in size],
                "long_side": int(long_side),
                "blur": [[float(value) for value in box] for box in blur],
                "keep": None if keep is None else [float(value) for value in keep],
            }
        )

    def cut(
        self,
        data: bytes,
        *,
        box: tuple[int, int, int, int] | None = None,
        quarter_turns: int = 0,
        brightness: int = 0,
        contrast: int = 0,
    ) -> bytes:
        """Return a part of the upright photo, turned or in another light; see `tools.PhotoEngine`."""
        sides = None if box is None else [int(side) for side in box]
        return self._picture(
            {
                "do": "cut",
                "data": data,
                "box": sides,
                "quarter_turns": int(quarter_turns) % 4,
                "brightness": int(brightness),
                "contrast": int(contrast),
            }
        )

    def irises(
        self, data: bytes, *, landmarks: Sequence[Sequence[float]]
    ) -> tuple[tuple[float, float], ...]:
        """Return a face's landmarks with the eyes moved to its irises; see `tools.PhotoEngine`."""
        given = [[float(x), float(y)] for x, y in landmarks]
        reply = self._ask({"do": "irises", "data": data, "landmarks": given})
        try:
            found = tuple((float(x), float(y)) for x, y in reply["landmarks"])
        except (KeyError, TypeError, ValueError) as error:
            msg = "The photo made its worker answer nonsense."
            raise ImageRejected(msg) from error
        if len(found) != len(given) or not all(map(math.isfinite, chain(*found))):
            msg = "The photo made its worker answer nonsense."
            raise ImageRejected(msg)
        return found

    def _picture(self, request: dict[str, Any]) -> bytes:
        """Return the picture that a worker makes."""
        picture = self._ask(request).get("picture")
        if not isinstance(picture, bytes):
            msg = "The photo made its worker answer nonsense."
            raise ImageRejected(msg)
        return picture

    def close(self) -> None:
        """End the workers. Photos in work are finished first; nothing is accepted afterwards."""
        self._places.close()
        self._shared.close()

    def __enter__(self) -> Self:
        """Return the engine itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the engine."""
        self.close()

    def _start(self) -> WorkerProcess:
        return WorkerProcess(self._detector, self._embedder, limits=self._limits, flip=self._flip)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return a worker's reply; the worker is replaced if it died or is spent."""
        if len(request["data"]) > self._limits.file_bytes:
            # The worker would say the same, but the bytes would have to be copied there first.
            most = self._limits.file_bytes / 1e6
            size = len(request["data"]) / 1e6
            msg = f"The file has {size:.0f} MB; at most {most:.0f} MB are read."
            raise ImageRejected(msg)
        place = self._places.take()
        try:
            if place.worker is None:
                place.worker = self._start()
            try:
                reply = place.worker.ask(request, self._limits.seconds)
            except BaseException as error:
                place.worker = None
                if isinstance(error, WorkerDied):
                    msg = f"The photo {error.reason}."
                    raise ImageRejected(msg) from error
                raise
            if reply.get("spent"):
                place.drop()
        finally:
            self._places.give(place)
        if "error" in reply:
            raise error_of(reply)
        return reply


def _finished(
    pending: dict[Future[Analysis], tuple[object, int]],
) -> Iterator[tuple[object, Analysis | Exception]]:
    """Yield what is done, waiting for at least one; take it out of `pending`."""
    done, _ = wait(pending, return_when=FIRST_COMPLETED)
    for future in done:
        tag, _ = pending.pop(future)
        error = future.exception()
        if error is None:
            yield tag, future.result()
        elif isinstance(error, CountenanceError):
            yield tag, error
        else:
            raise error
