"""Everything that somebody can read or send, page by page and command by command, to be compared to the byte.

What differs from one request to the next whoever works beside it is put aside by `plain`, and by nothing
else: tokens against forgery, the number of a request, the number, code, root and time of ledger entries (a
count of all that is done on the whole deployment), how many of them there are of each action (whoever compares
checks that nobody else adds to those), times of day, cookies, and how often in a row the reader did the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import unified_diff
from typing import Any
from uuid import UUID

from clients import prove
from django.db import connection
from django.test import Client
from django.urls import get_resolver, reverse
from examining import Bench

from countenance.apps.galleries.models import Face
from countenance.cli.app import MACHINE_ONLY, app
from countenance.policy import Actor, Deed, may
from countenance.sealing.keyring import Keyring
from countenance.web.access import ACCESS

CHANGES_THE_READER = frozenset(
    {
        "sign_out",
        "session_end",
        "sessions_end",
        "examination_next",  # compared by itself
        "examination_end",
    }
)
"""Sent, these would end the walk or the reader's own work; they change nothing but what is the reader's."""
RANDOM = frozenset(
    {"app_new", "recovery_codes_new", "passkey_options", "passkey_new", "step_up_passkey"}
)
"""Each answer holds a secret that was drawn for it."""


COUNTED = r'<div>(<dt class="id" title="[^"]*">[^<]*</dt>)<dd>[^<]*</dd></div>'


@dataclass(frozen=True)
class Seen:
    """What one request was answered, and what work that took.

    Attributes:
        text: status, headers and body, without what differs each time; of a picture its hash.
        asked: how often the database was asked.
        opened: how many sealed fields were opened.
    """

    text: str
    asked: int
    opened: int


def plain(text: str) -> str:
    """Return a page without what differs from one request to the next."""
    text = re.sub(r'(name="csrfmiddlewaretoken" value=)"\w+"', r"\1TOKEN", text)
    text = re.sub(r'<dt>Root</dt><dd class="id">\w+', "ROOT", text)
    text = re.sub(rf"(?:{COUNTED})+", _sorted_counts, text)
    text = re.sub(r'<span class="id">[0-9a-f]{16}</span>', "REQUEST", text)
    text = re.sub(r"X-Request-ID: \w+", "X-Request-ID", text)
    text = re.sub(r"Set-Cookie: [^\n]*", "", text)
    text = re.sub(r"no\. [\d,\u202f\u00a0 ]+", "no. N", text)
    text = re.sub(
        r'<td class="no">(?:<a [^<]*</a>|[^<]*)</td>|<dt>entries</dt><dd>[^<]*</dd>', "N", text
    )
    text = re.sub(r"/ledger/\?before=\d+", "OLDER", text)
    text = re.sub(r"\b\d{8}-[0-9a-f]{8}\b", "RECEIPT", text)
    text = re.sub(r"\d{1,2}:\d{2}(:\d{2})?", "TIME", text)
    text = re.sub(r"Content-Length: \d+", "Content-Length", text)
    return re.sub(r"(<li>(?:(?!</li>).)*</li>)\1+", r"\1", text, flags=re.DOTALL)


def _sorted_counts(found: re.Match[str]) -> str:
    """Return the actions that the ledger's page counts by name; it lists them by how many there are."""
    return "".join(sorted(re.findall(COUNTED, found[0])))


def routes() -> Iterator[tuple[str, set[str]]]:
    """Yield every route with what its address takes; pages before the pictures that they show."""
    found = []
    for pattern in get_resolver().url_patterns:
        name = str(getattr(pattern, "name", None))
        if name in ACCESS:
            takes = set(getattr(pattern.pattern, "converters", ()))
            found.append((ACCESS[name].loaded_by_pages, len(takes), name, takes))
    for _, _, name, takes in sorted(found, key=lambda one: one[:3]):
        yield name, takes


def ids(made: Bench) -> dict[str, Any]:
    """Return an id for everything that an address of the case, its galleries and people takes."""
    face = Face.objects.first()
    assert face is not None
    nothing = UUID(int=7)
    return {
        "case_id": made.case.pk,
        "search_id": made.search.pk,
        "probe_id": made.search.probe_id,
        "request_id": made.search.answers_id,
        "authority_id": made.search.authority_id,
        "gallery_id": made.gallery.pk,
        "source_id": face.photo.source_id,
        "run_id": face.photo.run_id,
        "photo_id": face.photo_id,
        "subject_id": face.subject_id,
        "face_id": face.pk,
        "person_id": made.second.person,
        "agency_id": made.on.agency.pk,
        "letter": "A",
        "number": 1,
        "rank": 1,
        "which": "probe",
    } | dict.fromkeys(("lead_id", "footage_id", "approval_id", "grant_id"), nothing)


@contextmanager
def opening(monkeypatch: Any) -> Iterator[Callable[[], int]]:
    """Count how many sealed fields are opened."""
    count, real = 0, Keyring.unseal

    def unseal(*given: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        return real(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Keyring, "unseal", unseal)
        yield lambda: count


def walk(
    client: Client,
    made: Bench,
    monkeypatch: Any,
    *,
    mine: UUID,
    theirs: tuple[UUID, UUID],
) -> dict[str, Seen]:
    """Read and send everything.

    Args:
        client: of whoever reads.
        made: what there is to be read.
        monkeypatch: pytest's.
        mine: an examination of theirs.
        theirs: an examination of somebody else, and a comparison in it.
    """
    found: dict[str, Seen] = {}
    prove(client, made.on)
    with opening(monkeypatch) as opened:
        for name, takes in routes():
            both = {"examination_id", "comparison_id"} & takes
            of = {"mine": (mine, mine), "theirs": theirs} if both else {"": (mine, mine)}
            for label, (one, row) in of.items():
                known = ids(made) | {"examination_id": one, "comparison_id": row}
                if not takes <= set(known):
                    continue
                path = reverse(name, kwargs={key: known[key] for key in takes})
                for method in _methods(name):
                    seen = _ask(client, method, path, opened)
                    if method == "post" and ACCESS[name].consumes_step_up:
                        # It may have spent the proof, which otherwise lasts for minutes.
                        prove(client, made.on)
                    for word in map(str, theirs):
                        seen = replace(seen, text=seen.text.replace(word, "THEIRS"))
                    found[f"{method} {name} {label}"] = seen
    return found


def _methods(name: str) -> list[str]:
    if name in RANDOM:
        return []
    access = ACCESS[name]
    methods = [] if access.read is None else ["get"]
    return methods if access.write is None or name in CHANGES_THE_READER else [*methods, "post"]


def _ask(client: Client, method: str, path: str, opened: Callable[[], int]) -> Seen:
    before, asked = opened(), 0

    def count(execute: Any, *given: Any) -> Any:
        nonlocal asked
        asked += 1
        return execute(*given)

    with connection.execute_wrapper(count):
        answer = getattr(client, method)(path)
        body = b"".join(answer) if answer.streaming else answer.content
    headers = "\n".join(f"{key}: {value}" for key, value in sorted(answer.headers.items()))
    cookies = "\n".join(sorted(answer.cookies))
    picture = answer.headers.get("Content-Type", "").startswith("image/")
    said = hashlib.sha256(body).hexdigest()[:32] if picture else body.decode(errors="replace")
    text = f"{answer.status_code}\n{headers}\n{cookies}\n\n{said}"
    return Seen(plain(text), asked, opened() - before)


def differing(one: dict[str, Seen], other: dict[str, Seen]) -> dict[str, list[str]]:
    """Return where two walks saw something else, or where it took other work, and what differs."""
    assert one.keys() == other.keys()
    return {key: _lines(one[key], other[key]) for key in one if one[key] != other[key]}


def _lines(one: Seen, other: Seen) -> list[str]:
    before, after = (re.split(r"\n|(?=<)", seen.text) for seen in (one, other))
    lines = [line[:160] for line in unified_diff(before, after, lineterm="", n=0)]
    return [f"asked {one.asked}, {other.asked}; opened {one.opened}, {other.opened}", *lines[2:12]]


def commands() -> dict[str, Deed | None]:
    """Return every command with what it asks for; without those that ask nobody who they are."""
    made, found = app(), {}
    for command in made.registered_commands:
        found[str(command.name)] = getattr(command.callback, "deed", None)
    for group in made.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            found[f"{group.typer_instance.info.name} {command.name}"] = getattr(
                command.callback, "deed", None
            )
    return {name: deed for name, deed in found.items() if name not in MACHINE_ONLY}


def for_reader(reader: Actor) -> set[str]:
    """Return the commands that somebody may run, with some token."""
    return {name for name, deed in commands().items() if deed is not None and may(reader, deed)}
