"""Secrets to plant, and a search for them in any bytes, in every form that they may have taken."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import random
import unicodedata
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

V = TypeVar("V", str, bytes)
ANCHOR = 8
"""Bytes of a form by which it is looked for first."""

PIECE = 64 * 1024 * 1024
_MIXER = np.uint64(0x9E3779B97F4A7C15)
_TABLE_BITS = np.uint64(64 - 24)


@dataclass(frozen=True, slots=True)
class Plant:
    """One secret: what it is, and its value as it is given to the product."""

    kind: str
    value: str | bytes


class Garden:
    """Makes secrets that cannot occur by chance, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        """Begin with none; the seed decides which ones there will be."""
        # Random enough not to occur by chance, and the same again where something has to be found.
        self._random = random.Random(seed)  # noqa: S311 # no key is made of it
        self.plants: list[Plant] = []

    def text(self, kind: str, before: str = "", after: str = "") -> str:
        """Return a new secret text; every other one holds letters beyond ASCII."""
        letters = "bcdfghjklmnpqrstvwxz"
        core = "".join(
            self._random.choice(letters) + self._random.choice("aeiou") for _ in range(8)
        )
        core = (
            core[:7].capitalize() + ("ÿö" if len(self.plants) % 2 and not before else "") + core[7:]
        )
        self.plants.append(Plant(kind, core))
        return before + core + after

    def pins(self, kind: str) -> str:
        """Return new pins as a form holds them; the secret is their coordinates as they are written down."""
        places = [
            [self._random.randrange(1001, 3000, 2) / 1000 for _ in range(2)] for _ in range(3)
        ]
        pins = [[*place, 1, 1] for place in places]
        self.plants.append(Plant(kind, json.dumps(pins)[2:-2]))
        return json.dumps(pins)

    def bytes(self, kind: str, count: int = 48) -> bytes:
        """Return new secret bytes."""
        made = self._random.randbytes(count)
        self.plants.append(Plant(kind, made))
        return made

    def given(self, kind: str, value: V) -> V:
        """Take note of a secret that comes from elsewhere, such as a template."""
        self.plants.append(Plant(kind, value))
        return value


def forms(plant: Plant) -> set[bytes]:
    """Return every form of a secret that is looked for, in small letters."""
    value = plant.value
    found: set[bytes] = set()
    if isinstance(value, str):
        for text in {
            value,
            value.casefold(),
            value.upper(),
            value[::-1],
            unicodedata.normalize("NFD", value),
            unicodedata.normalize("NFKC", value).casefold(),
        }:
            found |= _forms_of_text(text)
    else:
        found |= _forms_of_bytes(value)
        if plant.kind.endswith("template"):
            found |= _forms_of_template(value)
    # The bytes that are searched are made small too, so that capitals do not matter.
    return {form.lower() for form in found if len(form) >= ANCHOR}


def _forms_of_text(text: str) -> set[bytes]:
    plain = text.encode()
    found = {plain, text.encode("utf-16-le"), text.encode("utf-16-be"), text.encode("utf-32-le")}
    found |= {plain.hex().encode(), *_base64(plain)}
    found |= {urllib.parse.quote(text).encode(), json.dumps(text)[1:-1].encode()}
    found |= {html.escape(text).encode(), text.encode("ascii", "xmlcharrefreplace")}
    found |= {text.encode("ascii", "backslashreplace"), repr(plain)[2:-1].encode()}
    with contextlib.suppress(UnicodeEncodeError):
        found.add(text.encode("latin-1"))
    return found


def _forms_of_bytes(value: bytes) -> set[bytes]:
    found = {value, value[::-1], *_base64(value), value.hex().encode()}
    for start in (0, len(value) // 2):
        piece = value[start : start + 16]
        found |= {piece, piece.hex().encode(), repr(piece)[2:-1].encode()}
    return found


def _forms_of_template(value: bytes) -> set[bytes]:
    numbers = np.frombuffer(value, dtype=np.float32)
    found = {numbers[:4].astype(np.float64).tobytes(), numbers[:8].astype(np.float16).tobytes()}
    found |= {numbers[:4].astype(">f4").tobytes()}
    for between in (", ", ",", " "):
        found.add(between.join(repr(float(number)) for number in numbers[:3]).encode())
        found.add(between.join(str(number) for number in numbers[:3]).encode())
    return found


def _base64(data: bytes) -> Iterator[bytes]:
    """Return what base64 text holds of some bytes wherever in the encoded data they begin."""
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(bytes(before) + data)
            first, last = (before * 8 + 5) // 6, (before + len(data)) * 8 // 6
            yield encoded[first:last]


class Scanner:
    """Finds plants in bytes: a table of the anchors' hashes first, then each one exactly."""

    def __init__(self, plants: Iterable[Plant]) -> None:
        """Take note of every form of these plants."""
        self.plants = list(plants)
        self._by_anchor: dict[bytes, list[tuple[bytes, int]]] = {}
        for number, plant in enumerate(self.plants):
            for form in forms(plant):
                self._by_anchor.setdefault(form[:ANCHOR], []).append((form, number))
        anchors = np.array([int.from_bytes(anchor, "little") for anchor in self._by_anchor], "<u8")
        self._table = np.zeros(1 << 24, dtype=bool)
        self._table[_mixed(anchors)] = True
        self.forms = sum(len(rest) for rest in self._by_anchor.values())
        self.longest = max(len(form) for rest in self._by_anchor.values() for form, _ in rest)

    def scan(self, data: bytes) -> set[int]:
        """Return the numbers of the plants that occur in some bytes."""
        found: set[int] = set()
        for start in range(0, len(data), PIECE):
            found |= self._scan(bytes(data[start : start + PIECE + self.longest]).lower())
        return found

    def _scan(self, data: bytes) -> set[int]:
        found: set[int] = set()
        for offset in range(ANCHOR):
            count = (len(data) - offset) // ANCHOR
            if count <= 0:
                break
            words = np.frombuffer(data, dtype="<u8", count=count, offset=offset)
            for position in np.flatnonzero(self._table[_mixed(words)]):
                at = offset + int(position) * ANCHOR
                for form, number in self._by_anchor.get(data[at : at + ANCHOR], ()):
                    if data.startswith(form, at):
                        found.add(number)
        return found


def _mixed(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
    with np.errstate(over="ignore"):
        return ((words * _MIXER) >> _TABLE_BITS).astype(np.intp)
