"""Whatever a manifest says, only plain files below its folder are ever handed on."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from countenance.apps.galleries.intake import plan
from countenance.apps.galleries.items import Item, Reject
from countenance.errors import ManifestInvalid

PARTS = st.sampled_from(
    ["..", ".", "a.jpg", "sub", "link.jpg", "out", "~", "", "C:", "\\", "b.jpg"]
)
PATHS = st.lists(PARTS, max_size=5).map("/".join) | st.text(max_size=12)


@given(paths=st.lists(PATHS, max_size=8))
def test_no_row_escapes_the_folder(paths: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "in")
        (root / "sub").mkdir(parents=True)
        for name in ("in/a.jpg", "in/sub/a.jpg", "b.jpg"):
            Path(folder, name).touch()
        (root / "link.jpg").symlink_to(Path(folder, "b.jpg"))
        (root / "out").symlink_to(folder)
        text = io.StringIO(newline="")
        csv.writer(text).writerows([["path"], *([path] for path in paths)])
        (root / "m.csv").write_text(text.getvalue(), "utf-8", "surrogatepass", newline="")
        try:
            planned = list(plan(root / "m.csv"))
        except ManifestInvalid:
            return
        for item in planned:
            assert isinstance(item, Item | Reject)
            if isinstance(item, Item):
                assert item.path.resolve().is_relative_to(root.resolve())
                assert item.path.is_file()


@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_manifest_or_refused(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.csv")
        path.write_bytes(data)
        try:
            list(plan(path))
        except ManifestInvalid:
            return
