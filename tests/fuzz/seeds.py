"""What each parser takes, made by the program itself: where fuzzing begins.

What fuzzing found lies as files in `corpus/<target>/` and is tried first, for ever.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from uuid import UUID

import hostile
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fuzz.targets import BOUNDARY, CONTEXT, DEPLOYMENT, DIMENSIONS, KEY, scratch
from PIL import Image

from countenance.evaluation import evaluate
from countenance.evaluation.trials import Trials
from countenance.examination.components import Answer, Component, Visibility
from countenance.faces import wire
from countenance.index import FlatIndex, QuantisedIndex, Rotation
from countenance.ledger import Action, Entry, Frontier, Head, Receipt, canonical_json, commit, tiles
from countenance.ledger.checkpoint import Checkpoint, SignedCheckpoint, origin_of
from countenance.ledger.export import entry_line, header_line, signed_header_line
from countenance.ledger.note import log_key, witness_key
from countenance.ledger.witness import request_body
from countenance.sealing import envelope, factors, keyfile
from countenance.testing import FakeEngine

HERE = Path(__file__).parent
VECTORS = HERE.parent / "vectors"
START = datetime(2026, 1, 1, tzinfo=UTC)
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def found(target: str) -> list[bytes]:
    """Return what fuzzing found earlier."""
    return [one.read_bytes() for one in sorted((HERE / "corpus" / target).glob("*"))]


def seeds(target: str) -> list[bytes]:
    """Return where fuzzing of a target begins: what it takes, and what was found earlier."""
    return [*found(target), *_made()[target]]


@cache
def _made() -> dict[str, list[bytes]]:
    text = {
        "manifest": [
            b'path,subject,external id,date,notes\na.jpg,Anna,7,2020-02-29,"a, b"\n',
            "\ufeffPath,Subject\r\n../a.jpg,x\r\na.jpg,\r\n".encode(),
        ],
        "labels": [b"file,subject,sex\na.jpg,Anna,f\nb.jpg,Ben,m\n", b"subject,age\nAnna,30\n"],
        "model_card": [*(one.read_bytes() for one in sorted(_cards())), *_without_end(b"a=")],
        "document": [b"%PDF-1.7\n", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"Ordered.\n"],
        "video_start": [b"\x00\x00\x00\x18ftypmp42" + bytes(64), b"\x1aE\xdf\xa3" + bytes(64)],
        "multipart": [_multipart()],
        "passkey": [_passkey()],
        "id_token": [_token()],
        "padding": [envelope.pad(b"photo")],
        "envelope": [
            envelope.seal(b"x", key=KEY, context=CONTEXT),
            envelope.seal_object(b"photo", key=KEY, context=CONTEXT),
        ],
        "key_file": [_key_file()],
        "rotation": [_rotation()],
        "snapshot": list(_snapshots()),
        "archive": [(VECTORS / "bundle.zip").read_bytes()],
        "bundle": [(VECTORS / "bundle.zip").read_bytes()],
        "photo": list(_photos()),
    }
    return text | _of_the_ledger() | _of_examinations() | _of_workers()


def _cards() -> Iterator[Path]:
    from countenance.faces.zoo import CARDS

    yield from CARDS.glob("*.toml")


def _without_end(before: bytes) -> list[bytes]:
    """Return numbers and nestings that are too much for a reader of text."""
    return [before + b"9" * 5000, before + b"[" * 5000, before + b"{a=" * 5000]


def _multipart() -> bytes:
    line = f"--{BOUNDARY}\r\n"
    return (
        f'{line}Content-Disposition: form-data; name="reason"\r\n\r\nwhy\r\n'
        f'{line}Content-Disposition: form-data; name="photo"; filename="a.jpg"\r\n'
        f"Content-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--{BOUNDARY}--\r\n"
    ).encode()


def _passkey() -> bytes:
    data = {"type": "webauthn.create", "challenge": "AAAA", "origin": "https://localhost"}
    answer = {
        "id": "AA",
        "rawId": "AA",
        "type": "public-key",
        "response": {
            "clientDataJSON": json.dumps(data),
            "attestationObject": "oA",
            "signature": "AA",
        },
    }
    return json.dumps({"number": "1", "answer": answer}).encode()


def _token() -> bytes:
    key = {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43, "kid": "1", "alg": "EdDSA", "use": "sig"}
    head = "eyJhbGciOiJFZERTQSIsImtpZCI6IjEifQ"
    return f"{head}.e30.{'A' * 86}\n{json.dumps({'keys': [key]})}".encode()


def _key_file() -> bytes:
    path, secret = scratch() / "seed.json", scratch() / "seed-factor"
    path.unlink(missing_ok=True)
    secret.write_bytes(bytes(range(32)))
    keyfile.create_key_file(path, factors.FileFactor(secret), deployment=DEPLOYMENT)
    return path.read_bytes()


def _rotation() -> bytes:
    drawn = np.random.default_rng(7)
    return Rotation.generate(DIMENSIONS, drawn.bytes).to_bytes()


def _unit(count: int, dimensions: int) -> np.ndarray:
    drawn = np.random.default_rng(7).normal(size=(count, dimensions)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def _snapshots() -> Iterator[bytes]:
    flat = FlatIndex(DIMENSIONS, model="m")
    flat.add(np.arange(3), _unit(3, DIMENSIONS), model="m")
    yield flat.to_bytes()
    coded = QuantisedIndex(16, model="m")
    coded.add(np.arange(40), _unit(40, 16), model="m")
    yield coded.to_bytes()


def _photos() -> Iterator[bytes]:
    small = hostile.drawing(64, 48)
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"):
        yield hostile.saved(small, kind)
    turned = Image.Exif()
    turned[0x0112] = 6
    yield hostile.saved(small, "JPEG", exif=turned)
    yield hostile.saved(small.convert("CMYK"), "JPEG")
    yield hostile.heic()


def _of_the_ledger() -> dict[str, list[bytes]]:
    frontier, lines, entries, receipts = Frontier(), [], [], []
    for index, action in enumerate(list(Action)[:5]):
        body, salt = canonical_json({"who": f"person {index}"}), bytes([index]) * 32
        entry = Entry(action, START, UUID(int=index), commit(body, salt))
        path = frontier.append(entry.leaf())
        receipts.append(Receipt(index, entry.leaf(), frontier.size, frontier.root(), tuple(path)))
        entries.append(entry.canonical())
        shown = {"salt": salt, "body": body} if index % 2 else {}
        lines.append(entry_line(index, entry.canonical(), erased=index == 4, **shown))
    head = Head(frontier.size, frontier.root())
    origin = origin_of(DEPLOYMENT)
    key = log_key(origin, SIGNER)
    signed = SignedCheckpoint.sign(Checkpoint(origin, head.size, head.root), SIGNER)
    plain = header_line(deployment=DEPLOYMENT, head=head)
    headed = signed_header_line(deployment=DEPLOYMENT, signed=signed, key=key)
    policy = {
        "witnesses": [{"key": str(witness_key("w.example", SIGNER)), "url": "https://w.example"}],
        "quorum": 1,
        "grace_seconds": 3600,
    }
    return {
        "entry": entries,
        "export": ["\n".join([first, *lines]).encode() for first in (plain, headed)],
        "receipt": [json.dumps(one.to_dict()).encode() for one in receipts],
        "frontier": [frontier.to_bytes()],
        "note": [str(signed).encode()],
        "checkpoint": [str(signed).encode(), signed.checkpoint.text().encode()],
        "verifier_key": [str(key).encode(), str(witness_key("w.example", SIGNER)).encode()],
        "tiles": [b"", tiles.bundle(entries)],
        "witness_request": [request_body(0, [], signed), request_body(3, [bytes(32)], signed)],
        "witness_policy": [json.dumps(policy).encode()],
    }


def _of_examinations() -> dict[str, list[bytes]]:
    drawn = np.random.default_rng(7)
    trials = Trials(
        model="m",
        subjects=30,
        others=30,
        mated=drawn.uniform(0.4, 0.9, 30),
        ranks=np.ones(30, dtype=np.int64),
        mated_subjects=np.arange(30),
        non_mated=drawn.uniform(-0.1, 0.3, (30, 1)),
        nearest=np.arange(30).reshape(30, 1),
        non_mated_subjects=np.arange(30),
    )
    said = {}
    for name, words in (("analysis", Visibility), ("comparison", Answer)):
        said[name] = json.dumps(
            {
                "marks": {
                    str(one): {"said": str(next(iter(words))), "note": "", "pins": [[0.1, 0.2]]}
                    for one in Component
                },
                "note": "plain",
            }
        ).encode()
    return {
        "trials": [trials.as_json()],
        "evaluation": [evaluate(trials, seed=7, replicates=20).as_json()],
        "checklist": list(said.values()),
        "checklist_form": [_form()],
    }


def _form() -> bytes:
    first = next(iter(Answer))
    fields = [f"said-{one}={first}&pins-{one}=[[0.1,0.2]]" for one in Component]
    return "&".join([*fields, "note=plain"]).encode()


def _of_workers() -> dict[str, list[bytes]]:
    engine = FakeEngine()
    analysis = wire.from_analysis(engine.analyse(FakeEngine.photo("anna")))
    for face in analysis["faces"]:
        face["template"] = bytes(4 * DIMENSIONS)
        face["crop"] = b"jpeg"
    body = wire.pack(analysis)
    return {"wire": [body[4:]], "frames": [body, io.BytesIO(body).read(3)]}
