"""Blindness: nothing of the first examination reaches the second examiner before both are recorded.

The first examiner plants words in every note and concludes unlike anybody would. Then every page of the
router, every command and every file name is read as the second examiner, and searched for them.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from uuid import UUID

import cli_fixtures
import pytest
from cli_fixtures import Cli
from clients import client_of
from django.test import Client
from django.urls import get_resolver, reverse
from examining import ANALYSIS, Bench, begin, bench, checklist, conclude_all, examine

from countenance.apps.agencies.models import Person
from countenance.apps.examinations import queries, services, taking
from countenance.apps.examinations.models import Examination
from countenance.apps.galleries.models import Face
from countenance.apps.records.models import LedgerRow
from countenance.examination.components import Component
from countenance.examination.scale import Conclusion

SAME, OTHER = Conclusion.SAME_STRONG, Conclusion.OTHER_STRONG
PLANTED = "zygomatic-planted-note"
CLOCK = re.compile(r"\d{1,2}:\d{2}")

cli = cli_fixtures.cli


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


@pytest.fixture
def told(made: Bench) -> tuple[Bench, Examination]:
    """The first examiner has recorded, with planted words; the second one has not begun."""
    person = Person.objects.get(pk=made.first.person)
    person.name = "Quentin Plantagenet"
    person.save()
    one = examine(
        made.first,
        made.search,
        tools=made.on.tools,
        concluding=lambda row: SAME if row.about["rank"] == 1 else OTHER,
        note=PLANTED,
    )
    return made, one


def secrets_of(first: Examination) -> list[str]:
    """Return what only the first examiner knows: words, conclusions, ids, the code and their name."""
    found = [PLANTED, str(first.pk), first.pk.hex, first.about["code"], first.examiner.name]
    found += [str(first.examiner_id), SAME.label, str(SAME)]
    for row in queries.comparisons(first):
        found += [str(row.pk), row.pk.hex]
    return found


def every_path(made: Bench, mine: Examination, first: Examination) -> list[str]:
    """Return an address for every route that takes nothing, or ids that the second examiner could try."""
    face = Face.objects.first()
    assert face is not None
    ids: dict[str, Any] = {
        "case_id": made.case.pk,
        "search_id": made.search.pk,
        "probe_id": made.search.probe_id,
        "request_id": made.search.answers_id,
        "authority_id": made.search.authority_id,
        "gallery_id": made.gallery.pk,
        "photo_id": face.photo_id,
        "subject_id": face.subject_id,
        "face_id": face.pk,
        "person_id": made.second.person,
        "letter": "A",
        "number": 1,
    }
    paths = []
    for name, taken in routes():
        tries: list[dict[str, Any]] = [{"examination_id": mine.pk, "comparison_id": mine.pk}]
        if "examination_id" in taken:
            row = queries.comparisons(first)[0]
            tries.append({"examination_id": first.pk, "comparison_id": row.pk})
        for more in tries:
            known = ids | more
            if taken <= set(known):
                paths.append(reverse(name, kwargs={key: known[key] for key in taken}))
    return sorted(set(paths))


def routes() -> list[tuple[str, set[str]]]:
    found = []
    for pattern in get_resolver().url_patterns:
        name = getattr(pattern, "name", None)
        if name:
            found.append((str(name), set(pattern.pattern.converters)))  # type: ignore[union-attr]
    return found


def texts(client: Client, path: str) -> str:
    """Return all that is sent for a page but pictures: headers, body, where it leads."""
    answer = client.get(path)
    headers = " ".join(f"{key}: {value}" for key, value in answer.headers.items())
    if answer.headers.get("Content-Type", "").startswith("image/"):
        return headers
    return headers + b"".join(answer).decode(errors="replace")


def test_no_page_tells_the_second_examiner_anything_of_the_first(
    told: tuple[Bench, Examination],
) -> None:
    made, first = told
    mine = begin(made.second, search=made.search, tools=made.on.tools)
    secrets = secrets_of(first)
    client = client_of(made.on, made.second)
    for step in ("begun", "analysed"):
        paths = every_path(made, mine, first)
        assert len(paths) > 60
        for path in paths:
            text = texts(client, path)
            # What the reader put into the address is theirs, not something that they were told.
            sought = [word for word in secrets if word not in path and word != SAME.label]
            found = [word for word in sought if word.lower() in text.lower()]
            own = [path == reverse("comparison", args=[mine.pk, "A"]), "conclusion-" in text]
            if all(own):
                # The scale itself is on the page, whole and with nothing chosen.
                found = [word for word in found if word != str(SAME)]
                assert " checked" not in text.split("Conclusion</legend>")[1]
            assert found == [], (step, path)
        if step == "begun":
            services.record_analysis(
                made.second, examination=mine, checklist=ANALYSIS, tools=made.on.tools
            )
            mine = queries.examination(made.second, mine.pk)


def test_a_stranger_address_of_the_first_examination_answers_as_one_that_is_not_there(
    told: tuple[Bench, Examination],
) -> None:
    made, first = told
    client = client_of(made.on, made.second)
    nothing = UUID(int=first.pk.int ^ 1)
    for there, elsewhere in zip(
        about(first.pk, queries.comparisons(first)[0].pk), about(nothing, nothing), strict=True
    ):
        one, other = client.get(there), client.get(elsewhere)
        assert (one.status_code, other.status_code) == (404, 404)
        assert plain(one.content.decode()) == plain(other.content.decode())


def about(examination: UUID, comparison: UUID) -> list[str]:
    return [
        reverse("examination", args=[examination]),
        reverse("comparison", args=[examination, "A"]),
        reverse("examination_end", args=[examination]),
        reverse("examination_probe", args=[examination]),
        reverse("comparison_photo", args=[examination, "A", 1]),
        reverse("conclusion_follow", args=[examination, comparison]),
    ]


def plain(page: str) -> str:
    """Return a page without what differs from one request to the next: ids, times, tokens."""
    page = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9A-Za-z]{32,}", "id", page)
    # How much waits in the inbox is about everything else that waits.
    page = re.sub(r'<span class="tag">[^<]*<span class="sr"> waiting</span></span>', "", page)
    page = re.sub(r"no\. [\d,\u202f ]+", "no. n", page)
    page = re.sub(r'<span class="id">[^<]*</span>|<span class="code">[^<]*</span>', "code", page)
    return CLOCK.sub("time", page)


def test_pages_of_a_second_examination_are_those_of_a_first_one(made: Bench) -> None:
    """Whether another one was recorded before changes no byte but ids, the drawn order and the code."""
    tools, pages = made.on.tools, {}
    other = made.another_search("anna", shot=9)
    examine(made.first, other, tools=tools, note=PLANTED)
    for name, found in (("first", made.search), ("second", other)):
        mine = begin(made.second, search=found, tools=tools)
        client = client_of(made.on, made.second)
        page = client.get(reverse("examination", args=[mine.pk])).content.decode()
        conclude_all(made.second, mine, tools=tools)
        pages[name] = plain(page).replace(mine.about["code"], "CODE")
    assert pages["first"] == pages["second"]


def test_the_order_of_the_second_does_not_follow_that_of_the_first(made: Bench) -> None:
    agreeing, tries = 0, 30
    for n in range(tries):
        found = made.another_search(shot=30 + n)
        orders = [
            [
                row.about["rank"]
                for row in queries.comparisons(begin(actor, search=found, tools=made.on.tools))
            ]
            for actor in (made.first, made.second)
        ]
        agreeing += orders[0][0] == orders[1][0]
    # One in four by chance; nineteen or more of thirty would happen less than once in 100,000 times.
    assert agreeing < 19


def test_no_command_tells_the_second_examiner_anything_of_the_first(
    cli: Cli, told: tuple[Bench, Examination]
) -> None:
    made, first = told
    begin(made.second, search=made.search, tools=made.on.tools)
    secrets = [*secrets_of(first), "anna", 'similarity":']
    commands: list[list[object]] = [
        ["result", made.search.pk],
        ["inbox"],
        ["case", "list"],
        ["authority", "list"],
        ["approval", "list"],
        ["gallery", "list"],
        ["whoami"],
    ]
    for command in commands:
        for json_too in ([], ["--json"]):
            _, out, said = cli.shown(*command, *json_too, as_=made.second)
            found = [word for word in secrets if word in out + said]
            assert found == [], command
    code, value = cli("result", made.search.pk, as_=made.second)
    assert (code, value["candidates"], value["to_examine"]) == (0, [], None)


def test_the_first_examiner_reads_with_the_command_what_they_examined(
    cli: Cli, told: tuple[Bench, Examination]
) -> None:
    made, _ = told
    code, value = cli("result", made.search.pk, as_=made.first)
    assert (code, value["candidates"][0]["subject"]) == (0, "anna")


def test_no_file_name_and_no_column_in_clear_holds_a_planted_word(
    told: tuple[Bench, Examination],
) -> None:
    from django.db import connection

    made, first = told
    secrets = [PLANTED, SAME.label, first.about["code"]]
    names = " ".join(str(path) for path in made.on.home.rglob("*"))
    assert [word for word in secrets if word in names] == []
    with connection.cursor() as cursor:
        for table in ("examination", "comparison", "closing"):
            cursor.execute(f"select t::text from examinations_{table} t")  # our names
            rows = json.dumps(cursor.fetchall())
            assert [word for word in secrets if word in rows] == []
            assert PLANTED.encode().hex() not in rows


def test_the_ledger_names_a_control_and_a_search_alike(made: Bench) -> None:
    tools = made.on.tools
    for actor, chance in ((made.first, 0), (made.second, 255)):

        def drawn(length: int, chance: int = chance) -> bytes:
            if length == taking.DRAW_BYTES:
                return bytes([chance]) * length
            made_of: bytes = tools.token_bytes(length)
            return made_of

        before = LedgerRow.objects.count()
        taking.take_examination(actor, tools=replace(tools, token_bytes=drawn))
        rows = LedgerRow.objects.filter(index__gte=before).order_by("index")
        assert [row.action for row in rows] == ["examination.drawn", "examination.begun"]
        assert len({row.about for row in rows}) == 1


def test_planted_words_are_found_where_they_may_be(told: tuple[Bench, Examination]) -> None:
    """So that the tests above would see them: once both are recorded, the second one reads them."""
    made, _ = told
    examine(made.second, made.search, tools=made.on.tools)
    client = client_of(made.on, made.second)
    page = client.get(reverse("consolidation", args=[made.search.pk])).content.decode()
    assert PLANTED in page
    assert SAME.label in page


def test_a_checklist_names_every_component_once() -> None:
    assert len(checklist(SAME)["marks"]) == len(Component)
