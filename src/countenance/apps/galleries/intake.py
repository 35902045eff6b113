"""From a folder, a photo or a manifest to the list of photos to enrol. Pure: it only looks at names.

Whether a file is a photo is for the engine to say; a file that is not becomes a rejection there. What
is refused here, by item and with the reason, is what must not even be opened: links that lead out of
the folder, devices, rows of a manifest that are incomplete or point elsewhere.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from enum import StrEnum
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

from countenance.apps.galleries.items import Item, Reject, fault_of, shown
from countenance.apps.galleries.manifest import read_manifest
from countenance.errors import InputError

__all__ = ["PHOTO_SUFFIXES", "Item", "Layout", "Reject", "plan", "shown"]

PHOTO_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "tif", "tiff", "gif"),
        *("heic", "heif", "hif", "avif", "bmp"),
    )
)
"""Only used to tell, in layout `auto`, photos from other files that lie about."""


class Layout(StrEnum):
    """How a folder says whose photo is whose."""

    AUTO = "auto"  # folders if the photos lie in sub-folders only, flat if there are none
    FLAT = "flat"  # each photo is of a subject of its own, named like the file
    FOLDERS = "folders"  # each first-level sub-folder holds the photos of one subject


def plan(
    path: Path, *, layout: Layout = Layout.AUTO, manifest: Path | None = None
) -> Iterator[Item | Reject]:
    """List what is to be enrolled from a photo, a folder or a manifest, in a stable order.

    There may be a million: of each photo that is not its turn no more is kept than its name, and those of
    one folder at a time only.

    Args:
        path: a photo, a folder, or a CSV manifest.
        layout: how a folder names its subjects; a manifest names them itself.
        manifest: a CSV file whose paths are relative to `path`, which then is a folder.

    Raises:
        InputError: nothing can be enrolled from here; says why.
        ManifestInvalid: the manifest cannot be read as a whole.
    """
    if manifest is not None:
        if not path.is_dir():
            raise InputError(
                "With a manifest, the path is the folder that its rows are relative to."
            )
        return read_manifest(manifest, root=path)
    if not os.path.lexists(path):
        raise InputError(f"There is no file or folder {shown(path)}.")
    if path.is_dir():
        return _folder(path, layout)
    if path.suffix.lower() == ".csv":
        return read_manifest(path, root=path.parent)
    if not path.is_file():
        raise InputError(f"{shown(path)} is neither a photo, nor a folder, nor a manifest.")
    return iter([Item(path=path, label=shown(path.name), subject=shown(path.stem))])


def _folder(root: Path, layout: Layout) -> Iterator[Item | Reject]:
    if layout is Layout.AUTO:
        layout = _layout_of(root)
    if next(_walk(root, root), None) is None:
        raise InputError(f"There is no file in {shown(root)}.")
    return _flat(root) if layout is Layout.FLAT else _by_folder(root)


def _layout_of(root: Path) -> Layout:
    """Tell from the top level how a folder is laid out."""
    folders, photos = 0, 0
    for name, is_folder in _listed(root):
        if is_folder:
            folders += 1
        elif Path(name).suffix.lower() in PHOTO_SUFFIXES:
            photos += 1
    if folders and photos:
        raise InputError(
            f"{shown(root)} holds both photos and sub-folders. Say what is meant: `--layout folders` (each "
            "sub-folder is a subject) or `--layout flat` (each photo is a subject)."
        )
    return Layout.FOLDERS if folders else Layout.FLAT


def _flat(root: Path) -> Iterator[Item | Reject]:
    repeated = _repeated_stems(root)
    for entry in _walk(root, root):
        if isinstance(entry, Reject):
            yield entry
            continue
        label, stem = shown(entry.relative_to(root)), shown(entry.stem)
        # Two files of one name would become one subject; their paths keep them apart.
        yield Item(path=entry, label=label, subject=label if _short(stem) in repeated else stem)


def _repeated_stems(root: Path) -> frozenset[int]:
    """Return the names, without suffix, that several photos have, each as a number of eight bytes."""
    stems = (shown(entry.stem) for entry in _walk(root, root) if isinstance(entry, Path))
    numbers = array("Q", map(_short, stems))
    return frozenset(one for one, other in pairwise(sorted(numbers)) if one == other)


def _short(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _by_folder(root: Path) -> Iterator[Item | Reject]:
    for entry in _walk(root, root):
        if isinstance(entry, Reject):
            yield entry
            continue
        relative = entry.relative_to(root)
        label = shown(relative)
        if len(relative.parts) == 1:
            yield Reject(
                label=label, reason="It lies beside the subjects' folders, not in one of them."
            )
        else:
            yield Item(path=entry, label=label, subject=shown(relative.parts[0]))


def _walk(folder: Path, root: Path) -> Iterator[Path | Reject]:
    """Yield every file below a folder, sorted; links and devices as rejections; hidden names left out."""
    try:
        entries = _listed(folder)
    except InputError as unreadable:
        if folder == root:
            raise
        yield Reject(label=shown(folder.relative_to(root)), reason=unreadable.detail)
        return
    for name, is_folder in entries:
        path = folder / name
        if is_folder:
            yield from _walk(path, root)
        elif fault := fault_of(path, root):
            yield Reject(label=shown(path.relative_to(root)), reason=fault)
        else:
            yield path


def _listed(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield the names in a folder in order, and whether each is a folder; hidden ones are left out."""
    folders: set[str] = set()
    names: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name == "__MACOSX":
                    continue
                names.append(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    folders.add(entry.name)
    except OSError:
        raise InputError(f"The folder {shown(folder)} cannot be read.") from None
    names.sort()
    return ((name, name in folders) for name in names)
