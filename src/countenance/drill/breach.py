"""The breach drill from its beginning to its end: two lives, every thief, the control, and what is told."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from countenance import __version__
from countenance.drill import channels, thieves
from countenance.drill.host import Run
from countenance.drill.life import Life
from countenance.drill.loot import Control, Loot, control_of
from countenance.drill.thieves import Thief

Notify = Callable[[str], None]

STEPS = 12
"""How often `notify` is told of a next step."""


@dataclass(frozen=True)
class Result:
    """What the drill found.

    Attributes:
        at: when it began.
        thieves: each thief, in the order of the threat table.
        control: what the same search found where nothing is sealed.
        planted: how many secrets were planted in the sealed deployment.
        signs: the seed of the key that signs the report: that of the drill's own deployment.
    """

    at: datetime
    thieves: tuple[Thief, ...]
    control: Control
    planted: int
    signs: bytes

    @property
    def passed(self) -> bool:
        """Say whether no thief found anything, and the control found what there was to find."""
        return self.control.passed and not any(thief.found for thief in self.thieves)

    def to_dict(self) -> dict[str, Any]:
        """Return it in JSON's own types."""
        return {
            "version": __version__,
            "at": self.at.isoformat(timespec="seconds"),
            "passed": self.passed,
            "planted": self.planted,
            "thieves": [thief.to_dict() for thief in self.thieves],
            "control": {
                "planted": self.control.planted,
                "found": self.control.found,
                "missed": self.control.missed,
            },
        }


class Drill:
    """One drill; to be closed, also when it is interrupted."""

    def __init__(self, sealed: Path, control: Path, run: Run) -> None:
        """Begin both deployments in empty folders; before any thread is started, because each is a fork.

        Args:
            sealed: where the deployment that is robbed is made.
            control: where the same one without its cipher is made.
            run: runs one command line and returns its exit code.
        """
        self._lives: list[Life] = []
        for folder, is_sealed in ((sealed, True), (control, False)):
            self._lives.append(Life(folder, run, sealed=is_sealed))

    def play(self, notify: Notify, *, at: datetime) -> Result:
        """Live both lives side by side, and let every thief try.

        Raises:
            Unavailable: the product did not do what it does every day, so nothing can be said.
        """
        sealed, unsealed = self._lives
        with ThreadPoolExecutor(1) as beside:
            controlled = beside.submit(_control, unsealed)
            try:
                sealed.live(notify)
                robbed = rob(sealed, notify)
            except BaseException:
                # The other life ends with its home, or its thread would be waited for.
                unsealed.home.stop()
                raise
            notify("the control is searched")
            control = controlled.result()
        loot, found = robbed
        return Result(
            at=at,
            thieves=tuple(found),
            control=control,
            planted=len(loot.plants),
            signs=sealed.signs,
        )

    def close(self) -> None:
        """End both deployments and their databases; what they left is removed with their folders."""
        for life in self._lives:
            life.home.stop()


def _control(life: Life) -> Control:
    """Live without a cipher, and return how much of what was planted the search finds."""
    life.live(lambda _: None)
    loot = Loot(life)
    loot.gather()
    life.home.stop()
    loot.gather_stopped()
    return control_of(loot)


def rob(life: Life, notify: Notify) -> tuple[Loot, list[Thief]]:
    """Let every thief try what one life left, which is stopped on the way."""
    loot = Loot(life)
    notify("the artefacts of the running deployment are searched")
    loot.gather()
    notify("keys and secrets are tried")
    locks = life.home.task("locks")
    unsealed_by = _as_passphrase(life)
    notify("rows are changed")
    changes = life.home.task("changes", life.older)
    read = channels.everything_read(life)
    notify("the web app is tried")
    by_key, by_token, by_bucket, shown = _come_in(life)
    notify("the powered-off disk is searched")
    life.home.stop()
    loot.gather_stopped()
    return loot, [
        *thieves.of_stored(loot),
        thieves.of_subsets(loot, locks),
        thieves.of_secrets(loot, locks, unsealed_by),
        thieves.of_credential(loot, read, changes, shown),
        thieves.of_channel(
            "Django's SECRET_KEY", "What the web app signs with.", by_key, could_change=[]
        ),
        thieves.of_channel(
            "a leaked API token",
            "Each person's token; to the web app, and on a stolen home that is not unsealed.",
            by_token,
            could_change=["what its person may do with it, on the unsealed machine, on the record"],
        ),
        thieves.of_channel(
            "access to the bucket",
            "Reading and writing the object store, while the web app serves.",
            by_bucket,
            could_change=["sealed objects taken away or spoilt: each is then shown as damaged"],
        ),
    ]


def _as_passphrase(life: Life) -> list[str]:
    """Try one secret of each kind that is text as the passphrase, and return the kinds that unsealed."""
    texts = {
        plant.kind: plant.value
        for plant in life.garden.plants
        if plant.kind in thieves.SECRETS and isinstance(plant.value, str)
    }
    opened = life.home.task("unseal_with", *texts.values())
    return [list(texts)[number] for number in opened]


def _come_in(
    life: Life,
) -> tuple[channels.Tried, channels.Tried, channels.Tried, channels.Tried]:
    """Come through the web app in every way there is."""
    forged = life.home.task("forgeries")
    with life.serving() as address:
        life.arrive(address)
        at = address.rstrip("/")
        by_key = channels.with_secret_key(at, forged)
        by_token = channels.with_token(life, at)
        by_bucket = channels.with_bucket(life)
        shown = channels.with_credential(life)
    channels.token_without_passphrase(life, by_token)
    return by_key, by_token, by_bucket, shown
