"""What services are given: the engine, the keys, the stores and the clock, all behind one object."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, Self
from uuid import UUID

from countenance.errors import ClockWrong, Unavailable
from countenance.policy import Actor, Deed, Role, may

if TYPE_CHECKING:
    from countenance.faces.reel import Place, Reel
    from countenance.faces.types import Analysis
    from countenance.index.milvus import Connection
    from countenance.index.shelf import Shelf
    from countenance.sealing.keyring import Keyring
    from countenance.sealing.store import ObjectStore


class PhotoEngine(Protocol):
    """Photo bytes to faces and templates. `faces.Engine` is the real one, `testing.FakeEngine` a fake."""

    @property
    def model(self) -> str:
        """Return the id that every template of this engine carries."""

    @property
    def dimensions(self) -> int:
        """Return the length of a template."""

    def analyse(self, data: bytes, *, only: int | None = None, templates: bool = True) -> Analysis:
        """Decode, detect, judge, align and embed one photo, in a worker process.

        Args:
            data: the photo's bytes.
            only: make a template of this face only (numbered as in `Analysis.faces`, from 0).
            templates: False detects and judges only, so that no template of a bystander is made.

        Raises:
            ImageRejected: not a photo, or over a limit, or the worker died of it.
        """

    def analyse_part(
        self, data: bytes, *, box: tuple[float, float, float, float], templates: bool = True
    ) -> Analysis:
        """Look for one face in a box that somebody drew around it: enlarged, padded, and turned.

        Args:
            data: the photo's bytes.
            box: x, y, width and height in pixels of the upright photo.
            templates: as in `analyse`.

        Returns:
            One face, or none: without landmarks that were found there is no face, and no template.

        Raises:
            ImageRejected: as `analyse`.
        """

    def analyse_many(
        self, photos: Iterable[tuple[object, bytes]]
    ) -> Iterator[tuple[object, Analysis | Exception]]:
        """Analyse photos on all cores; yield (tag, analysis or error) as each is done, in any order."""

    def render(
        self,
        data: bytes,
        *,
        long_side: int,
        blur: Iterable[tuple[float, float, float, float]] = (),
        keep: tuple[float, float, float, float] | None = None,
    ) -> bytes:
        """Return the photo as an upright, metadata-free JPEG, at most `long_side` px.

        The boxes in `blur` are blurred beyond repair, in pixels of the upright photo; what lies in `keep`
        is not, because it is the face that is looked at.
        """

    def lay(
        self,
        data: bytes,
        *,
        to_photo: Sequence[float],
        size: tuple[int, int],
        long_side: int,
        blur: Iterable[tuple[float, float, float, float]] = (),
        keep: tuple[float, float, float, float] | None = None,
    ) -> bytes:
        """Return the photo turned, scaled and shifted onto a canvas, as a metadata-free JPEG.

        Args:
            data: the photo's bytes.
            to_photo: where in the upright photo each point of the canvas lies: a, b, c, d, e, f as in SVG,
                in pixels counted from the corner of the first one. What lies outside is grey.
            size: width and height of the canvas.
            long_side: so many pixels of the photo's longer side are enough for it.
            blur: boxes in pixels of the upright photo that are blurred beyond repair.
            keep: as in `render`.

        Raises:
            ImageRejected: not a photo.
        """

    def cut(
        self,
        data: bytes,
        *,
        box: tuple[int, int, int, int] | None = None,
        quarter_turns: int = 0,
        brightness: int = 0,
        contrast: int = 0,
    ) -> bytes:
        """Return a part of the upright photo, turned clockwise by quarters, without loss or metadata.

        Pixels are left out or moved, or all go through one curve; none is made: nothing is sharpened,
        filled in or enlarged.

        Args:
            data: the photo's bytes.
            box: x, y, width and height in pixels of the upright photo; None keeps all of it.
            quarter_turns: how far to turn what is left, 0 to 3.
            brightness: steps of a gamma curve over the whole photo, up or down.
            contrast: steps of a curve that is steeper or flatter in the middle.

        Raises:
            ImageRejected: not a photo, or the box lies outside of it.
        """

    def irises(
        self, data: bytes, *, landmarks: Sequence[Sequence[float]]
    ) -> tuple[tuple[float, float], ...]:
        """Return a face's landmarks with both eyes moved to the middles of their irises.

        For looking only: photos that are laid over each other by these lie on each other more exactly.
        Where no iris can be told, the landmarks are returned as they are.

        Args:
            data: the photo's bytes.
            landmarks: five points in pixels of the upright photo, as `Face` has them.

        Raises:
            ImageRejected: not a photo.
        """

    def look_through(self, data: bytes, *, notify: Callable[[float], None]) -> Reel:
        """Return who is seen in a video, grouped, with the pictures in which each is seen best.

        A worker of its own decodes it, and ends with it. No template leaves the worker.

        Args:
            data: the video's bytes.
            notify: called with the share that is done, and at least every second or so; what it raises
                stops the work at once.

        Raises:
            VideoRejected: not a video, or over a limit, or the worker died of it.
        """

    def frame_of(self, data: bytes, place: Place) -> bytes:
        """Return the very picture of a video that `look_through` saw at a place, as a PNG.

        Raises:
            VideoRejected: not a video, or it has no such picture.
        """

    def close(self) -> None:
        """Stop the workers."""


class Jobs(Protocol):
    """Work to be done later by the serving process; it survives a restart."""

    def enrol(self, run: UUID) -> None:
        """Carry out an enrolment whose photos were uploaded."""

    def look_through(self, footage: UUID) -> None:
        """Look through a video that was added to a case."""

    def evaluate(self, gallery: UUID, person: UUID) -> None:
        """Measure a gallery with its own photos, for this person."""

    def evaluating(self, gallery: UUID) -> str:
        """Return "running" while a gallery is measured or waits for it, "failed" if it could not be, else nothing."""


class NoJobs:
    """For processes that do not serve: there is nobody to hand work to."""

    def enrol(self, run: UUID) -> None:
        """Refuse.

        Raises:
            Unavailable: always.
        """
        raise Unavailable(f"Enrolment {run} needs `countenance serve` to carry it out.")

    def look_through(self, footage: UUID) -> None:
        """Refuse.

        Raises:
            Unavailable: always.
        """
        raise Unavailable(f"Video {footage} needs `countenance serve` to be looked through.")

    def evaluate(self, gallery: UUID, person: UUID) -> None:  # noqa: ARG002 # as the protocol says
        """Refuse.

        Raises:
            Unavailable: always.
        """
        raise Unavailable(f"Measuring the gallery {gallery} needs `countenance serve`.")

    def evaluating(self, gallery: UUID) -> str:  # noqa: ARG002 # as the protocol says
        """Return nothing: no work is handed on here."""
        return ""


def utc_now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 # this is the clock


def _elapsed() -> float:
    """Return seconds that also count while the machine sleeps, where it can tell."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


MOST_BEHIND = timedelta(hours=1)
MOST_AHEAD = timedelta(days=1)
"""So far a clock may be corrected at once, backwards and forwards, without anything being refused."""


class LedgerClock:
    """The machine's clock, as long as it agrees with the ledger and with itself.

    Dates give power: a clock that is set back would revive what has ended, and one that leaps ahead would end
    and destroy what is still needed. So a clock far behind the ledger's last entry, or one that left what passes
    in this process, tells no time at all, and whatever needs the time refuses until it is right again.
    """

    def __init__(
        self,
        last: datetime | None,
        *,
        machine: Callable[[], datetime] = utc_now,
        elapsed: Callable[[], float] = _elapsed,
    ) -> None:
        """Start now.

        Args:
            last: when the ledger's last entry was made; None if it has none, or is not to be compared.
            machine: the machine's clock.
            elapsed: seconds since some moment, which nobody sets.
        """
        self._last, self._machine, self._elapsed = last, machine, elapsed
        self._origin = machine() - timedelta(seconds=elapsed())

    def __call__(self) -> datetime:
        """Return the present moment, and never one before the last entry that was there at the start.

        Raises:
            ClockWrong: the machine's clock cannot be right.
        """
        now = self._machine()
        if self._last is not None and now < self._last - MOST_BEHIND:
            raise ClockWrong(
                f"The machine's clock is behind the ledger's last entry, of {self._last:%d %B %Y, %H:%M} UTC, so "
                "nothing that depends on time is done. Set it right. If it was ahead when that entry was made, "
                "COUNTENANCE_TRUST_CLOCK lets the program go on."
            )
        leap = now - self._origin - timedelta(seconds=self._elapsed())
        if not -MOST_BEHIND <= leap <= MOST_AHEAD:
            raise ClockWrong(
                "The machine's clock has leapt since this program was started, so nothing that depends on time is "
                "done. Set it right; if it is, restart the program."
            )
        return now if self._last is None else max(now, self._last)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Everything a service may use besides the database."""

    engine: PhotoEngine
    keyring: Keyring
    store: ObjectStore
    shelf: Shelf
    clock: Callable[[], datetime] = field(default=utc_now)
    token_bytes: Callable[[int], bytes] = field(default=secrets.token_bytes)
    jobs: Jobs = field(default_factory=NoJobs)
    milvus: Connection | None = None
    recall: float = 0.999
    """The share of mates that every gallery's index must find, of those that exact search ranks first."""

    def of(self, actor: Actor) -> Self:
        """Return these tools with the keys of the actor's agency only; the custodian's open the platform's.

        Whoever may export disclosure bundles also signs with the deployment's key.

        Raises:
            KeyUnavailable: these are the tools of another agency already.
        """
        platform = Role.CUSTODIAN in actor.roles
        signs = may(actor, Deed.BUNDLE_EXPORT)
        keyring = self.keyring.only(actor.agency, platform=platform, signs=signs)
        return replace(self, keyring=keyring)
