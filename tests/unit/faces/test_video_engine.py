"""Videos in a worker of their own: grouped, bounded, stopped at once, and confined."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from contextlib import suppress

import cv2
import numpy as np
import psutil
import pytest
from clips import clip

from countenance.errors import VideoRejected
from countenance.faces import process
from countenance.faces.engine import Engine
from countenance.faces.reel import VideoLimits

FACE = 200
VP8_START = b"\x9d\x01\x2a"


def still(_):
    return {"red": (20, 20)}


def portraits_clip(folder, portraits, seconds, where) -> bytes:
    """Return a video in which portraits move; `where` says from the second which is where."""
    faces = [cv2.resize(cv2.imread(str(path)), (FACE, FACE)) for path in portraits]
    path = folder / "portraits.mp4"
    rate, size = 10, (640, 480)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), rate, size)
    for number in range(round(seconds * rate)):
        frame = np.full((size[1], size[0], 3), 110, np.uint8)
        for which, (x, y) in where(number / rate).items():
            frame[y : y + FACE, x : x + FACE] = faces[which]
        writer.write(frame)
    writer.release()
    return path.read_bytes()


def workers():
    """Return the video workers that are running."""
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if process.VIDEOS in child.cmdline():
                found.append(child)
        except psutil.Error:
            continue
    return found


def test_real_faces_are_gathered_by_person(engine, portraits, tmp_path):
    def where(at):
        there = {0: (int(10 * at), 20)}
        if at < 4 or 8 <= at < 12:
            there[1] = (420, 240)
        if 5 <= at < 7:
            there[2] = (200, 260)
        return there

    data = portraits_clip(tmp_path, portraits[:3], 12, where)
    told = []
    reel = engine.look_through(data, notify=told.append)
    assert [group.seen for group in reel.groups] == sorted(
        (group.seen for group in reel.groups), reverse=True
    )
    assert len(reel.groups) == 3
    first, second, third = reel.groups
    assert (first.first, round(first.last)) == (0.0, 12)
    assert (second.first, round(second.last)) == (0.0, 12)
    assert 5 <= third.first < third.last < 7
    assert told == sorted(told)
    # The very frame comes back as a photo in which the same face is found.
    one = third.best[0]
    found = engine.analyse(engine.frame_of(data, one.place), templates=False)
    boxes = np.array([face.face.box for face in found.faces])
    assert np.abs(boxes - one.face.box).max(axis=1).min() < 8


def test_a_video_of_minutes_takes_no_more_memory_than_one_of_seconds(engine, tmp_path):
    peaks = []
    for seconds in (10, 240):
        data = clip(tmp_path, seconds, lambda at: {"red": (int(at) % 100, 20)})
        peak = 0

        def watch(_):
            nonlocal peak
            for worker in workers():
                try:
                    peak = max(peak, worker.memory_info().rss)
                except psutil.Error:
                    continue

        reel = engine.look_through(data, notify=watch)
        assert reel.looked_at >= 1.9 * seconds
        peaks.append(peak)
    assert 0 < max(peaks) < 600e6
    assert peaks[1] - peaks[0] < 40e6


def test_looking_through_stops_at_once_and_leaves_no_worker(engine, tmp_path):
    class Stop(Exception):
        pass

    def stop(done):
        if done > 0.05:
            raise Stop

    data = clip(tmp_path, 240, still)
    with pytest.raises(Stop):
        engine.look_through(data, notify=stop)
    assert workers() == []


def test_a_worker_that_says_nothing_is_asked_about_and_stopped(engine, tmp_path, monkeypatch):
    """The caller can stop it although the worker is silent."""
    monkeypatch.setattr(process, "TICK", 0.05)
    asked = []

    class Stop(Exception):
        pass

    def count(done):
        asked.append(done)
        if len(asked) == 3:
            raise Stop

    worker = process.WorkerProcess(
        None, None, limits=engine._limits, flip=False, video=VideoLimits()
    )
    with pytest.raises(Stop):
        # More bytes are announced than come, so the worker waits for ever.
        worker.watch({"do": "look_through", "bytes": 100}, b"few", 60, count)
    assert asked == [0.0, 0.0, 0.0]
    assert not psutil.pid_exists(worker.pid)


def test_a_video_that_takes_too_long_is_refused(models, tmp_path):
    with Engine.open(models, workers=1) as engine:
        engine.video_limits = dataclasses.replace(VideoLimits(), wall=0.2)
        with pytest.raises(VideoRejected, match="longer than is allowed"):
            engine.look_through(clip(tmp_path, 240, still), notify=lambda _: None)
    assert workers() == []


def test_pictures_that_turn_out_huge_cost_the_video_and_nothing_else(engine, tmp_path):
    data = bytearray(clip(tmp_path, 2, still, codec="VP80", suffix="webm"))
    at = data.index(VP8_START) + len(VP8_START)
    data[at : at + 4] = b"\xff\x3f\xff\x3f"  # 16383 x 16383 in the first picture itself
    with pytest.raises(VideoRejected):
        engine.look_through(bytes(data), notify=lambda _: None)
    assert engine.look_through(clip(tmp_path, 1, still), notify=lambda _: None).looked_at == 2


@pytest.mark.parametrize(("codec", "suffix"), [("mp4v", "mp4"), ("MJPG", "avi"), ("VP80", "webm")])
def test_damage_anywhere_is_refused_or_read_past(engine, tmp_path, codec, suffix):
    whole = clip(tmp_path, 3, still, codec=codec, suffix=suffix)
    dice = np.random.default_rng(7)
    for _ in range(4):
        data = bytearray(whole)
        for at in dice.integers(0, len(data), 40):
            data[at] = int(dice.integers(0, 256))
        looked_at = 0
        with suppress(VideoRejected):
            looked_at = engine.look_through(bytes(data), notify=lambda _: None).looked_at
        assert looked_at <= 7


def test_a_video_worker_can_open_nothing_while_it_reads_a_video(engine, tmp_path):
    data = clip(tmp_path, 240, still)
    seen = []

    def look(_):
        for worker in workers():
            try:
                seen.append(
                    (worker.rlimit(psutil.RLIMIT_NOFILE), worker.rlimit(psutil.RLIMIT_FSIZE))
                )
                seen.append(
                    sorted(key for key in worker.environ() if "KEY" in key or "COUNT" in key)
                )
                assert worker.net_connections() == []
            except psutil.Error:
                continue

    os.environ["COUNTENANCE_TEST_SECRET"] = "in the parent only"
    try:
        engine.look_through(data, notify=look)
    finally:
        del os.environ["COUNTENANCE_TEST_SECRET"]
    assert ((0, 0), (0, 0)) in seen
    assert [] in seen


def test_two_videos_at_a_time_are_enough(engine, tmp_path):
    """A third waits, because each is held in memory."""
    data = clip(tmp_path, 60, still)
    most = 0
    done = threading.Event()

    def count():
        nonlocal most
        while not done.is_set():
            most = max(most, len(workers()))
            time.sleep(0.02)

    counter = threading.Thread(target=count)
    counter.start()
    threads = [threading.Thread(target=engine.look_through, args=(data,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    counter.join()
    assert 1 <= most <= 2
