"""While an examination is open that an examiner drew, no other picture and no search is shown to them.

The routes are read from the router, so that one that is added cannot be forgotten.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import cli_fixtures
import pytest
from cli_fixtures import Cli
from clients import client_of
from django.test import Client
from django.urls import get_resolver, reverse
from examining import Bench, begin, bench, conclude_all, drawing

from countenance.apps.examinations import services, taking
from countenance.apps.examinations.models import Examination
from countenance.apps.galleries import looks
from countenance.apps.galleries.models import Face
from countenance.apps.records.models import LedgerRow
from countenance.ledger.entry import Action
from countenance.policy import Role, may
from countenance.testing import FakeEngine
from countenance.web.access import ACCESS

RULE = "examination.drawn_open"
WHY = "I know the man on the photo from the swimming club"
OF_PICTURES = frozenset({"search_id", "probe_id", "footage_id", "lead_id", "photo_id", "face_id"})
"""Whatever is about one of these shows its picture, or a page with it."""
ALLOWED = frozenset({"examination_probe", "comparison_photo"})
"""The pictures of the examination itself."""

cli = cli_fixtures.cli


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


@pytest.fixture
def _looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a session fetch every picture, as if its page had been shown before the draw."""
    monkeypatch.setattr(looks, "require_look", lambda *_: None)


def drawn(made: Bench, *, control: bool) -> Examination:
    one = taking.take_examination(made.second, tools=drawing(made, control=control))
    assert (one.control is not None) == control
    return one


def shown(made: Bench) -> dict[str, str]:
    """Return the address of every page and picture that an examiner may ask for and that shows photos."""
    face = Face.objects.select_related("photo").first()
    assert face is not None
    known: dict[str, Any] = {
        "search_id": made.search.pk,
        "probe_id": made.search.probe_id,
        "photo_id": face.photo_id,
        "face_id": face.pk,
        "gallery_id": made.gallery.pk,
        "footage_id": uuid4(),
        "lead_id": uuid4(),
        "number": 0,
        "rank": 0,
        "which": "probe",
    }
    found = {"gallery": reverse("gallery", args=[made.gallery.pk])}
    for pattern in get_resolver().url_patterns:
        name = str(getattr(pattern, "name", None))
        access, takes = ACCESS.get(name), set(getattr(pattern.pattern, "converters", ()))
        if access is None or access.read is None or name in ALLOWED:
            continue
        if not may(made.second, access.read) or not (access.loaded_by_pages or takes & OF_PICTURES):
            continue
        found[name] = reverse(name, kwargs={one: known[one] for one in takes})
    found["probe_image"] += "?face=none"  # who waits for examiners is shown with all faces blurred
    return found


def statuses(client: Client, paths: dict[str, str]) -> dict[str, int]:
    return {name: client.get(path).status_code for name, path in paths.items()}


@pytest.mark.usefixtures("_looked_at")
@pytest.mark.parametrize("control", [False, True])
@pytest.mark.parametrize("over", ["given up", "finished"])
def test_every_picture_and_search_is_refused_while_a_drawn_examination_is_open(
    made: Bench, control: bool, over: str
) -> None:
    client, paths = client_of(made.on, made.second), shown(made)
    assert {"probe_image", "photo_image", "face_crop", "footage_face", "lead_image"} <= set(paths)
    assert {"search", "probe", "consolidation", "consolidation_photo", "gallery"} <= set(paths)
    before = statuses(client, paths)
    assert set(before.values()) <= {200, 404}
    for name in ("search", "probe", "probe_image", "photo", "photo_image", "face_crop", "gallery"):
        assert before[name] == 200, name
    one = drawn(made, control=control)
    assert set(statuses(client, paths).values()) == {403}
    if over == "given up":
        services.end_examination(made.second, examination=one, reason=WHY, tools=made.on.tools)
    else:
        conclude_all(made.second, one, tools=made.on.tools)
    assert 403 not in statuses(client, paths).values()


@pytest.mark.usefixtures("_looked_at")
def test_the_refusal_says_the_same_of_everything_with_the_way_out_and_is_recorded(
    made: Bench,
) -> None:
    client, paths, said = client_of(made.on, made.second), shown(made), set()
    for control in (True, False):
        one = drawn(made, control=control)
        for path in paths.values():
            before = LedgerRow.objects.filter(action=str(Action.ACTION_REFUSED)).count()
            page = client.get(path).content.decode().split("<main")[1].split("</main>")[0]
            assert LedgerRow.objects.filter(action=str(Action.ACTION_REFUSED)).count() == before + 1
            assert f'href="{reverse("examination", args=[one.pk])}"' in page
            assert RULE in page
            said.add(page.replace(str(one.pk), "ID"))
        services.end_examination(made.second, examination=one, reason=WHY, tools=made.on.tools)
    assert len({text.split('class="id"')[0] for text in said}) == 1


def test_no_photo_of_a_case_is_sent_either(made: Bench) -> None:
    drawn(made, control=False)
    client = client_of(made.on, made.second)
    for name, access in ACCESS.items():
        if access.write is None or not may(made.second, access.write):
            continue
        for pattern in get_resolver().url_patterns:
            takes = set(getattr(pattern.pattern, "converters", ()))
            if getattr(pattern, "name", None) == name and takes & {"search_id", "probe_id"}:
                known = {"search_id": made.search.pk, "probe_id": made.search.probe_id, "rank": 1}
                path = reverse(name, kwargs={one: known[one] for one in takes})
                assert client.post(path).status_code == 403, name


def test_the_command_line_refuses_searches_as_well(cli: Cli, made: Bench, tmp_path: Any) -> None:
    photo = tmp_path / "probe.jpg"
    photo.write_bytes(FakeEngine.photo("anna", shot=9))
    asked = ("--case", made.case.reference, "-g", made.gallery.name, "--reason", WHY)
    one = drawn(made, control=True)
    for command in (("result", made.search.pk), ("search", photo, *asked)):
        code, out, said = cli.shown(*command, as_=made.second)
        assert (code, out) == (3, ""), command
        assert "Finish it, or give it up" in said
    services.end_examination(made.second, examination=one, reason=WHY, tools=made.on.tools)
    assert cli("result", made.search.pk, as_=made.second)[0] == 0


def test_nobody_else_is_refused_anything(made: Bench) -> None:
    drawn(made, control=False)
    client, paths = client_of(made.on, made.third), shown(made)
    assert 403 not in statuses(client, paths).values()
    begun = begin(made.third, search=made.search, tools=made.on.tools)
    assert not begun.about["drawn"]
    assert 403 not in statuses(client, paths).values()


def test_who_is_no_examiner_any_more_is_led_by_nothing(made: Bench) -> None:
    drawn(made, control=False)
    person = made.on.person.__class__.objects.get(pk=made.second.person)
    person.standing = {**person.standing, "roles": [str(Role.SUPERVISOR)]}
    person.save()
    client = client_of(made.on, replace(made.second, roles=frozenset({Role.SUPERVISOR})))
    assert client.get(reverse("search", args=[made.search.pk])).status_code == 200
