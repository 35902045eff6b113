"""What one photo may cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

MEGA = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one photo may cost before it is rejected.

    Attributes:
        file_bytes: size of the file.
        jpeg_pixels: pixels of a JPEG, which is decoded at a smaller scale if it is large.
        pixels: pixels of any other format.
        side: pixels of the longer side.
        min_side: pixels of the shorter side; nothing smaller can hold a face.
        faces: the largest that are kept, so that a crowd has an end.
        seconds: wall time, after which the worker is stopped.
        memory: bytes of address space of a worker; what is needed beyond costs the photo.
    """

    file_bytes: int = 64 * MEGA
    jpeg_pixels: int = 100 * MEGA
    pixels: int = 50 * MEGA
    side: int = 30_000
    min_side: int = 16
    faces: int = 256
    seconds: float = 30.0
    memory: int = 2048 * MEGA

    def to_dict(self) -> dict[str, float]:
        """Return the limits as plain numbers, for a frame."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, float]) -> Limits:
        """Return the limits in a frame."""
        known = {field.name for field in fields(cls)}
        kept = {key: value for key, value in values.items() if key in known}
        return cls(**{k: v if k == "seconds" else int(v) for k, v in kept.items()})  # type: ignore[arg-type]
