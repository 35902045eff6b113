"""Every parser of ours as a plain function of bytes: `fuzz_<name>(data)`.

What may come of any bytes is a value, or an error that the parser says it raises. Anything else passes
through and is a defect. Each returns whether the bytes were a value, so that a target that refuses
everything is noticed. `run_atheris.py` drives them by coverage, `test_parsers.py` by hypothesis.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadhandler import StopUpload
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from countenance.apps.agencies import oidc, views, webauthn
from countenance.apps.cases import documents
from countenance.apps.evaluations import sampling
from countenance.apps.galleries import intake
from countenance.bundle import archive
from countenance.bundle.verify import verify as verify_bundle
from countenance.errors import CountenanceError
from countenance.evaluation.report import Evaluation
from countenance.evaluation.trials import Trials
from countenance.examination import checklist
from countenance.faces import reel, wire
from countenance.faces.card import parse_card
from countenance.faces.decode import decode
from countenance.faces.limits import Limits
from countenance.index import Rotation, plan
from countenance.ledger import tiles, witness
from countenance.ledger.checkpoint import Checkpoint, SignedCheckpoint
from countenance.ledger.entry import Entry
from countenance.ledger.merkle import Frontier
from countenance.ledger.note import Note, VerifierKey
from countenance.ledger.quorum import WitnessPolicy
from countenance.ledger.receipt import Receipt
from countenance.ledger.verify import verify_export
from countenance.sealing import envelope, factors, keyfile
from countenance.ui.checklists import posted

Target = Callable[[bytes], bool]

DEPLOYMENT = UUID(int=77)
KEY = envelope.Key(bytes(range(32)))
CONTEXT = envelope.Context(deployment=DEPLOYMENT, agency=None, kind="photo", object=UUID(int=1))
BOUNDARY = "fuzz"
DIMENSIONS = 4
SMALL = Limits(file_bytes=2**20, jpeg_pixels=2**22, pixels=2**22, side=4096)
NOT_JSON = (ValueError, RecursionError)
LIMITED = (
    MultiPartParserError,
    SuspiciousOperation,
    UnreadablePostError,
    StopUpload,
)
"""What Django itself answers with 400 or 413."""


def taken(parse: Callable[[], object], *errors: type[BaseException]) -> bool:
    """Say whether bytes are a value; let everything pass that is no error of ours."""
    try:
        parse()
    except (CountenanceError, *errors):
        return False
    return True


def json_of(data: bytes) -> Any:
    """Return the value that JSON spells; None if it is none, as whoever calls these parsers does."""
    try:
        return json.loads(data)
    except NOT_JSON:
        return None


@cache
def scratch() -> Path:
    """Return a folder for the parsers that read files; on Linux in memory."""
    memory = Path("/dev/shm")
    where = tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None)
    return Path(where)


def file_of(data: bytes, name: str) -> Path:
    """Return a file with these bytes."""
    path = scratch() / name
    path.write_bytes(data)
    return path


def fuzz_entry(data: bytes) -> bool:
    return taken(lambda: Entry.parse(data))


def fuzz_export(data: bytes) -> bool:
    return taken(lambda: verify_export(io.BytesIO(data)))


def fuzz_receipt(data: bytes) -> bool:
    said = json_of(data)
    return taken(lambda: Receipt.from_dict(said).verify())


def fuzz_frontier(data: bytes) -> bool:
    return taken(lambda: Frontier.from_bytes(data).root())


def fuzz_note(data: bytes) -> bool:
    return taken(lambda: Note.parse(data))


def fuzz_checkpoint(data: bytes) -> bool:
    text = data.decode(errors="replace")
    return taken(lambda: SignedCheckpoint.parse(data)) | taken(lambda: Checkpoint.parse(text))


def fuzz_verifier_key(data: bytes) -> bool:
    return taken(lambda: VerifierKey.parse(data.decode(errors="surrogateescape")))


def fuzz_tiles(data: bytes) -> bool:
    return taken(lambda: tiles.read_bundle(data)) & taken(
        lambda: tiles.check_bundle(data, b"") or 1
    )


def fuzz_witness_request(data: bytes) -> bool:
    return witness.decide(data, {}).status < 500


def fuzz_witness_policy(data: bytes) -> bool:
    said = json_of(data)
    return taken(lambda: WitnessPolicy.from_dict(said))


def fuzz_archive(data: bytes) -> bool:
    return taken(lambda: archive.unpack(data))


def fuzz_bundle(data: bytes) -> bool:
    return taken(lambda: verify_bundle(data))


def fuzz_manifest(data: bytes) -> bool:
    path = file_of(data, "manifest.csv")
    return taken(lambda: list(intake.plan(path)))


def fuzz_labels(data: bytes) -> bool:
    path = file_of(data, "labels.csv")
    return taken(lambda: sampling.listed(path, read=Path.read_bytes)) | taken(
        lambda: sampling.groups_of(path)
    )


def fuzz_model_card(data: bytes) -> bool:
    return taken(lambda: parse_card(data, "card"))


def fuzz_snapshot(data: bytes) -> bool:
    return taken(lambda: plan.opened(data))


def fuzz_rotation(data: bytes) -> bool:
    return taken(lambda: Rotation.from_bytes(data))


def fuzz_envelope(data: bytes) -> bool:
    return taken(lambda: envelope.unseal(data, key=KEY, context=CONTEXT)) | taken(
        lambda: envelope.unseal_object(data, key=KEY, context=CONTEXT)
    )


def fuzz_padding(data: bytes) -> bool:
    return taken(lambda: envelope.unpad(data))


def fuzz_key_file(data: bytes) -> bool:
    path = file_of(data, "root.json")
    secret = factors.FileFactor(file_of(bytes(range(32)), "factor"))
    for told in (
        keyfile.factor_kind,
        keyfile.factor_parts,
        keyfile.root_epoch,
        keyfile.oldest_root,
    ):
        taken(partial(told, path))
    taken(lambda: keyfile.service_key(path, "kms"))
    return taken(lambda: keyfile.open_root(path, secret))


def fuzz_evaluation(data: bytes) -> bool:
    return taken(lambda: Evaluation.from_json(data))


def fuzz_trials(data: bytes) -> bool:
    return taken(lambda: Trials.from_json(data))


def fuzz_checklist(data: bytes) -> bool:
    said = json_of(data)
    return taken(lambda: checklist.read_analysis(said)) | taken(
        lambda: checklist.read_comparison(said)
    )


def fuzz_checklist_form(data: bytes) -> bool:
    from django.http import QueryDict

    sent = QueryDict(data, mutable=False)
    return taken(lambda: checklist.read_comparison(posted(sent)))


def fuzz_wire(data: bytes) -> bool:
    def parse() -> None:
        message = wire.unpack(data)
        wire.to_analysis(message, model="m", dimensions=DIMENSIONS)

    def watched() -> None:
        reel.to_reel(wire.unpack(data), reel.VideoLimits())

    return taken(parse, wire.BadFrame) | taken(watched, wire.BadFrame)


def fuzz_frames(data: bytes) -> bool:
    return taken(lambda: wire.read(io.BytesIO(data)), wire.BadFrame)


def fuzz_document(data: bytes) -> bool:
    return taken(lambda: documents.format_of(data))


def fuzz_video_start(data: bytes) -> bool:
    return taken(lambda: reel.check_bytes(data, reel.VideoLimits()))


def fuzz_photo(data: bytes) -> bool:
    """Decode in this process what the worker decodes in its own."""
    return taken(lambda: decode(data, SMALL))


def fuzz_multipart(data: bytes) -> bool:
    """Read an upload as the web app does: in memory, with its limits."""
    from django.core.handlers.wsgi import WSGIRequest

    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/cases/new/",
        "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}",
        "CONTENT_LENGTH": str(len(data)),
        "wsgi.input": io.BytesIO(data),
    }

    def parse() -> None:
        request = WSGIRequest(environ)
        for one in request.FILES.values():
            assert one.size == len(one.read())
        assert len(request.POST) <= len(data)

    return taken(parse, *LIMITED)


def fuzz_passkey(data: bytes) -> bool:
    """Read what `passkeys.js` sends, as a new passkey and as a proof."""
    _, answer = views.read_answer(data.decode(errors="replace"))
    site = webauthn.Site(rp_id="localhost", origin="https://localhost")
    state = {"challenge": "AAAA", "user_verification": "required"}
    pending = webauthn.Pending(
        purpose=webauthn.Purpose.ADD, user=None, about=None, state=state, until=datetime.now(UTC)
    )
    webauthn.credential_id(answer)
    taken(lambda: webauthn.check_registration(pending, answer, site=site))
    key = webauthn.Passkey(credential=bytes(18), sign_count=0)
    taken(lambda: webauthn.check_proof(pending, answer, passkey=key, user=DEPLOYMENT, site=site))
    return bool(answer)


class _Still:
    """Stands in for the tools of a service: the time, which stands."""

    @staticmethod
    def clock() -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)


def fuzz_id_token(data: bytes) -> bool:
    """Check a token of a provider together with the keys that it says are its own."""
    token, _, keys = data.partition(b"\n")
    settings = oidc.Settings(issuer="https://i.example", client_id="c", client_secret="s")
    asked = oidc.Asked(
        state="s", nonce="n", verifier="v", redirect_uri="https://u/", anew=False, at=_Still.clock()
    )
    known = json_of(keys)

    def parse() -> None:
        oidc.verify(token.decode(errors="replace"), known, settings, asked, tools=_Still())  # type: ignore[arg-type]

    taken(parse, *oidc._NOT_RIGHT)
    return isinstance(known, dict)


TARGETS: dict[str, Target] = {
    name.removeprefix("fuzz_"): one
    for name, one in dict(globals()).items()
    if name.startswith("fuzz_")
}
