"""What the people of a deployment share: their secrets, their desk, and what was granted to them."""

from __future__ import annotations

from pathlib import Path

from countenance.drill.crew import REASON, Member
from countenance.drill.plants import Garden
from countenance.testing import MARK, FakeEngine


class Town:
    """Everybody in a deployment, and where all that is secret of them is planted."""

    def __init__(self, desk: Path, *, seed: int) -> None:
        """Begin with nobody.

        Args:
            desk: the folder for files that people have, in clear; outside of the home.
            seed: decides which secrets there will be.
        """
        self.garden = Garden(seed)
        self.plant = self.garden.text
        self.desk = desk
        self.engine = FakeEngine()
        self.crew: dict[str, Member] = {}
        self.authorities: list[str] = []
        self.other = ""

    def reason(self, kind: str) -> str:
        """Return a new secret as a reason that is not vague."""
        return self.plant(kind, before=REASON)

    def photo(self, person: str, shot: int = 1, *, kind: str = "template") -> bytes:
        """Return a made-up photo with a secret in its middle; its template is one too."""
        made = FakeEngine.photo(person, shot=shot)
        at = made.index(MARK)
        self.garden.given(kind, self.engine.template(person, shot).vector.tobytes())
        return made[:at] + self.garden.bytes("photo") + made[at:]

    def file(self, kind: str, suffix: str, data: bytes) -> Path:
        """Write a file of a secret name on the desk and return where."""
        path = self.desk / self.plant(kind, after=suffix)
        path.write_bytes(data)
        return path
