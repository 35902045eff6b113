"""The models that are used: found, checked by their sum, folded once, and opened.

No byte of a model file reaches a parser before its SHA-256 is the one on its card.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countenance.errors import ModelCardInvalid, ModelFileChanged, Unavailable
from countenance.faces.card import Kind, ModelCard, parse_card, read_card
from countenance.faces.devices import CPU_PROVIDER

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

CARDS = Path(__file__).parent / "cards"
DEFAULT_CARDS = {
    Kind.DETECTOR: CARDS / "yunet-2023mar.toml",
    Kind.EMBEDDER: CARDS / "sface-2021dec.toml",
}
MAX_MODEL_BYTES = 2 * 1024**3

PIPELINE_VERSION = 1
"""Counts changes after which the same photo gives another template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyModel:
    """A model file that can be opened: where it is and the sum that its bytes must have.

    Attributes:
        card: the card.
        source: the card as it was read, for a worker to read again.
        path: the file to open.
        sha256: of that file.
    """

    card: ModelCard
    source: bytes
    path: Path
    sha256: str


def find_card(choice: str | Path | None, kind: Kind, models: Path) -> Path:
    """Return the card to use: the default, a card by its path, or by its name in `models`."""
    if choice is None:
        return DEFAULT_CARDS[kind]
    if isinstance(choice, Path):
        return choice
    known = [path for path in DEFAULT_CARDS.values() if path.stem == choice]
    return known[0] if known else models / f"{Path(choice).name}.toml"


def make_ready(choice: str | Path | None, kind: Kind, models: Path) -> ReadyModel:
    """Return the chosen model with its file checked, and folded into `models` if need be.

    Raises:
        ModelCardInvalid: the card is wrong, of another kind, or its file is not there.
        ModelFileChanged: the file is not the one that the card names.
    """
    path = find_card(choice, kind, models)
    text = read_card(path)
    card = parse_card(text, path.name)
    if card.kind is not kind:
        msg = f"The model card {path.name} is of a {card.kind}, where a {kind} is needed."
        raise ModelCardInvalid(msg)
    published = _published(card, path)
    if card.dynamic:
        file, sha256 = _folded(card, published, models)
    else:
        read_checked(published, card.sha256)
        file, sha256 = published, card.sha256
    return ReadyModel(card=card, source=text, path=file, sha256=sha256)


def read_checked(path: Path, sha256: str) -> bytes:
    """Return the bytes of a model file, read once, after checking their sum.

    Raises:
        ModelFileChanged: the bytes have another sum.
        ModelCardInvalid: there is no such file.
    """
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_MODEL_BYTES else b""
    except OSError as error:
        msg = f"The model file {path.name} cannot be read."
        raise ModelCardInvalid(msg) from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        msg = (
            f"The model file {path.name} is not the one that its card names: "
            f"its SHA-256 is {found}, not {sha256}."
        )
        raise ModelFileChanged(msg)
    return data


def licence_of(model: str) -> str:
    """Return the licences of the models behind an id of `model_id`, as far as they came with the program."""
    cards = [parse_card(read_card(path), path.name) for path in DEFAULT_CARDS.values()]
    known = [f"{one.licence} ({one.name})" for one in reversed(cards) if one.id in model.split(".")]
    return ", ".join(known) or "as its model card says"


def model_id(detector: ReadyModel, embedder: ReadyModel, *, flip: bool) -> str:
    """Return the id of the templates that these models make together.

    Everything that moves a template is in it: landmarks shift with the detector and the size it
    runs at, so templates with different ids must not be compared.
    """
    parts = [embedder.card.id, detector.card.id, str(detector.card.long_side)]
    parts.append(f"p{PIPELINE_VERSION}")
    return ".".join([*parts, "flip"] if flip else parts)


def providers() -> list[str]:
    """Return what the installed ONNX Runtime was built to run models on; whether it can is not tried."""
    return list(_onnxruntime().get_available_providers())


class NotOnDevice(Exception):
    """ONNX Runtime opened a model on another device than the one that was asked for."""


class Session:
    """An open model, on one thread of the CPU or on an accelerator."""

    def __init__(
        self,
        model: ReadyModel,
        *,
        provider: str = CPU_PROVIDER,
        options: dict[str, str] | None = None,
    ) -> None:
        """Read, check and open the model file; the bytes that were checked are those parsed.

        Args:
            model: the model.
            provider: the execution provider of ONNX Runtime to run it with.
            options: settings of that provider.

        Raises:
            ModelFileChanged: the file is not the one that its card names.
            ModelCardInvalid: ONNX Runtime cannot open it there, or it has more than one input.
            NotOnDevice: ONNX Runtime went back to the CPU.
        """
        onnxruntime = _onnxruntime()
        if provider != CPU_PROVIDER:
            with contextlib.suppress(Exception):
                # Finds CUDA's libraries where they were installed as Python packages.
                onnxruntime.preload_dlls()
        data = read_checked(model.path, model.sha256)
        settings = onnxruntime.SessionOptions()
        # More threads only burn CPU here: there is one process per core.
        settings.intra_op_num_threads = 1
        settings.inter_op_num_threads = 1
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Photos come in many shapes; a plan per shape would grow without end.
        settings.enable_mem_pattern = False
        settings.log_severity_level = 4
        # Weights in another file would not be under the sum: they are looked for where no file can be.
        settings.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(model.path / "nowhere")
        )
        name = model.card.name
        try:
            self._session = onnxruntime.InferenceSession(
                data, settings, providers=[(provider, options or {})], enable_fallback=0
            )
        except Exception as error:
            msg = f"The file of model {name} is not an ONNX model that can be run."
            raise ModelCardInvalid(msg) from error
        used = self._session.get_providers()[0]
        if used != provider:
            # A provider whose libraries are missing is left out without an error.
            msg = f"ONNX Runtime has {provider}, and left it out when it opened the model: a library or the device is missing"
            raise NotOnDevice(msg)
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            msg = f"Model {name} has {len(inputs)} inputs; it must have one."
            raise ModelCardInvalid(msg)
        self.card = model.card
        self.outputs = [item.name for item in self._session.get_outputs()]
        self._input = inputs[0].name
        self.shape: list[int | str] = inputs[0].shape

    def run(self, values: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        """Return the outputs by name."""
        results: list[Any] = self._session.run(self.outputs, {self._input: values})
        return dict(zip(self.outputs, results, strict=True))


def _onnxruntime() -> Any:
    # ONNX Runtime for Linux reports its use to its maker unless this is set before it loads.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def _published(card: ModelCard, path: Path) -> Path:
    """Return where the published file lies; no code of the package is imported for it."""
    if not card.package:
        return path.parent / card.file
    spec = importlib.util.find_spec(card.package)
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        msg = f"The package {card.package}, which carries the model {card.name}, is not installed."
        raise Unavailable(msg)
    return Path(folders[0]) / card.file


def _folded(card: ModelCard, published: Path, models: Path) -> tuple[Path, str]:
    """Return the folded file and its sum, folding now if `models` does not hold it yet."""
    path = models / f"{card.id}.folded.onnx"
    if not path.exists():
        fresh = _fold(card, published)
        _write(path, fresh)
        return path, hashlib.sha256(fresh).hexdigest()
    try:
        read_checked(path, card.folded_sha256)
    except ModelFileChanged:
        # Another version of the onnx package writes other bytes: compare with those.
        sha256 = hashlib.sha256(_fold(card, published)).hexdigest()
        read_checked(path, sha256)
        return path, sha256
    return path, card.folded_sha256


def _fold(card: ModelCard, published: Path) -> bytes:
    from countenance.faces.fold import fold

    return fold(read_checked(published, card.sha256), dynamic=card.dynamic)


def _write(path: Path, data: bytes) -> None:
    """Write the file in one step: it is there whole, or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
