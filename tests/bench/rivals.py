"""Two processes of a pipeline, one per core, that are told which photos to embed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent / "peers"


@dataclass
class Work:
    """What was done so far, of which `seconds` and `cpu` are sums over all turns."""

    photos: int = 0
    faces: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    peaks: list[float] = field(default_factory=list)

    def add(self, *, photos: int, faces: int, seconds: float, cpu: float) -> None:
        """Add one turn."""
        self.photos += photos
        self.faces += faces
        self.seconds += seconds
        self.cpu += cpu

    @property
    def rate(self) -> float:
        """Return photos per second."""
        return self.photos / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Return CPU milliseconds per photo, of all processes together."""
        return self.cpu / self.photos * 1e3


class Rival:
    """The processes of one script."""

    def __init__(self, python: Path, script: str, warm_up: Path, env: dict[str, str]) -> None:
        """Start one process per core and wait until their models are open."""
        self.work = Work()
        self._processes = [
            subprocess.Popen(
                [str(python), str(SCRIPTS / script), str(core), str(warm_up)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if script != "bare.py" else None,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", **env},
            )
            for core in range(len(os.sched_getaffinity(0)))
        ]
        for process in self._processes:
            _answer(process)

    def turn(self, paths: Sequence[Path]) -> None:
        """Embed these photos, shared out between the processes one by one."""
        start = time.perf_counter()
        count = len(self._processes)
        for number, process in enumerate(self._processes):
            process.stdin.write(json.dumps([str(path) for path in paths[number::count]]) + "\n")
            process.stdin.flush()
        answers = [_answer(process) for process in self._processes]
        self.work.add(
            photos=len(paths),
            faces=sum(one["faces"] for one in answers),
            seconds=time.perf_counter() - start,
            cpu=sum(one["cpu"] for one in answers),
        )
        self.work.peaks = [one["peak"] for one in answers]

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.kill()
            process.communicate()


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    line = process.stdout.readline()
    if not line:
        why = process.stderr.read() if process.stderr else ""
        raise RuntimeError(f"A rival ended: {why[-400:]}")
    answer: dict[str, Any] = json.loads(line)
    return answer


def bare(warm_up: Path, models: Path) -> Rival:
    """Start the stages of `countenance.faces` alone."""
    return Rival(Path(sys.executable), "bare.py", warm_up, {"BENCH_MODELS": str(models)})


def peers_folder() -> Path | None:
    """Return where the peers' virtual environments are, if anybody said so."""
    named = os.environ.get("COUNTENANCE_BENCH_PEERS")
    return Path(named) if named else None


def peer(name: str, warm_up: Path, env: dict[str, str]) -> Rival:
    """Start a peer from its virtual environment.

    Raises:
        LookupError: it is not installed.
        RuntimeError: it does not start.
    """
    folder = peers_folder()
    python = folder / name / "bin" / "python" if folder else None
    if python is None or not python.exists():
        raise LookupError("not installed; see `tests/bench/peers/README.md`")
    return Rival(python, f"{name}_peer.py", warm_up, env)
