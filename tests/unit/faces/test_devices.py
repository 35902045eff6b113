"""Templates are made on an accelerator only if they are the CPU's, and no photo is lost to one."""

import os
import signal
import threading
import typing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from countenance.config import FacesSettings
from countenance.errors import WorkerUnavailable
from countenance.faces import Engine, devices, embedding_worker, shared_embedder
from countenance.faces.card import Kind
from countenance.faces.devices import ACCELERATORS, AUTO, CPU_PROVIDER, Accelerator, candidates
from countenance.faces.embed import Embedder
from countenance.faces.limits import Limits
from countenance.faces.process import EMBEDDING, WorkerDied
from countenance.faces.shared_embedder import MOST_FAILURES, SharedEmbedder
from countenance.faces.zoo import Session, make_ready

EVERYTHING = [one.provider for one in ACCELERATORS.values()] + [CPU_PROVIDER]
STAND_IN = Accelerator(provider=CPU_PROVIDER, options={})
"""The CPU in the place of an accelerator, with a process and all."""


@pytest.fixture
def accelerated(monkeypatch):
    monkeypatch.setitem(ACCELERATORS, "cuda", STAND_IN)
    monkeypatch.setattr(devices, "TOGETHER", 4)


def embedding_processes():
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if EMBEDDING in child.cmdline()]


def test_auto_tries_accelerators_in_the_documented_order_and_tensorrt_only_on_request():
    assert candidates(AUTO, EVERYTHING) == ("cuda", "coreml", "directml", "openvino")
    assert candidates("tensorrt", EVERYTHING) == ("tensorrt",)
    assert candidates("cuda", [CPU_PROVIDER]) == ()
    assert candidates(AUTO, [CPU_PROVIDER]) == ()


def test_the_setting_knows_every_accelerator():
    allowed = typing.get_args(FacesSettings.model_fields["device"].annotation)
    assert set(allowed) == {"auto", "cpu", *ACCELERATORS}


def test_without_an_accelerator_the_cpu_is_used_and_the_reason_said(engine):
    choice = engine.device()
    assert (choice.device, choice.provider, choice.fell_back) == ("cpu", CPU_PROVIDER, False)
    assert "neither CUDAExecutionProvider" in choice.why
    assert embedding_processes() == []


def test_an_accelerator_that_is_asked_for_and_not_there_is_named(models):
    with Engine.open(models, workers=1, device="cuda") as engine:
        choice = engine.device()
    assert (choice.device, choice.fell_back) == ("cpu", True)
    assert "has no CUDAExecutionProvider" in choice.why


def test_an_accelerator_that_cannot_be_opened_leaves_the_cpu(models, monkeypatch):
    """Its provider is said to be there, and is not: as with a driver that is missing."""
    monkeypatch.setattr(Engine, "_offered", lambda _: EVERYTHING)
    with Engine.open(models, workers=1) as engine:
        choice = engine.device()
        assert (choice.device, choice.fell_back) == ("cpu", True)
        for name in ("cuda", "coreml", "directml", "openvino"):
            assert f"{name}: it cannot be opened" in choice.why
        assert embedding_processes() == []


class Otherwise(Session):
    """A session that on an accelerator gives other numbers."""

    off = 0.05

    def __init__(self, model, *, provider=CPU_PROVIDER, options=None):
        super().__init__(model)
        self._off = self.off if provider != CPU_PROVIDER else 0.0

    def run(self, values):
        outputs = super().run(values)
        size = self._off * np.sin(np.arange(128, dtype=np.float32))
        return {name: value + size * np.abs(value).max() for name, value in outputs.items()}


def greeting(models):
    ready = make_ready(None, Kind.EMBEDDER, models)
    model = {"card": ready.source, "path": str(ready.path), "sha256": ready.sha256}
    named = devices.described(["cuda"])
    return {"embedder": model, "flip": False, "batch": 4, "devices": named}


@pytest.mark.parametrize(("off", "used"), [(0.05, False), (float("nan"), False), (1e-5, True)])
def test_an_accelerator_is_used_only_if_it_gives_the_cpus_templates(models, monkeypatch, off, used):
    monkeypatch.setattr(embedding_worker, "Session", Otherwise)
    monkeypatch.setattr(Otherwise, "off", off)
    embedder, said = embedding_worker.choose(greeting(models))
    assert (embedder is not None) == said["ready"] == used
    choice = devices.to_choice(said, ["cuda"])
    assert (choice.device, choice.fell_back) == (("cuda", False) if used else ("cpu", True))
    assert ("templates are not the CPU's" in choice.why) != used


def test_drawn_faces_differ_enough_to_tell_an_accelerator_that_mixes_them_up(models):
    embedder = Embedder(Session(make_ready(None, Kind.EMBEDDER, models)))
    made = embedder.embed(embedding_worker.drawn(112))
    alike = made @ made.T - np.eye(len(made))
    assert alike.max() < devices.LEAST_AGREEMENT


def test_a_batch_gives_what_each_face_gives_alone(models):
    session = Session(make_ready(None, Kind.EMBEDDER, models))
    assert isinstance(session.shape[0], str)  # the number of faces is left open
    faces = embedding_worker.drawn(112)
    alone = np.concatenate([Embedder(session, batch=1).embed(face[None]) for face in faces])
    assert (Embedder(session, batch=64).embed(faces) * alone).sum(axis=1).min() > 0.999999


def test_templates_of_both_are_the_same_and_so_is_the_model(accelerated, models, portraits):
    photos = list(enumerate(path.read_bytes() for path in portraits[:3]))
    with Engine.open(models, workers=2, device="cpu") as engine:
        plain, model = dict(engine.analyse_many(photos)), engine.model
    with Engine.open(models, workers=2) as engine:
        assert (engine.device().device, engine.device().batch) == ("cuda", 4)
        made = dict(engine.analyse_many(photos))
        assert engine.model == model
        assert len(embedding_processes()) == 1
        small = engine.analyse(photos[0][1], templates=False)
        assert [face.template for face in small.faces] == [None]
        box = plain[0].faces[0].face.box
        assert engine.analyse_part(photos[0][1], box=box).faces[0].template is not None
    assert embedding_processes() == []
    for number, _ in photos:
        one, other = plain[number].faces[0], made[number].faces[0]
        assert (one.face, one.quality) == (other.face, other.quality)
        assert float(one.template.vector @ other.template.vector) > 0.999999
        assert other.template.model == model


def test_a_killed_process_costs_no_photo_and_is_replaced(
    accelerated, models, portraits, monkeypatch
):
    monkeypatch.setenv("COUNTENANCE_PASSPHRASE", "secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    data = portraits[0].read_bytes()
    with Engine.open(models, workers=1) as engine:
        assert engine.analyse(data).faces[0].template is not None
        (killed,) = embedding_processes()
        environment = Path(f"/proc/{killed}/environ").read_bytes()
        assert b"CUDA_VISIBLE_DEVICES=0" in environment
        assert b"PASSPHRASE" not in environment
        os.kill(killed, signal.SIGKILL)
        assert engine.analyse(data).faces[0].template is not None
        assert engine.analyse(data).faces[0].template is not None
        (replaced,) = embedding_processes()
        assert replaced != killed


class FakeProcess:
    """An accelerator's process: a template is its face's number; runs are noted, and can be held up."""

    def __init__(self, *_, **__):
        self.ready = {"ready": True, "agreement": 1.0, "face_ms": 1.0, "cpu_ms": 20.0}
        self.runs = runs
        started.append(self)

    def ask(self, message, _seconds):
        faces = np.frombuffer(message["faces"], np.uint8)
        runs.append(faces.tolist())
        go.wait(10)
        if set(faces.tolist()) & bad:
            reason = "crashed its worker"
            raise WorkerDied(reason)
        return {"templates": faces.astype("<f4").repeat(128).tobytes()}

    def end(self):
        """Do nothing."""


runs, started, bad, go = [], [], set(), threading.Event()


@pytest.fixture
def shared(models, monkeypatch):
    runs.clear()
    started.clear()
    bad.clear()
    go.set()
    monkeypatch.setattr(shared_embedder, "WorkerProcess", FakeProcess)
    ready = make_ready(None, Kind.EMBEDDER, models)
    made = SharedEmbedder(ready, flip=False, device=AUTO, limits=Limits())
    assert made.choice(lambda: EVERYTHING).device == "cuda"
    return made


def numbers(templates):
    return None if templates is None else [int(np.frombuffer(one, "<f4")[5]) for one in templates]


def together(shared, photos):
    """Embed photos at the same time: the first alone, as nobody else is there yet, then the others."""
    go.clear()
    with ThreadPoolExecutor(len(photos)) as threads:
        asked = []
        for count, photo in enumerate(photos):
            asked.append(threads.submit(shared.embed, [bytes([face]) for face in photo]))
            while len(runs) < 1 or len(shared._waiting) < count:
                pass
        go.set()
        return [numbers(one.result(10)) for one in asked]


def test_photos_that_come_at_the_same_time_run_together_and_get_their_own(shared):
    photos = [[1], [2, 3], [4], [5, 6, 7]]
    assert together(shared, photos) == photos
    assert runs == [[1], [2, 3, 4, 5, 6, 7]]
    assert len(started) == 1


def test_a_run_has_no_more_faces_than_the_batch_unless_one_photo_has(shared, monkeypatch):
    monkeypatch.setattr(devices, "TOGETHER", 4)
    photos = [[1], [2, 3], [4, 5], [6, 7], [8, 9, 10, 11, 12, 13]]
    assert together(shared, photos) == photos
    assert runs == [[1], [2, 3, 4, 5], [6, 7], [8, 9, 10, 11, 12, 13]]


def test_one_photo_that_fails_fails_alone(shared):
    bad.add(4)
    assert together(shared, [[1], [2, 3], [4], [5]]) == [[1], [2, 3], None, [5]]
    assert runs == [[1], [2, 3, 4, 5], [2, 3], [4], [5]]
    assert numbers(shared.embed([b"\x07"])) == [7]
    assert shared.choice(list).accelerated


def test_an_accelerator_that_keeps_failing_is_given_up_and_the_reason_said(shared):
    bad.add(1)
    assert [shared.embed([b"\x01"]) for _ in range(MOST_FAILURES)] == [None] * MOST_FAILURES
    choice = shared.choice(list)
    assert (choice.device, choice.fell_back) == ("cpu", True)
    assert f"failed on {MOST_FAILURES} photos in a row" in choice.why
    assert shared.embed([b"\x02"]) is None
    assert len(runs) == MOST_FAILURES


def test_one_that_fails_is_not_asked_again_if_its_process_cannot_be_started(shared, monkeypatch):
    bad.add(1)
    assert shared.embed([b"\x01"]) is None

    def broken(*_, **__):
        raise WorkerUnavailable

    monkeypatch.setattr(shared_embedder, "WorkerProcess", broken)
    assert shared.embed([b"\x02"]) is None
    assert shared.choice(list).fell_back


def test_nonsense_for_an_answer_is_no_template(shared, monkeypatch):
    for answer in ({}, {"templates": b"few"}, {"error": "not_embedded"}, {"templates": "text"}):
        monkeypatch.setattr(FakeProcess, "ask", lambda *_, said=answer: said)
        shared._failures = 0
        assert shared.embed([b"\x01"]) is None
    monkeypatch.setattr(
        FakeProcess, "ask", lambda *_: {"templates": np.full(128, np.nan, "<f4").tobytes()}
    )
    shared._failures = 0
    assert shared.embed([b"\x01"]) is None
