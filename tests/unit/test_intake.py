"""What is enrolled from a folder, a photo or a manifest, and what is refused with which words."""

from __future__ import annotations

import os
import tracemalloc
from datetime import date
from pathlib import Path

import pytest

from countenance.apps.galleries.intake import Layout, plan
from countenance.apps.galleries.items import Item, Reject, shown
from countenance.errors import InputError, ManifestInvalid

MANY = 1000
BYTES = {"flat": 200, "folders": 200, "manifest": 350}
"""For each photo, of which its name takes 68; a manifest's paths are kept to notice one that comes twice."""


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"not looked at")


def subjects(root: Path, layout: Layout = Layout.AUTO) -> dict[str, str | None]:
    return {
        item.label: item.subject for item in plan(root, layout=layout) if isinstance(item, Item)
    }


def rejects(path: Path, layout: Layout = Layout.AUTO) -> dict[str, str]:
    return {r.label: r.reason for r in plan(path, layout=layout) if isinstance(r, Reject)}


def manifest(root: Path, text: str, *, encoding: str = "utf-8") -> Path:
    path = root / "photos.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_single_photo_is_a_subject_of_its_own(tmp_path: Path) -> None:
    make(tmp_path, "anna.jpg")
    assert list(plan(tmp_path / "anna.jpg")) == [
        Item(path=tmp_path / "anna.jpg", label="anna.jpg", subject="anna")
    ]


def test_a_flat_folder_makes_each_photo_a_subject(tmp_path: Path) -> None:
    make(tmp_path, "b.jpg", "a.png", "README.txt")
    assert subjects(tmp_path) == {"README.txt": "README", "a.png": "a", "b.jpg": "b"}


def test_two_photos_of_one_name_do_not_become_one_subject_in_a_flat_folder(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "a.png", "b.jpg")
    assert subjects(tmp_path) == {"a.jpg": "a.jpg", "a.png": "a.png", "b.jpg": "b"}


def test_sub_folders_are_subjects_and_may_be_nested(tmp_path: Path) -> None:
    make(tmp_path, "Anna/1.jpg", "Anna/2019/2.jpg", "Ben/1.jpg", "Thumbs.db")
    assert subjects(tmp_path) == {
        "Anna/1.jpg": "Anna",
        "Anna/2019/2.jpg": "Anna",
        "Ben/1.jpg": "Ben",
    }
    assert "beside" in rejects(tmp_path)["Thumbs.db"]


def test_photos_beside_sub_folders_are_not_guessed_at(tmp_path: Path) -> None:
    make(tmp_path, "Anna/1.jpg", "x.JPG")
    with pytest.raises(InputError, match="--layout"):
        plan(tmp_path)
    assert subjects(tmp_path, Layout.FLAT) == {"Anna/1.jpg": "1", "x.JPG": "x"}
    assert subjects(tmp_path, Layout.FOLDERS) == {"Anna/1.jpg": "Anna"}


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", ".b.jpg", ".cache/c.jpg", "__MACOSX/d.jpg")
    assert subjects(tmp_path) == {"a.jpg": "a"}
    assert not rejects(tmp_path)


def test_the_order_does_not_depend_on_the_disk(tmp_path: Path) -> None:
    make(tmp_path, *(f"{name}/{n}.jpg" for name in "cab" for n in (2, 1)))
    labels = [item.label for item in plan(tmp_path)]
    assert labels == sorted(labels)


@pytest.mark.parametrize("layout", ["flat", "folders", "manifest"])
def test_of_photos_whose_turn_has_not_come_little_more_than_the_name_is_kept(
    tmp_path: Path, layout: str
) -> None:
    """A million of them must fit into memory beside everything else."""
    folder = tmp_path / "photos" / "Anna"
    folder.mkdir(parents=True)
    names = [f"photo-{number:07}.jpg" for number in range(MANY)]
    for name in names:
        (folder / name).touch()
    text = "path,subject,notes\n" + "".join(f"{name},Anna,taken by hand\n" for name in names)
    listed = manifest(tmp_path, text.replace("photo-", "photos/Anna/photo-"))
    path = {"flat": folder, "folders": folder.parent, "manifest": listed}[layout]
    tracemalloc.start()
    try:
        assert sum(1 for _ in plan(path)) == MANY
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MANY * BYTES[layout]


@pytest.mark.parametrize("path", ["missing", "empty"])
def test_nothing_to_enrol_is_said_at_once(tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=path):
        plan(tmp_path / path)


def test_links_that_lead_out_and_devices_are_refused_one_by_one(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    make(tmp_path, "in/a.jpg", "out/secret.jpg")
    (folder / "inside.jpg").symlink_to(folder / "a.jpg")
    (folder / "outside.jpg").symlink_to(tmp_path / "out" / "secret.jpg")
    (folder / "folder").symlink_to(tmp_path / "out")
    (folder / "gone.jpg").symlink_to(tmp_path / "nothing")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    os.mkfifo(folder / "pipe.jpg")
    assert set(subjects(folder)) == {"a.jpg", "inside.jpg"}
    reasons = rejects(folder)
    assert set(reasons) == {"outside.jpg", "folder", "gone.jpg", "loop.jpg", "pipe.jpg"}
    assert "leads out" in reasons["outside.jpg"]
    assert "leads out" in reasons["folder"]
    assert "plain file" in reasons["pipe.jpg"]


def test_a_name_that_is_not_unicode_can_still_be_shown(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\n.jpg")
    make(tmp_path, name)
    ((label, subject),) = subjects(tmp_path).items()
    assert label == "caf\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}.jpg"
    assert (subject or "").encode()


def test_names_are_composed_so_that_one_person_is_one_subject() -> None:
    assert shown("Zoe\N{COMBINING DIAERESIS}") == shown("Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}")


def test_a_full_manifest_row_is_read(tmp_path: Path) -> None:
    make(tmp_path, "x/1.jpg", "2.jpg")
    text = (
        "\N{BOM}Path,Subject,External_ID,date,notes\r\n"
        'x/1.jpg,"Meyer, Zoë",K-7,2019-05-03,"two\nlines"\r\n\r\n'
        "2.jpg,,,,\r\n"
    ).replace("\N{BOM}", "\ufeff")
    assert list(plan(manifest(tmp_path, text))) == [
        Item(
            path=tmp_path / "x/1.jpg",
            label="x/1.jpg",
            subject="Meyer, Zoë",
            external_id="K-7",
            date=date(2019, 5, 3),
            notes="two\nlines",
        ),
        Item(path=tmp_path / "2.jpg", label="2.jpg", subject=None),
    ]


def test_a_manifest_elsewhere_is_relative_to_the_folder(tmp_path: Path) -> None:
    make(tmp_path, "photos/a.jpg")
    listing = manifest(tmp_path, "path\na.jpg\n")
    (item,) = plan(tmp_path / "photos", manifest=listing)
    assert isinstance(item, Item)
    assert item.path == tmp_path / "photos" / "a.jpg"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("../out.jpg,,,,", "leads out"),
        ("a/../../out.jpg,,,,", "leads out"),
        ("..\\out.jpg,,,,", "leads out"),
        ("/etc/hostname,,,,", "relative"),
        ("C:\\photos\\a.jpg,,,,", "relative"),
        ("link.jpg,,,,", "leads out"),
        ("folder,,,,", "plain file"),
        ("missing.jpg,,,,", "no such file"),
        ("folder\\a.jpg,,,,", "Write /"),
        (",Anna,,,", "path is missing"),
        ("a.jpg,,,3 May 2019,", "YYYY-MM-DD"),
        ("a.jpg,,,2019-02-30,", "YYYY-MM-DD"),
        ("a.jpg,,", "3 fields instead of 5"),
        ("a.jpg,,,,,more", "6 fields instead of 5"),
        (f"a.jpg,{'x' * 201},,,", "longer than 200"),
        ("a\0.jpg,,,,", "not a file name"),
    ],
)
def test_a_bad_row_is_a_rejection_and_the_next_row_counts(
    tmp_path: Path, row: str, words: str
) -> None:
    make(tmp_path, "in/good.jpg", "in/a.jpg", "in/folder/a.jpg", "out.jpg")
    (tmp_path / "in/link.jpg").symlink_to(tmp_path / "out.jpg")
    path = manifest(tmp_path / "in", f"path,subject,external id,date,notes\n{row}\ngood.jpg,,,,\n")
    first, second = plan(path)
    assert isinstance(first, Reject)
    assert words in first.reason
    assert isinstance(second, Item)


def test_the_same_path_twice_is_refused_the_second_time(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    first, second = plan(manifest(tmp_path, "path,subject\na.jpg,Anna\na.jpg,Ben\n"))
    assert isinstance(first, Item)
    assert second == Reject(label="a.jpg", reason="Line 3: the same path stands in line 2.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("subject\nAnna\n", "needed"),
        ("path;subject\na.jpg;Anna\n", "commas"),
        ("path,colour\na.jpg,red\n", "colour"),
        ("path,path\na.jpg,a.jpg\n", "twice"),
        ('path,subject\na.jpg,"Anna\n', "CSV from line 2"),
    ],
)
def test_a_manifest_that_cannot_be_trusted_enrols_nothing(
    tmp_path: Path, text: str, words: str
) -> None:
    make(tmp_path, "a.jpg")
    with pytest.raises(ManifestInvalid, match=words):
        plan(manifest(tmp_path, text))


def test_a_manifest_must_be_utf_8(tmp_path: Path) -> None:
    with pytest.raises(ManifestInvalid, match="UTF-8"):
        plan(manifest(tmp_path, "path,subject\na.jpg,Zoë\n", encoding="latin-1"))
