"""Blindness to the byte: what the second examiner is sent is the same wherever the first one is.

The second one reads and sends everything while the first (a) has not begun, (b) has an examination open
with drafts, an analysis and a conclusion, and (c) has recorded all of it. Each answer is the same to the
byte, asks the database as often and opens as much that is sealed. `blind_walk.plain` says what is put aside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import cli_fixtures
import pytest
from blind_walk import Seen, commands, differing, for_reader, ids, plain, walk
from cli_fixtures import Cli
from clients import client_of
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from examining import ANALYSIS, Bench, begin, bench, checklist, conclude_all, drawing
from fake_mail import FakeMail, mail_server
from leading import OTHER, SAME, about_first, prepared
from structlog.testing import capture_logs

from countenance import config as settings
from countenance.apps.agencies.models import Person
from countenance.apps.examinations import queries, services, taking
from countenance.apps.examinations.models import Examination
from countenance.apps.records import waiting
from countenance.apps.records.models import LedgerRow
from countenance.config import Config
from countenance.examination.scale import Conclusion
from countenance.ledger.entry import OF_EXAMINERS
from countenance.policy import Actor, Role
from countenance.web import ledger_views
from countenance.web.mail import Mailer
from countenance.web.notices import Round

pytestmark = pytest.mark.timeout(900)

PLANTED = "zygomatic-planted-note"
FIRST = "Quentin Plantagenet"
ORDER = "order.pdf"
LOOKS_LISTED = 13
"""The page of a photo lists its twelve newest entries; after so many looks the list stays as long."""
ENTRIES_LISTED = 50
"""The page of the ledger lists no more here, so that all of them are the reader's since the walk before."""

cli = cli_fixtures.cli


@pytest.fixture
def made(deployment: Any) -> Bench:
    made = bench(deployment)
    person = Person.objects.get(pk=made.first.person)
    person.name = FIRST
    person.save()
    return made


def half(made: Bench, found: Any) -> Examination:
    """Let the first examiner begin, analyse, conclude one candidate and keep a draft of another."""
    tools, actor = made.on.tools, made.first
    one = begin(actor, search=found, tools=tools)
    said = {**ANALYSIS, "note": PLANTED}
    services.save_analysis_draft(actor, examination=one, checklist=said, tools=tools)
    services.record_analysis(actor, examination=one, checklist=said, tools=tools)
    rows = queries.comparisons(one)
    step = Conclusion.SAME_STRONG
    given = {"checklist": checklist(step, note=PLANTED), "conclusion": str(step), "tools": tools}
    services.record_conclusion(actor, comparison=rows[0], **given)
    services.save_comparison_draft(actor, comparison=rows[1], **given)
    return queries.examination(actor, one.pk)


def whole(made: Bench, one: Examination) -> None:
    """Let the first examiner record the rest, and read what it was."""
    tools = made.on.tools
    for row in queries.comparisons(one):
        if row.said is None:
            step = Conclusion.OTHER_STRONG
            services.record_conclusion(
                made.first,
                comparison=row,
                checklist=checklist(step, note=PLANTED),
                conclusion=str(step),
                tools=tools,
            )
    client = client_of(made.on, made.first)
    assert client.get(f"/examinations/{one.pk}/").status_code == 200
    assert client.get(f"/searches/{one.search_id}/").status_code == 200


def states(made: Bench, read: Callable[[tuple[UUID, UUID]], Any]) -> dict[str, Any]:
    """Read in each of the three states; before the first one begins, its ids are of nothing."""
    nothing = (uuid4(), uuid4())
    read(nothing)  # What a first reading alone leaves behind, such as a list of what one looked at.
    found = {"the first has not begun": read(nothing)}
    with counting_nothing():
        one = half(made, made.search)
    theirs = (one.pk, queries.comparisons(one)[0].pk)
    found["it is open"] = read(theirs)
    with counting_nothing():
        whole(made, one)
    found["it is recorded"] = read(theirs)
    return found


@contextmanager
def counting_nothing() -> Iterator[None]:
    """Check that what is done makes only entries that the ledger shows and counts to no examiner."""
    before = LedgerRow.objects.count()
    yield
    made = LedgerRow.objects.filter(index__gte=before).values_list("action", flat=True)
    assert set(made) - set(OF_EXAMINERS) == set()


def secrets_of(made: Bench) -> list[str]:
    """Return what nobody but the first examiner knows, and what nobody knows before having examined."""
    one = Examination.objects.get(examiner_id=made.first.person, search=made.search)
    found = [PLANTED, FIRST, str(one.pk), one.pk.hex, one.about["code"]]
    for row in queries.comparisons(one):
        found += [str(row.pk), row.pk.hex]
    for candidate in made.search.outcome["candidates"]:
        similarity = candidate["faces"][0]["similarity"]
        found += [f"{similarity:.3f}", repr(similarity)]
    return found


def told(seen: dict[str, Any], secrets: list[str]) -> dict[str, list[str]]:
    """Return which secrets are in what, beyond what was there before the first began."""
    before = seen["the first has not begun"]
    found = {}
    for state, pages in seen.items():
        for key, page in pages.items():
            text, known = _text(page).lower(), _text(before[key]).lower()
            if words := [w for w in secrets if w.lower() in text and w.lower() not in known]:
                found[f"{state}: {key}"] = words
    return found


def _text(page: Any) -> str:
    return page.text if isinstance(page, Seen) else str(page)


def second(made: Bench, *roles: Role) -> Actor:
    """Return the second examiner, with more roles if any are named."""
    if not roles:
        return made.second
    person = Person.objects.get(pk=made.second.person)
    person.standing = {**person.standing, "roles": sorted({Role.EXAMINER, *roles})}
    person.save()
    return replace(made.second, roles=frozenset({Role.EXAMINER, *roles}))


def nothing_of_mine(made: Bench) -> UUID:
    return uuid4()


def open_of_mine(made: Bench) -> UUID:
    one = begin(made.second, search=made.search, tools=made.on.tools)
    services.record_analysis(made.second, examination=one, checklist=ANALYSIS, tools=made.on.tools)
    return UUID(str(one.pk))


def drawn_by_me(made: Bench) -> UUID:
    one = taking.take_examination(made.second, tools=drawing(made, control=False))
    return UUID(str(one.pk))


@pytest.mark.parametrize(
    ("mine", "roles"),
    [
        (nothing_of_mine, ()),
        (open_of_mine, ()),
        (drawn_by_me, ()),
        (nothing_of_mine, (Role.SUPERVISOR,)),
    ],
)
def test_everything_that_the_second_is_sent_is_the_same_wherever_the_first_is(
    made: Bench,
    monkeypatch: pytest.MonkeyPatch,
    mine: Callable[[Bench], UUID],
    roles: tuple[Role, ...],
) -> None:
    own = mine(made)
    client = client_of(made.on, second(made, *roles))
    _fill_lists(client, made, monkeypatch)
    found = states(made, lambda theirs: walk(client, made, monkeypatch, mine=own, theirs=theirs))
    assert len(found["the first has not begun"]) > 150
    for state in ("it is open", "it is recorded"):
        assert differing(found["the first has not begun"], found[state]) == {}, state
    assert told(found, secrets_of(made)) == {}


def _fill_lists(client: Client, made: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let lists of the newest entries hold nothing but what the reader does in a walk."""
    monkeypatch.setattr(ledger_views, "LISTED_ENTRIES", ENTRIES_LISTED)
    for _ in range(LOOKS_LISTED):
        client.get(reverse("photo_image", args=[ids(made)["photo_id"]]))


def test_the_same_reading_finds_all_of_it_once_both_are_recorded(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the test above would have found it."""
    one = half(made, made.search)
    whole(made, one)
    mine = begin(made.second, search=made.search, tools=made.on.tools)
    conclude_all(made.second, mine, tools=made.on.tools)
    client = client_of(made.on, made.second)
    theirs = (one.pk, queries.comparisons(one)[0].pk)
    seen = walk(client, made, monkeypatch, mine=mine.pk, theirs=theirs)
    text = "".join(page.text for page in seen.values())
    similarity = made.search.outcome["candidates"][0]["faces"][0]["similarity"]
    for word in (PLANTED, FIRST, f"{similarity:.3f}"):
        assert word in text, word


def invocations(made: Bench, place: Path) -> dict[str, list[list[object]]]:
    """Return how a reader runs each command; every command that an examiner may run is here."""
    nothing = uuid4()
    photo = place / "none.jpg"
    return {
        "inbox": [["inbox"]],
        "result": [["result", made.search.pk], ["result", nothing]],
        "search": [["search", photo, "-g", made.gallery.name, "--case", made.case.reference]],
        "gallery list": [["gallery", "list"]],
        "gallery show": [["gallery", "show", made.gallery.name]],
        "evaluations list": [["evaluations", "list"]],
        "evaluations show": [["evaluations", "show", nothing]],
        "evaluations check": [["evaluations", "check", nothing]],
        "operating-point show": [["operating-point", "show", "--gallery", made.gallery.name]],
        "index status": [["index", "status"]],
        "index check": [["index", "check", made.gallery.name]],
        "photo list": [["photo", "list", "--gallery", made.gallery.name]],
        "subject list": [["subject", "list", "--gallery", made.gallery.name]],
        "authority list": [["authority", "list"]],
        "authority show": [["authority", "show", str(made.search.authority_id)]],
        "authority document": [["authority", "document", made.search.authority_id, place / ORDER]],
        "case list": [["case", "list"]],
        "approval list": [["approval", "list"]],
        "approval show": [["approval", "show", nothing]],
        "approval ask-sensitive": [],
        "approval withdraw": [["approval", "withdraw", nothing, "--reason", PLANTED[:5]]],
        # Those of a supervisor who examines.
        "verify-ledger": [["verify-ledger"]],
        "source list": [["source", "list"]],
        "person list": [["person", "list"]],
        "case close": [["case", "close", "no such case", "--reason", "It was found on 3 May"]],
        "case members": [["case", "members", "no such case", "--member", "otto@example.org"]],
    }


@pytest.mark.parametrize("roles", [(), (Role.SUPERVISOR,)])
def test_every_command_prints_the_same_wherever_the_first_is(
    cli: Cli, made: Bench, tmp_path: Path, roles: tuple[Role, ...]
) -> None:
    reader = second(made, *roles)
    known = invocations(made, tmp_path)
    ways_to_ask = ("approval ask", "operating-point ask")
    asking = {name for name in commands() if name.startswith(ways_to_ask)}
    assert for_reader(reader) - set(known) - asking == set()
    begin(made.second, search=made.search, tools=made.on.tools)

    def read(_: Any) -> dict[str, str]:
        found = {}
        for ways in known.values():
            for way in ways:
                for more in ([], ["--json"]):
                    (tmp_path / ORDER).unlink(missing_ok=True)
                    code, out, said = cli.shown(*way, *more, as_=reader)
                    key = " ".join(map(str, [*way, *more]))
                    found[key] = _plain(f"{code}\n{out}\n{said}")
        return found

    found = states(made, read)
    for state in ("it is open", "it is recorded"):
        assert found[state] == found["the first has not begun"], state
    assert told(found, secrets_of(made)) == {}


def _plain(text: str) -> str:
    """Return what a command printed without the counts of a ledger, to which every look of the reader adds."""
    text = re.sub(r'"(size|bodies)": ?\d+|\b\d+ entries|checked: \d+', "N", text)
    text = re.sub(r'"(last|root)": ?"[^"]*"|root [0-9a-f]+', "N", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "HASH", text)  # of receipts: the tree as it is now
    return plain(re.sub(r'([a-z_]+\.[a-z_]+)(": ?| +[│|]? *)\d+', r"\1 N", text))


def test_a_third_examiner_with_a_token_reads_no_more_than_without(cli: Cli, made: Bench) -> None:
    """No token examines; that does not make an examiner on the command line one who never does."""
    for number, actor in enumerate((made.first, made.second)):
        one = begin(actor, search=made.search, tools=made.on.tools)
        step = (Conclusion.SAME, Conclusion.OTHER)[number]
        conclude_all(actor, one, tools=made.on.tools, concluding=lambda _, step=step: step)
    code, value = cli("result", made.search.pk, as_=made.third)
    assert (code, value["candidates"], value["to_examine"]) == (0, [], None)


def test_a_draw_takes_the_same_wherever_the_first_is(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    tools = drawing(made, control=False)
    client = client_of(made.on, made.second)
    for state in ("not begun", "open", "recorded"):
        search = made.search if not found else made.another_search("anna", shot=9 + len(found))
        if state != "not begun":
            one = half(made, search)
            if state == "recorded":
                whole(made, one)
        entries = LedgerRow.objects.count()
        with CaptureQueriesContext(connection) as asked:
            drawn = taking.take_examination(made.second, tools=tools)
        entries = LedgerRow.objects.count() - entries
        assert drawn.search_id == search.pk
        page = client.get(f"/examinations/{drawn.pk}/").content.decode()
        page = page.replace(str(drawn.pk), "ID").replace(drawn.about["code"], "CODE")
        found.append((len(asked), entries, plain(page)))
        services.end_examination(
            made.second, examination=drawn, reason="I know the man on it", tools=made.on.tools
        )
    assert found[0] == found[1] == found[2]


@pytest.fixture
def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMail]:
    with mail_server(tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        yield server


def test_inbox_mails_logs_and_files_tell_nothing(made: Bench, mail: FakeMail) -> None:
    said = {"host": "localhost", "port": mail.port, "sender": "countenance@example.org"}
    config = Config(home=Path("/nowhere"), mail=said, web={"names": ["face.example.org"]})  # type: ignore[arg-type]
    person, mails = Person.objects.get(pk=made.second.person), []

    def read(_: Any) -> dict[str, str]:
        mail.mails.clear()
        mailer = Mailer(config)
        # Days apart, so that whatever were new would be told of.
        later = made.on.tools.clock() + len(mails) * timedelta(days=2)
        try:
            Round().send_due(mailer, tools=replace(made.on.tools, clock=lambda: later))
        finally:
            mailer.close()
        mails.append(sum(address == person.email for address, _, _ in mail.mails))
        return {"inbox": repr(waiting.inbox(made.second, tools=made.on.tools))}

    with capture_logs() as logs:
        found = states(made, read)
    for state in ("it is open", "it is recorded"):
        assert found[state] == found["the first has not begun"], state
    assert mails == [1, 0, 0, 0]
    secrets = secrets_of(made)
    assert told(found, secrets) == {}
    assert [word for word in secrets[:5] if word in repr(logs)] == []
    names = " ".join(str(path) for path in made.on.home.rglob("*"))
    assert [word for word in secrets if word in names] == []
    assert settings.current().home == made.on.home


@pytest.mark.parametrize("roles", [(), (Role.SUPERVISOR,)])
def test_a_third_examiner_sees_no_sign_of_a_lead(
    deployment: Any, monkeypatch: pytest.MonkeyPatch, roles: tuple[Role, ...]
) -> None:
    """Two agree on one candidate, which becomes a lead, and disagree on another; a third may be asked."""
    world = prepared(deployment, about_first, lambda row: SAME if row.about["rank"] < 3 else OTHER)
    made = world.made
    made.examiners[1] = made.examiners[2]  # who reads
    client = client_of(made.on, second(made, *roles))
    nothing = (uuid4(), uuid4())

    def read() -> dict[str, Seen]:
        return walk(client, made, monkeypatch, mine=uuid4(), theirs=nothing)

    _fill_lists(client, made, monkeypatch)
    read()
    before = read()
    if not roles:
        # Two walks of one state agree, so that what differs below is of the lead.
        assert differing(before, read()) == {}
    lead = world.release()
    assert differing(before, read()) == {}
    # Whoever guessed its address is told what is said of one that is not there.
    there, nowhere = (client.get(f"/leads/{one}/") for one in (lead.pk, uuid4()))
    assert (there.status_code, nowhere.status_code) == (404, 404)
    assert plain(there.content.decode()) == plain(nowhere.content.decode())
