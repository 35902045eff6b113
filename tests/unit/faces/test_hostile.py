"""Three hundred hostile files: each refused in words or harmless, and the engine lives on."""

from pathlib import Path

import pytest
from hostile import drawing, hostile_files, saved

from countenance.errors import ImageRejected

MEMORY = 700_000
"""Kilobytes that a worker may have held at most."""


def peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def worker_pid(engine) -> int:
    engine.warm_up()
    (place,) = engine._places._free
    return place.worker.pid


@pytest.mark.slow
def test_hostile_files_cost_nothing_but_themselves(engine, tmp_path):
    files = hostile_files(tmp_path)
    assert len(files) == 300
    highest, accepted = 0, []
    for file in files:
        ((_, result),) = engine.analyse_many([(0, file.path.read_bytes())])
        if isinstance(result, ImageRejected):
            assert len(result.detail) > 10, file.what
        else:
            accepted.append(file.what)
            assert not file.must_reject, file.what
        highest = max(highest, peak(worker_pid(engine)))
    assert highest < MEMORY
    for honest in ("png under jpg", "cmyk jpeg", "whole heic", "16-bit grey png", "animated gif"):
        assert honest in accepted
    assert engine.analyse(saved(drawing(), "JPEG")).format == "JPEG"


def test_hostile_files_are_the_same_each_time(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (hostile_files(tmp_path / name, 130) for name in ("one", "two"))
    assert [f.path.read_bytes() for f in one] == [f.path.read_bytes() for f in two]
    assert sum(file.must_reject for file in one) > 60
