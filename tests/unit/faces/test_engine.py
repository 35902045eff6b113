"""The engine runs photos in workers that may die, and no photo costs another."""

import io
import itertools
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hostile import drawing, saved
from PIL import Image

from countenance.errors import ImageRejected, ModelFileChanged, WorkerUnavailable
from countenance.faces import Engine
from countenance.faces.engine import LOOK_AHEAD
from countenance.faces.limits import Limits
from countenance.faces.process import ENVIRONMENT
from countenance.tools import PhotoEngine

PHOTO = saved(drawing(), "JPEG")


def worker(engine):
    engine.warm_up()
    return next(place.worker for place in engine._places._free if place.worker)


def test_it_is_the_engine_that_services_are_given(engine):
    asked: PhotoEngine = engine
    assert asked.dimensions == 128
    for part in ("sface-2021dec", "yunet-2023mar", "640", "p1"):
        assert part in asked.model
    analysis = asked.analyse(PHOTO)
    assert (analysis.width, analysis.height, analysis.faces) == (320, 240, ())


def test_a_killed_worker_is_replaced(engine):
    process = worker(engine)
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(ImageRejected, match="crashed"):
        engine.analyse(PHOTO)
    assert engine.analyse(PHOTO).format == "JPEG"
    assert worker(engine).pid != process.pid


def test_a_hung_worker_costs_its_photo_only_its_time(models):
    with Engine.open(models, workers=1, limits=Limits(seconds=1.5)) as engine:
        engine.analyse(PHOTO)
        process = worker(engine)
        os.kill(process.pid, signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(ImageRejected, match="longer than is allowed"):
            engine.analyse(PHOTO)
        assert time.monotonic() - started < 10
        assert worker(engine).pid != process.pid


def test_a_photo_that_needs_too_much_memory_is_refused(models):
    large = saved(Image.new("RGB", (7000, 7000), "teal"), "PNG")
    with Engine.open(models, workers=1, limits=Limits(memory=500_000_000)) as engine:
        with pytest.raises(ImageRejected, match="more memory"):
            engine.analyse(large)
        assert engine.analyse(PHOTO).format == "JPEG"


def test_a_worker_has_no_secret_and_few_rights(engine, monkeypatch):
    folder = Path(f"/proc/{worker(engine).pid}")
    environment = (folder / "environ").read_bytes().split(b"\0")
    assert {item.split(b"=")[0].decode() for item in environment if item} <= {*ENVIRONMENT}
    limits = (folder / "limits").read_text(encoding="utf-8")
    for line in limits.splitlines():
        if line.startswith(("Max file size", "Max core file size")):
            assert line.split("size")[1].split()[:2] == ["0", "0"]
        if line.startswith("Max address space"):
            assert int(line.split()[3]) == Limits().memory


def test_a_worker_opens_no_socket_and_no_file(engine):
    engine.analyse(PHOTO)
    links = Path(f"/proc/{worker(engine).pid}/fd").iterdir()
    names = {str(link.readlink()) for link in links}
    assert {name for name in names if not name.startswith(("pipe:", "/dev/null"))} == set()


def test_many_photos_come_back_with_their_tags_and_their_errors(models):
    photos = [(number, b"text" if number % 5 == 0 else PHOTO) for number in range(20)]
    with Engine.open(models, workers=2) as engine:
        done = dict(engine.analyse_many(photos))
    assert sorted(done) == list(range(20))
    assert all(isinstance(done[n], ImageRejected) == (n % 5 == 0) for n in done)


def test_fewer_large_photos_are_held_than_small_ones(models, monkeypatch):
    monkeypatch.setattr("countenance.faces.engine.AHEAD_BYTES", 2 * len(PHOTO))
    taken = []
    with Engine.open(models, workers=1) as engine:
        results = engine.analyse_many((n, PHOTO) for n in range(10) if not taken.append(n))
        next(results)
        assert len(taken) == 2
        results.close()


def test_no_more_photos_are_taken_than_are_worked_on(models):
    taken = itertools.count()
    last = 0

    def endless():
        nonlocal last
        for last in taken:
            yield last, PHOTO

    with Engine.open(models, workers=2) as engine:
        results = engine.analyse_many(endless())
        for received in range(1, 30):
            next(results)
            assert last < received + LOOK_AHEAD * engine.workers
        results.close()
        assert engine.analyse(PHOTO).format == "JPEG"


def test_threads_share_the_workers(models):
    with Engine.open(models, workers=2) as engine, ThreadPoolExecutor(8) as threads:
        done = list(threads.map(engine.analyse, [PHOTO] * 24))
        assert len(done) == 24
        assert sum(place.worker is not None for place in engine._places._free) <= 2


def test_a_closed_engine_refuses_and_leaves_no_process(models):
    engine = Engine.open(models, workers=1)
    pid = worker(engine).pid
    engine.close()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(WorkerUnavailable):
        engine.analyse(PHOTO)


def test_closing_turns_waiting_threads_away(models):
    engine = Engine.open(models, workers=1)
    held = engine._places.take()
    failures = []

    def ask():
        try:
            engine.analyse(PHOTO)
        except WorkerUnavailable as error:
            failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not engine._places._waiting:
        time.sleep(0.01)
    engine.close()
    engine._places.give(held)
    thread.join(60)
    assert len(failures) == 1


def test_a_changed_model_file_refuses_the_start(models, tmp_path):
    for file in models.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    changed = next(tmp_path.glob("sface*"))
    data = bytearray(changed.read_bytes())
    data[1_000_000] ^= 1
    changed.write_bytes(data)
    with pytest.raises(ModelFileChanged):
        Engine.open(tmp_path)


def test_a_model_file_changed_after_the_start_is_not_opened(models, tmp_path):
    for file in models.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with Engine.open(tmp_path, workers=1) as engine:
        next(tmp_path.glob("yunet*")).write_bytes(b"other")
        with pytest.raises(ModelFileChanged):
            engine.analyse(PHOTO)


def test_rendered_photos_are_small_upright_and_bare(engine):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "someone's name"
    data = saved(drawing(400, 300), "JPEG", exif=exif, comment=b"someone's name")
    picture = engine.render(data, long_side=200)
    assert b"someone" not in picture
    decoded = Image.open(io.BytesIO(picture))
    assert decoded.size == (150, 200)
    assert not decoded.getexif()


def test_blurred_boxes_hold_nothing_of_what_was_there(engine):
    noise = np.random.default_rng(1).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    picture = engine.render(
        saved(Image.fromarray(noise), "PNG"), long_side=400, blur=[(100, 100, 80, 80)]
    )
    pixels = np.asarray(Image.open(io.BytesIO(picture))).astype(float)
    assert pixels[100:180, 100:180].std(axis=(0, 1)).max() < 12
    assert pixels[:80, :80].std(axis=(0, 1)).min() > 30
