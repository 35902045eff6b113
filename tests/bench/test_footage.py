"""A video of a few minutes, added to a case and looked through: time, memory, groups, progress, and how soon it stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from bench.home import Deployment
from bench.report import Results, Table
from PIL import Image

WIDTH, HEIGHT, RATE = 1280, 720, 25
PEOPLE = 6
SCENE = 20.0
"""Seconds for which the same two people are seen."""
ALONE = 2.0
"""Seconds between two scenes for which nobody is seen."""
HEAD = 300
LENGTHS = (30.0, 240.0)
EVERY = 0.05
MOST_OF_A_WORKER = 700e6
STOPS_WITHIN = 2.0
STEPS = 20
GROWTH = 1.3
COLUMNS = (
    "video",
    "add it, s",
    "look through it, s",
    "pictures looked at",
    "groups of people",
    "steps of progress",
    "its worker at most, MB",
    "the server grew by at most, MB",
)
NOTE = (
    f"MPEG-4, {WIDTH} x {HEIGHT} at {RATE} pictures a second; two of {PEOPLE} people move about at a time, and "
    f"others come every {SCENE:.0f} s. Resident memory, read every {EVERY} s; pages of libraries that "
    "processes share count in each."
)
PACKAGES = ("onnxruntime", "opencv-python-headless", "numpy", "django", "psycopg")

pytestmark = pytest.mark.timeout(1800)


@dataclass
class Run:
    """What was seen while a video was looked through.

    Attributes:
        worker, server: the most bytes that were resident; of the server, beyond what it had before.
        steps: the shares that were told, in order, each once.
    """

    worker: int = 0
    server: int = 0
    seconds: float = 0.0
    steps: list[float] = field(default_factory=list)


def in_view(seconds: float) -> tuple[int, int]:
    """Return who is seen on the left and on the right."""
    scene = int(seconds // SCENE)
    return scene % PEOPLE, (scene + 1 + scene // PEOPLE) % PEOPLE


def heads(shared: Path) -> list[np.ndarray]:
    """Return a picture of each person."""
    folders = sorted(one for one in (shared / "frl-london-512").iterdir() if one.is_dir())
    made = []
    for folder in folders[:: len(folders) // PEOPLE][:PEOPLE]:
        with Image.open(min(folder.glob("*.jpg"))) as photo:
            picture = np.asarray(photo.convert("RGB").resize((HEAD, HEAD)))[:, :, ::-1]
        made.append(np.ascontiguousarray(picture))
    return made


def video(path: Path, pictures: list[np.ndarray], seconds: float) -> bytes:
    """Return an MPEG-4 video in which two people at a time move about."""
    random = np.random.default_rng(5)
    small = random.integers(40, 160, (9, 16, 3), dtype=np.uint8)
    wall = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), RATE, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for number in range(round(seconds * RATE)):
        at = number / RATE
        frame = wall.copy()
        for side, person in enumerate(in_view(at) if at % SCENE >= ALONE else ()):
            x = side * WIDTH // 2 + round(160 + 140 * np.sin(at / 2 + side))
            y = round(200 + 150 * np.sin(at / 3 + 2 * side))
            light = 1 + 0.15 * np.sin(at + person)
            frame[y : y + HEAD, x : x + HEAD] = np.clip(pictures[person] * light, 0, 255)
        writer.write(frame)
    writer.release()
    return path.read_bytes()


def person_of(sighting: dict[str, Any]) -> int:
    """Return who is seen there, by where and when."""
    x, _, width, _ = sighting["box"]
    return in_view(sighting["place"]["seconds"])[int(x + width / 2 >= WIDTH / 2)]


def watched(work: Callable[[], None], share: Callable[[], float | None], run: Run) -> None:
    """Do the work in a thread, as the queue does, and note memory and progress until it ends."""
    from django.db import connection

    def to_the_end() -> None:
        try:
            work()
        finally:
            connection.close()

    me = psutil.Process()
    before, thread = me.memory_info().rss, threading.Thread(target=to_the_end)
    begun = time.monotonic()
    thread.start()
    while thread.is_alive():
        run.server = max(run.server, me.memory_info().rss - before)
        run.worker = max([run.worker, *(size for size in workers(me))])
        done = share()
        if done is not None and run.steps[-1:] != [done]:
            run.steps.append(done)
        time.sleep(EVERY)
    run.seconds = time.monotonic() - begun
    thread.join()


def workers(me: psutil.Process) -> list[int]:
    """Return the resident bytes of each worker that reads a video."""
    sizes = []
    for one in me.children(recursive=True):
        try:
            if "countenance.faces.video_worker" in " ".join(one.cmdline()):
                sizes.append(one.memory_info().rss)
        except psutil.NoSuchProcess:
            continue
    return sizes


def looked_through(home: Deployment, case: Any, data: bytes) -> tuple[Any, float, Run]:
    """Return a video that was added and looked through, how long adding it took, and what was seen."""
    from countenance.apps.searches import footage
    from countenance.apps.searches.footage_rows import Footage, FootageState

    begun = time.monotonic()
    one = footage.add_footage(
        home.actor, case=case, upload=data, file_name="bench.mp4", tools=home.tools
    )
    added, run = time.monotonic() - begun, Run()
    watched(
        lambda: footage.look_through(home.actor, footage=one, tools=home.tools),
        lambda: footage.progress_of(one),
        run,
    )
    one = Footage.objects.get(pk=one.pk)
    assert one.state == FootageState.DONE, one.found
    assert run.steps == sorted(run.steps)
    assert len(run.steps) >= STEPS
    return one.found, added, run


def check_groups(groups: list[dict[str, Any]], seconds: float) -> int:
    """Check that everybody is in a group and no group holds two, and return how many people are seen."""
    seen = [{person_of(best) for best in group["best"]} for group in groups]
    assert all(len(people) == 1 for people in seen), "a group holds two people"
    shown = {person for at in range(int(seconds)) for person in in_view(at)}
    assert set().union(*seen) == shown
    return len(shown)


def test_a_video_of_minutes_is_looked_through_in_bounded_memory(
    home: Deployment, shared_data: Path, tmp_path: Path, results: Results
) -> None:
    import factories

    pictures, case = heads(shared_data), factories.make_case(home, "26-0700")
    rows, runs = [], []
    for seconds in LENGTHS:
        data = video(tmp_path / f"{seconds:.0f}.mp4", pictures, seconds)
        found, added, run = looked_through(home, case, data)
        people = check_groups(found["groups"], seconds)
        runs.append(run)
        rows.append(
            (
                f"{seconds:.0f} s, {len(data) / 1e6:.0f} MB",
                f"{added:.2f}",
                f"{run.seconds:.1f}",
                str(found["looked_at"]),
                f"{len(found['groups'])} of {people}",
                str(len(run.steps)),
                f"{run.worker / 1e6:.0f}",
                f"{run.server / 1e6:.0f}",
            )
        )
    assert runs[-1].worker < MOST_OF_A_WORKER
    assert runs[-1].worker < GROWTH * runs[0].worker + len(data)
    results.add("video", Table("Looking through a video", COLUMNS, rows, NOTE), packages=PACKAGES)


def test_stopping_it_ends_the_work_within_a_second_or_two(
    home: Deployment, shared_data: Path, tmp_path: Path, results: Results
) -> None:
    import factories

    from countenance.apps.searches import footage
    from countenance.apps.searches.footage_rows import Footage, FootageState

    data = video(tmp_path / "stop.mp4", heads(shared_data), LENGTHS[0] * 2)
    case = factories.make_case(home, "26-0701")
    took, gone = [], []
    for at in (0.1, 0.3, 0.5):
        one = footage.add_footage(
            home.actor, case=case, upload=data, file_name="stop.mp4", tools=home.tools
        )
        asked: list[float] = []

        def stop_at(one: Footage = one, at: float = at, asked: list[float] = asked) -> float | None:
            done = footage.progress_of(one)
            if not asked and done is not None and done >= at:
                asked.append(time.monotonic())
                footage.cancel_footage(home.actor, footage=one, tools=home.tools)
            return done

        watched(
            lambda one=one: footage.look_through(home.actor, footage=one, tools=home.tools),
            stop_at,
            Run(),
        )
        took.append(time.monotonic() - asked[0])
        gone.append(not workers(psutil.Process()))
        kept = Footage.objects.get(pk=one.pk)
        assert (kept.state, kept.found, kept.crops) == (FootageState.CANCELLED, None, None)
    assert max(took) <= STOPS_WITHIN
    assert all(gone)
    results.add(
        "video",
        Table(
            "Stopping it",
            ("stopped at", "until its worker is gone, s"),
            [(f"{at:.0%}", f"{one:.2f}") for at, one in zip((0.1, 0.3, 0.5), took, strict=True)],
            f"From asking for it to the end of the worker, of a video of {2 * LENGTHS[0]:.0f} s.",
        ),
        packages=PACKAGES,
    )
