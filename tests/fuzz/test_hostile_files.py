"""Model files and snapshots of an index that somebody exchanged: not one byte of them reaches a parser."""

from __future__ import annotations

import hashlib
import pickle
import random
import zlib
from collections import Counter
from pathlib import Path
from uuid import UUID

import factories
import numpy as np
import pytest

from countenance.apps.galleries import indexing
from countenance.apps.galleries.models import IndexSnapshot
from countenance.errors import CountenanceError, ModelCardInvalid, ModelFileChanged
from countenance.faces import fold, zoo
from countenance.faces.card import Kind
from countenance.index import plan, snapshot
from countenance.testing import FakeEngine

CARD = """
name = "tiny"
kind = "embedder"
family = "generic"
licence = "MIT"
source = "made in a test"
file = "tiny.onnx"
sha256 = "{sha256}"
{more}
[input]
size = 32
channels = "BGR"
mean = [1.0, 2.0, 3.0]
scale = 0.5
[embedder]
dimensions = 3
"""
FOLDED = '[fold]\ndynamic = ["batch"]\nsha256 = "{sha256}"\n'
PUBLISHED = b"\x08\x08 a model whose sum is on the card"


def hostile(good: bytes) -> list[bytes]:
    """Return what somebody may put in the place of a file: harmless, broken, and made to harm."""
    chance = random.Random(7)
    made = [
        b"",
        b"\x00",
        good[:-1],
        good + b"\x00",
        good[: len(good) // 2],
        good * 2,
        pickle.dumps(print),
        b"\x80\x04cos\nsystem\n",
        b"PK\x03\x04" + zlib.compress(bytes(10_000_000)),
        zlib.compress(bytes(10_000_000)),
        b"\xff" * 4096,
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"IxFI" + bytes(64),
        b"CNTNINDX" + b"\xff" * 64,
        b"\x7fELF" + bytes(64),
    ]
    for _ in range(40):
        changed = bytearray(good)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        made.append(bytes(changed))
    return made


@pytest.fixture
def parsed(monkeypatch):
    """Count how often each parser of models and indexes is handed anything."""
    import faiss
    import onnx
    import onnxruntime

    counted: Counter[str] = Counter()

    def count(owner, name, wanted=None):
        before = getattr(owner, name)

        def counting(*args, **kwargs):
            counted[name] += 1
            return before(*args, **kwargs) if wanted is None else wanted

        monkeypatch.setattr(owner, name, counting)

    count(onnxruntime, "InferenceSession")
    for name in ("load", "load_from_string", "load_model", "load_model_from_string"):
        count(onnx, name)
    for name in [one for one in dir(faiss) if one.startswith(("read_", "deserialize_"))]:
        count(faiss, name)
    count(plan, "opened")
    for name in ("version_of", "unpack", "unpack_quantised"):
        count(snapshot, name)
    monkeypatch.setattr(plan, "version_of", snapshot.version_of)
    return counted


def card_in(folder: Path, *, folded: bool) -> Path:
    sha256 = hashlib.sha256(PUBLISHED).hexdigest()
    more = FOLDED.format(sha256=hashlib.sha256(b"folded").hexdigest()) if folded else ""
    # A table ends where the next begins, so that of folding stands last.
    text = CARD.format(sha256=sha256, more="") + more
    (folder / "tiny.onnx").write_bytes(PUBLISHED)
    card = folder / "tiny.toml"
    card.write_text(text, encoding="utf-8")
    return card


@pytest.mark.parametrize("folded", [False, True])
def test_no_byte_of_an_exchanged_model_reaches_a_parser(tmp_path, parsed, folded):
    card = card_in(tmp_path, folded=folded)
    for data in hostile(PUBLISHED):
        (tmp_path / "tiny.onnx").write_bytes(data)
        with pytest.raises(ModelFileChanged):
            zoo.make_ready(card, Kind.EMBEDDER, tmp_path / "models")
    assert parsed == {}


def test_no_byte_of_a_model_exchanged_after_the_start_reaches_a_parser(tmp_path, parsed):
    card = card_in(tmp_path, folded=False)
    ready = zoo.make_ready(card, Kind.EMBEDDER, tmp_path / "models")
    for data in hostile(PUBLISHED):
        (tmp_path / "tiny.onnx").write_bytes(data)
        with pytest.raises(ModelFileChanged):
            zoo.Session(ready)
    assert parsed == {}


def test_the_file_of_the_card_does_reach_the_parser(tmp_path, parsed):
    card = card_in(tmp_path, folded=False)
    with pytest.raises(ModelCardInvalid, match="not an ONNX model"):
        zoo.Session(zoo.make_ready(card, Kind.EMBEDDER, tmp_path / "models"))
    assert parsed == {"InferenceSession": 1}
    folding = card_in(tmp_path, folded=True)
    with pytest.raises(Exception):  # noqa: B017 # whatever onnx says of it
        zoo.make_ready(folding, Kind.EMBEDDER, tmp_path / "models")
    assert parsed.total() > 1
    assert fold.__name__.endswith("fold")


@pytest.fixture
def enrolled(deployment):
    """Return a deployment with a gallery, its snapshot, and that of another gallery."""
    source = factories.make_source(deployment)
    deployment.galleries = [factories.make_gallery(deployment, name) for name in ("One", "Two")]
    for gallery, names in zip(
        deployment.galleries, (["anna", "ben"], ["cleo", "dora"]), strict=True
    ):
        factories.enrol(deployment, gallery, source, factories.people(names))
        indexing.write_snapshot(gallery, tools=deployment.tools)
    return deployment


def part_of(gallery) -> UUID:
    return UUID(IndexSnapshot.objects.get(gallery=gallery).parts[0])


def opened_anew(on, parsed) -> int:
    """Load the first gallery as a start does, and return how many faces it then holds."""
    parsed.clear()
    on.tools.shelf.clear()
    gallery = on.galleries[0]
    gallery.refresh_from_db()
    indexing.synchronise([gallery], tools=on.tools)
    held = on.tools.shelf.get(gallery.pk)
    probe = on.tools.engine.analyse(FakeEngine.photo("anna", shot=7)).faces[0].template
    assert probe is not None
    assert held.version == gallery.version
    return len(held.index)


def test_no_byte_of_an_exchanged_snapshot_reaches_a_parser(enrolled, parsed):
    first, second = enrolled.galleries
    store = enrolled.tools.store
    good, others = store.get(part_of(first)), store.get(part_of(second))
    assert opened_anew(enrolled, parsed) == 2
    assert parsed["opened"] == 1
    in_clear = plan.empty(plan.Tier.EXACT, enrolled.tools.engine.dimensions, model=first.model)
    for data in [*hostile(good), others, in_clear.to_bytes()]:
        store.put(part_of(first), data)
        assert opened_anew(enrolled, parsed) == 2
        assert parsed == {}
    store.put(part_of(first), good)
    assert opened_anew(enrolled, parsed) == 2
    assert parsed["opened"] == 1


@pytest.mark.parametrize("parts", [["x"], [None], [7], [["x"]], ["../../etc/passwd"], "x", {}, 7])
def test_a_list_of_parts_that_somebody_wrote_is_read_as_none(enrolled, parsed, parts):
    IndexSnapshot.objects.filter(gallery=enrolled.galleries[0]).update(parts=parts)
    assert opened_anew(enrolled, parsed) == 2
    assert not any(name.startswith(("read_", "deserialize_", "unpack")) for name in parsed)
    # Nor does it stand in the way of what destroys or replaces a snapshot.
    indexing.write_snapshot(enrolled.galleries[0], tools=enrolled.tools)
    assert opened_anew(enrolled, parsed) == 2


def test_a_snapshot_that_opens_and_holds_nonsense_is_built_anew(enrolled, parsed):
    """Whoever has the keys as well meets our own reader, which knows no code, only numbers."""
    held = IndexSnapshot.objects.select_related("gallery").get(gallery=enrolled.galleries[0])
    good = enrolled.tools.shelf.get(held.gallery_id).index.to_bytes()
    for data in hostile(good)[:15]:
        sealed = indexing.seal_for_store(held, data, part="part 0")
        enrolled.tools.store.put(part_of(held.gallery), sealed)
        assert opened_anew(enrolled, parsed) == 2
        assert parsed["opened"] == 1
        assert not any(name.startswith(("read_", "deserialize_")) for name in parsed)


def test_nothing_but_errors_of_ours_comes_of_bytes_that_are_no_index():
    with pytest.raises(CountenanceError):
        plan.opened(np.arange(100, dtype=np.uint8).tobytes())
