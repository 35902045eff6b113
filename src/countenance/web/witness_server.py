"""A witness of other people's ledgers: a small server with one file for each ledger, and no database."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from cheroot.wsgi import Server
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countenance.errors import (
    AlreadyExists,
    BadProof,
    InputError,
    NotFound,
    TamperDetected,
    Unavailable,
)
from countenance.ledger.checkpoint import SignedCheckpoint
from countenance.ledger.note import KeyType, VerifierKey, cosign, is_name, witness_key
from countenance.ledger.witness import CONFLICT, MOST_BYTES, OK, SIZE_TYPE, Decision, Seen, decide
from countenance.sealing.factors import Factor, FileFactor
from countenance.sealing.files import make_folder, sync, write_new
from countenance.sealing.keyfile import create_key_file, factor_kind, open_key_file
from countenance.sealing.signing import signer_of
from countenance.tools import utc_now

KEY_FILE, SECRET_FILE, NAME_FILE = "key.json", "key-secret", "witness.json"
LOGS, EVIDENCE = "logs", "evidence"
MOST_EVIDENCE = 1000
THREADS = 4

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class WitnessFolder:
    """Everything a witness has: its key, its name, and what it saw of each ledger."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is read yet."""
        self.folder = folder

    @classmethod
    def make(cls, folder: Path, *, name: str, factor: Factor | None) -> WitnessFolder:
        """Make a witness with a new key.

        Args:
            folder: where; it must not hold a witness yet.
            name: what the witness is called, such as `witness.example.org/one`.
            factor: what opens the key; None: a secret in a file beside it, which only its owner reads.

        Raises:
            InputError: nobody can be called that, or the passphrase is too weak.
            AlreadyExists: there is a witness already.
            Unavailable: it cannot be written.
        """
        if not is_name(name):
            raise InputError("A witness's name has no spaces and no plus signs.")
        made = cls(folder)
        if (folder / KEY_FILE).exists():
            raise AlreadyExists(
                "There is a witness in this folder already; its key is never replaced."
            )
        with _translated():
            make_folder(folder / LOGS)
            make_folder(folder / EVIDENCE)
            _replace(folder / NAME_FILE, {"name": name})
        create_key_file(folder / KEY_FILE, factor or FileFactor(folder / SECRET_FILE))
        return made

    @property
    def name(self) -> str:
        """What the witness is called.

        Raises:
            NotFound: there is no witness in this folder.
        """
        return str(_read(self.folder / NAME_FILE).get("name", ""))

    def needs_passphrase(self) -> bool:
        """Say whether a passphrase opens the key.

        Raises:
            KeyUnavailable: there is no witness in this folder.
        """
        return factor_kind(self.folder / KEY_FILE) != FileFactor.kind

    def open(self, factor: Factor | None = None) -> Ed25519PrivateKey:
        """Return the key that the witness signs with.

        Raises:
            KeyUnavailable: it does not open with this.
        """
        root, _ = open_key_file(
            self.folder / KEY_FILE, factor or FileFactor(self.folder / SECRET_FILE)
        )
        return signer_of(root)

    def add_log(self, key: VerifierKey) -> None:
        """Know one more ledger by its key, or a ledger by one more key.

        Raises:
            InputError: this is not the key of a ledger.
            Unavailable: it cannot be written.
        """
        if key.kind is not KeyType.ED25519:
            raise InputError("This is the key of a witness; a witness witnesses ledgers.")
        path = self._path(key.name)
        with _translated(), self._changing():
            known = _read(path) if path.exists() else {"keys": [], "last": None}
            if str(key) not in known["keys"]:
                _replace(path, {**known, "keys": [*known["keys"], str(key)]})

    def replace_keys(self, key: VerifierKey, *, proof: SignedCheckpoint | None = None) -> None:
        """Know a ledger by this key instead of those of before; what was signed last of it stays.

        Args:
            key: the new one.
            proof: a checkpoint that the new key and one of those of before must have signed; None if that is not asked.

        Raises:
            InputError: this is not the key of a ledger that is witnessed here.
            BadProof: the checkpoint lacks one of the two signatures.
            Unavailable: it cannot be written.
        """
        path = self._path(key.name)
        with _translated(), self._changing():
            if key.kind is not KeyType.ED25519 or not path.exists():
                raise InputError("This is not the key of a ledger that is witnessed here.")
            known = _read(path)
            if proof is not None:
                proof.require_log([key])
                proof.require_log(one for one in _seen_in(known, path).keys if one != key)
            _replace(path, {**known, "keys": [str(key)]})

    def seen(self) -> dict[str, Seen]:
        """Return what the witness saw of each ledger, by its origin.

        Raises:
            TamperDetected: a file is damaged.
        """
        found = {}
        for path in sorted((self.folder / LOGS).glob("*.json")):
            one = _seen_in(_read(path), path)
            found[one.keys[0].name] = one
        return found

    def keep(self, signed: SignedCheckpoint, seen: Seen) -> None:
        """Keep a checkpoint durably as the last one of its ledger, with the keys that were added meanwhile.

        Args:
            signed: the checkpoint.
            seen: what it was judged by.

        Raises:
            Unavailable: the file says by now that another one was signed last.
            TamperDetected: the file is damaged.
        """
        path = self._path(signed.checkpoint.origin)
        with self._changing():
            known = _read(path)
            if _seen_in(known, path).last != seen.last:
                raise Unavailable(
                    "Another process wrote what this witness signed last. Start it anew."
                )
            _replace(path, {**known, "last": str(signed)})

    def keep_evidence(self, body: bytes, *, at: datetime) -> None:
        """Keep a request that its ledger signed and that cannot be signed here: somebody may want to see it."""
        folder = self.folder / EVIDENCE
        path = folder / f"{at:%Y%m%dT%H%M%S}-{hashlib.sha256(body).hexdigest()[:16]}"
        if not path.exists() and sum(1 for _ in folder.iterdir()) < MOST_EVIDENCE:
            write_new(path, body)
            sync(path)
            sync(folder)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder for this process.

        Raises:
            Unavailable: another process serves it.
        """
        descriptor = os.open(self.folder / KEY_FILE, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Unavailable("Another process serves this witness already.") from None
        try:
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Let one at a time read and write what was seen: `witness log` adds keys while the witness serves."""
        descriptor = os.open(self.folder / LOGS, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _path(self, origin: str) -> Path:
        return self.folder / LOGS / f"{hashlib.sha256(origin.encode()).hexdigest()[:32]}.json"


class WitnessApp:
    """The witness's one address, `POST /add-checkpoint`."""

    def __init__(
        self,
        folder: WitnessFolder,
        key: Ed25519PrivateKey,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Read what was seen so far."""
        self._folder, self._key, self._clock = folder, key, clock
        self._name, self._seen = folder.name, folder.seen()
        self._lock = threading.Lock()

    @property
    def verifier_key(self) -> VerifierKey:
        """What others verify the cosignatures with."""
        return witness_key(self._name, self._key)

    def add_checkpoint(self, body: bytes) -> Decision:
        """Judge one request; what is signed is kept durably before the signature leaves."""
        with self._lock:
            decision = decide(body, self._seen)
            signed = decision.signs
            if decision.evidence:
                self._folder.keep_evidence(body, at=self._clock())
            if signed is None:
                return decision
            origin = signed.checkpoint.origin
            self._folder.keep(signed, self._seen[origin])
            self._seen[origin] = Seen(self._seen[origin].keys, signed.checkpoint)
            at = int(self._clock().timestamp())
            line = cosign(signed.note.text, self._name, self._key, at=at).line()
            return Decision(OK, line, signs=signed)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if environ["PATH_INFO"] != "/add-checkpoint":
            return _answer(start_response, Decision(404, "There is nothing here.\n"))
        if environ["REQUEST_METHOD"] != "POST":
            return _answer(start_response, Decision(405, "Checkpoints are posted.\n"))
        body = environ["wsgi.input"].read(MOST_BYTES + 1)
        try:
            return _answer(start_response, self.add_checkpoint(body))
        except (OSError, Unavailable, NotFound, TamperDetected):
            # Nothing was signed: what cannot be kept is not.
            return _answer(start_response, Decision(503, "The witness cannot write just now.\n"))


def server_of(app: WitnessApp, *, host: str, port: int) -> Server:
    """Return a bound server of a witness; `serve` blocks until `stop`.

    Raises:
        OSError: the address cannot be used.
    """
    server = Server((host, port), app, numthreads=THREADS, server_name="countenance-witness")
    server.max_request_body_size = MOST_BYTES
    server.prepare()
    return server


def _answer(start_response: StartResponse, decision: Decision) -> Iterable[bytes]:
    said = decision.said.encode()
    kind = SIZE_TYPE if decision.status == CONFLICT else "text/plain; charset=utf-8"
    headers = [("Content-Type", kind), ("Content-Length", str(len(said)))]
    start_response(f"{decision.status} {_WORDS.get(decision.status, 'Error')}", headers)
    return [said]


_WORDS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    422: "Unprocessable Entity",
    503: "Service Unavailable",
}


def _read(path: Path) -> dict[str, Any]:
    """Return the object in a file of ours."""
    try:
        read = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise NotFound(
            "There is no witness in this folder. Make one with `countenance witness init`."
        ) from None
    except (OSError, ValueError):
        read = None
    if not isinstance(read, dict):
        raise TamperDetected(f"{path} is damaged. Restore it; never begin it anew.")
    return read


def _seen_in(known: dict[str, Any], path: Path) -> Seen:
    """Return what a file says was seen of its ledger; it has one key at least."""
    try:
        keys = tuple(VerifierKey.parse(one) for one in known["keys"])
        last = known["last"] and SignedCheckpoint.parse(known["last"]).checkpoint
        _ = keys[0]
    except (KeyError, IndexError, TypeError, AttributeError, InputError, BadProof):
        raise TamperDetected(f"{path} is damaged. Restore it; never begin it anew.") from None
    return Seen(keys, last or None)


def _replace(path: Path, value: dict[str, Any]) -> None:
    """Write a file durably: what was there stays whole until the new one is."""
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        write_new(part, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())
        sync(part)
        part.replace(path)
        sync(path.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"The witness's folder cannot be written: {os.strerror(error.errno or 0)}."
        ) from None
