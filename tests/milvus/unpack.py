"""Unpack the programs of the Milvus server out of its wheel: `python unpack.py FOLDER`, where the wheel lies.

Nothing of the wheel is installed or run for it.
"""

from __future__ import annotations

import lzma
import sys
import zipfile
from pathlib import Path

OTHERS = ("config.yaml.template", "glog.conf")


def unpack(folder: Path) -> Path:
    """Return the folder with the programs."""
    wheel = next(folder.glob("milvus-2.3.5-*.whl"))
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    with zipfile.ZipFile(wheel) as packed:
        for name in packed.namelist():
            target = programs / Path(name).name.removesuffix(".lzma")
            if name.startswith("milvus/data/bin/") and name.endswith(".lzma"):
                target.write_bytes(lzma.decompress(packed.read(name)))
                target.chmod(0o755)
            elif name.startswith("milvus/data/") and target.name in OTHERS:
                target.write_bytes(packed.read(name))
    return programs


if __name__ == "__main__":
    print(unpack(Path(sys.argv[1])))
