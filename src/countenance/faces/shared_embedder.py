"""The one embedder on an accelerator, which all photos share: what comes at the same time runs at once.

While a run is under way, more photos come; whoever is next takes all of them along. So nobody waits for
company, and batches are as large as the work that there is.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from countenance.errors import WorkerUnavailable
from countenance.faces import devices, wire
from countenance.faces.process import WorkerDied, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from countenance.faces.devices import Choice
    from countenance.faces.limits import Limits
    from countenance.faces.zoo import ReadyModel

MOST_FAILURES = 3
"""After so many photos in a row that an accelerator failed on, it is not used any more."""


@dataclass(slots=True, eq=False)
class _Asked:
    """The faces of one photo, and their templates once they are made."""

    faces: Sequence[bytes]
    templates: list[bytes] | None = None
    done: bool = False


class SharedEmbedder:
    """Decides whether an accelerator is used, and embeds on it. Any number of threads may use one."""

    def __init__(self, embedder: ReadyModel, *, flip: bool, device: str, limits: Limits) -> None:
        """Take a checked model and the setting; nothing is started yet.

        Args:
            embedder: the model.
            flip: average each template with that of the mirrored face.
            device: `auto`, `cpu`, or a name in `devices.ACCELERATORS`.
            limits: of which `seconds` is how long one run may take.
        """
        self._embedder, self._flip, self._device, self._limits = embedder, flip, device, limits
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._waiting: deque[_Asked] = deque()
        self._choice: Choice | None = None
        self._process: WorkerProcess | None = None
        self._failures = 0
        self._closed = False

    def choice(self, offered: Callable[[], Sequence[str]]) -> Choice:
        """Return what makes templates, trying the accelerators at the first call.

        Args:
            offered: returns the execution providers that the installed ONNX Runtime has.
        """
        if self._choice is None:
            with self._turn:
                if self._choice is None:
                    self._choice = self._choose(offered)
        return self._choice

    def embed(self, faces: Sequence[bytes]) -> list[bytes] | None:
        """Return a template for each aligned face; None if the accelerator failed on them.

        What it failed on is to be embedded on the CPU: no photo is lost to a device.

        Args:
            faces: pixels, as the embedder takes them, of one photo.
        """
        asked = _Asked(faces)
        with self._lock:
            self._waiting.append(asked)
        with self._turn:
            while not asked.done:
                self._serve(self._next())
        return asked.templates

    def close(self) -> None:
        """End the process, after the run that is under way."""
        with self._turn:
            self._closed = True
            self._end()

    def _choose(self, offered: Callable[[], Sequence[str]]) -> Choice:
        names: Sequence[str] = ()
        if self._device != devices.CPU:
            names = devices.candidates(self._device, offered())
        return self._opened(names) if names else devices.no_accelerator(self._device)

    def _opened(self, names: Sequence[str]) -> Choice:
        """Start the process on the first of these accelerators that can be used."""
        try:
            process = WorkerProcess(
                None, self._embedder, limits=self._limits, flip=self._flip, devices=names
            )
        except WorkerUnavailable as error:
            # A driver may end the process that opens it.
            why = f"no accelerator can be used ({', '.join(names)}: {error.detail})"
            return devices.Choice(why=why, fell_back=True)
        choice = devices.to_choice(process.ready, names)
        if choice.accelerated:
            self._process = process
        else:
            process.end()
        return choice

    def _next(self) -> list[_Asked]:
        """Return the photos of the next run: the first that waits, and all that fit in beside it."""
        taken: list[_Asked] = []
        count = 0
        with self._lock:
            while self._waiting:
                count += len(self._waiting[0].faces)
                if taken and count > devices.TOGETHER:
                    break
                taken.append(self._waiting.popleft())
        return taken

    def _serve(self, together: Sequence[_Asked]) -> None:
        """Embed these photos in one run; if it fails, each alone, so that one costs no other."""
        try:
            templates = self._run([face for one in together for face in one.faces])
            if templates is None and len(together) > 1:
                for one in together:
                    self._serve([one])
                return
            self._count(failed=templates is None)
            made = iter(templates or ())
            for one in together if templates else ():
                one.templates = [next(made) for _ in one.faces]
        finally:
            # Also on Ctrl-C: nobody may wait for what does not come.
            for one in together:
                one.done = True

    def _run(self, faces: Sequence[bytes]) -> list[bytes] | None:
        """Return the templates that the process makes; None if it did not, and then it is ended."""
        if self._process is None and not self._restarted():
            return None
        if self._process is None:
            return None
        try:
            reply = self._process.ask({"faces": b"".join(faces)}, self._limits.seconds)
            return wire.to_templates(reply, len(faces), self._embedder.card.dimensions)
        except (WorkerDied, wire.BadFrame):
            self._end()
            return None
        except BaseException:
            self._end()
            raise

    def _restarted(self) -> bool:
        """Start the process anew after a failure; whether it could be."""
        if self._closed or self._choice is None or not self._choice.accelerated:
            return False
        again = self._opened([self._choice.device])
        if not again.accelerated:
            self._choice = again
        return again.accelerated

    def _count(self, *, failed: bool) -> None:
        """Count the photos in a row that the accelerator failed on, and give it up after some."""
        self._failures = self._failures + 1 if failed else 0
        if (
            self._failures >= MOST_FAILURES
            and self._choice is not None
            and self._choice.accelerated
        ):
            why = f"{self._choice.device} failed on {self._failures} photos in a row, and is used again after a restart"
            self._choice = devices.Choice(why=why, fell_back=True)
            self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None
