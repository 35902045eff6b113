"""Mistakes that others made with software like this; those that no other test repeats.

`docs/explanation/security.md` lists all of them, each with its test.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import factories
import pytest
from clients import client_of
from django.apps import apps as django_apps
from django.urls import reverse
from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from staff import House, house

from countenance.apps.agencies import inviting, staff, tokens
from countenance.apps.agencies.models import Person
from countenance.apps.records.models import LedgerHead, LedgerRow
from countenance.apps.records.queries import verify_ledger
from countenance.apps.records.services import Record, accountable, unseal_body
from countenance.apps.searches.models import Search
from countenance.config import Config
from countenance.errors import NotPermitted
from countenance.ledger.entry import Action, Entry
from countenance.policy import DEEDS, Actor, Role, Scope
from countenance.testing import FakeEngine
from countenance.web.access import ACCESS

HOUR = timedelta(hours=1)
FORMS_THAT_WRITE_NOTHING = {
    "probe": "an examiner comes back from the check page with what was filled in",
}
SECURITY = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "security.md"


def test_no_post_is_guarded_by_a_permission_to_read() -> None:
    reading = {deed for deed, rule in DEEDS.items() if rule.scope is Scope.READ}
    guarded = {name for name, access in ACCESS.items() if access.write in reading}
    assert guarded == set(FORMS_THAT_WRITE_NOTHING)


# An audit that drops what does not fit, or goes on without anywhere to write to.


@accountable(Action.CASE_OPENED, deed=None)
def _note(actor: Actor, record: Record, *, fact: object, tools: Any) -> None:
    Person.objects.filter(pk=actor.person).update(last_login=tools.clock())
    record.note(fact=fact)


@pytest.mark.parametrize("fact", [0.5, object(), {1: "a number as a name"}, b"bytes", "\ud800"])
def test_what_the_ledger_cannot_say_is_not_done(deployment: Any, fact: object) -> None:
    entries = LedgerRow.objects.count()
    with pytest.raises(Exception):  # noqa: B017 # whatever it is, it stops the service
        _note(deployment.actor, fact=fact, tools=deployment.tools)
    assert Person.objects.get(pk=deployment.person.pk).last_login is None
    assert LedgerRow.objects.count() == entries


def test_without_a_ledger_nothing_is_done_and_nothing_is_shown(deployment: Any) -> None:
    gallery = factories.make_gallery(deployment)
    source = factories.make_source(deployment)
    factories.enrol(deployment, gallery, source, factories.people(["anna"]))
    case = factories.make_case(deployment)
    photo = FakeEngine.photo("anna", 2)
    found = factories.search(deployment, case, [gallery], photo)
    probe = factories.ask(deployment, case, [gallery], FakeEngine.photo("anna", 3))
    searches, client = Search.objects.count(), client_of(deployment, deployment.examiner)
    client.raise_request_exception = False
    LedgerHead.objects.all().delete()
    pages = (
        ("post", reverse("search_run", args=[probe.pk])),
        ("get", reverse("probe_image", args=[probe.pk])),
    )
    for method, page in pages:
        fields = {"face": 0, "galleries": str(gallery.pk), "reason": "Reported missing", "top": 5}
        answer = getattr(client, method)(page, fields if method == "post" else None)
        assert answer.status_code in {500, 503}, page
        assert photo not in answer.content
    assert Search.objects.count() == searches
    assert found.pk


# Standing that outlives its reason.


@pytest.fixture
def one(deployment: Any) -> House:
    made = house(deployment.tools, roles=(Role.EXAMINER, Role.STEWARD))
    for person in made.people.values():
        person.refresh_from_db()
    return made


def test_a_role_that_was_taken_away_is_gone_from_open_sessions_and_tokens_at_once(
    deployment: Any, one: House
) -> None:
    steward = one.people["steward"]
    with one.acting("steward") as (actor, tools):
        _, secret = tokens.make_token(
            actor, name="Job", scopes=[Scope.READ], lasts=HOUR, tools=tools
        )
    client = client_of(deployment, one.actor("steward"))
    assert client.get(reverse("gallery_new")).status_code == 200
    with one.acting("coordinator") as (actor, tools):
        staff.change_roles(actor, person=steward, roles=set(), tools=tools)
    assert client.get(reverse("gallery_new")).status_code in {302, 403}
    assert tokens.actor_of(secret, tools=one.tools).roles == frozenset()


# What comes with the program.


def test_no_setting_has_a_secret_or_a_password_by_default() -> None:
    def secrets_of(model: Any, path: str = "") -> list[str]:
        found = []
        for name, field in model.model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and hasattr(kind, "model_fields"):
                found += secrets_of(kind, f"{path}{name}.")
            elif "SecretStr" in str(kind) or kind is SecretStr:
                default = field.default
                empty = default in {None, PydanticUndefined} or not default.get_secret_value()
                found += [] if empty else [path + name]
        return found

    assert secrets_of(Config) == []


def test_a_new_deployment_lets_nobody_in(deployment: Any) -> None:
    """The fixture added its people itself, past the services; the program makes none."""
    model = django_apps.get_model("agencies", "Person")
    model.objects.all().delete()
    client = client_of_nobody()
    for email, password in (("admin", "admin"), ("admin@example.org", "password"), ("", "")):
        answer = client.post(reverse("sign_in"), {"email": email, "password": password, "code": ""})
        assert "_auth_user_id" not in client.session
        assert answer.status_code != 302
    assert client.get("/admin/").status_code == 302, "a stranger is sent to the sign-in"


def client_of_nobody() -> Any:
    from django.test import Client

    return Client()


# A ledger for ever, and what it says of people.


def test_an_entry_holds_nothing_but_action_time_random_id_and_commitment(one: House) -> None:
    with one.acting("coordinator") as (actor, tools):
        inviting.invite_person(actor, name="Ivo Ivanov", email="ivo@example.org", tools=tools)
    for row in LedgerRow.objects.all():
        entry = json.loads(bytes(row.entry))
        assert set(entry) == {"v", "action", "at", "about", "commitment"}
        assert entry["about"] is None or UUID(entry["about"]).version == 4
        assert str(Entry.parse(bytes(row.entry)).action) == row.action
        assert b"ivo" not in bytes(row.entry).lower()
        assert row.body is None or b"ivo" not in bytes(row.body).lower()


# A coordinator who covers up.


def _last(on: House) -> tuple[str, dict[str, Any]]:
    row = LedgerRow.objects.order_by("-index").first()
    assert row is not None
    opened = unseal_body(row, keyring=on.tools.keyring)
    assert opened is not None
    body = json.loads(opened[1])
    return row.action, body


def test_everything_that_a_rogue_coordinator_tries_stays_on_the_ledger(one: House) -> None:
    """An accomplice is invited, given roles, used, and made to vanish: alone none of that works unseen."""
    coordinator = one.people["coordinator"]

    def with_keys(do: Callable[[Actor, Any], object]) -> Callable[[], object]:
        def tried() -> object:
            with one.acting("coordinator") as (actor, tools):
                return do(actor, tools)

        return tried

    def accomplice(actor: Actor, tools: Any) -> object:
        return inviting.invite_person(actor, name="Eve", email="eve@example.org", tools=tools)

    newcomer, examiner = one.people["newcomer"], one.people["examiner"]
    given = {Role.EXAMINER, Role.INVESTIGATOR}
    tries = {
        "an accomplice": with_keys(accomplice),
        "roles without anybody": with_keys(
            lambda actor, tools: staff.change_roles(
                actor, person=newcomer, roles=given, tools=tools
            )
        ),
        "roles for oneself": with_keys(
            lambda actor, tools: staff.change_roles(
                actor, person=coordinator, roles={Role.COORDINATOR, Role.EXAMINER}, tools=tools
            )
        ),
        "a search of one's own": with_keys(
            lambda actor, tools: factories.cases.open_case(
                actor, reference="X-1", purpose="p", reason="seen at the station", tools=tools
            )
        ),
        "a witness out of the way": with_keys(
            lambda actor, tools: staff.suspend_person(
                actor, person=examiner, reason="Not needed any more", tools=tools
            )
        ),
        "the witness back, as if nothing had been": with_keys(
            lambda actor, tools: staff.restore_person(
                actor, person=examiner, reason="Back in the unit", tools=tools
            )
        ),
    }
    for what, attempt in tries.items():
        before = LedgerRow.objects.count()
        with suppress(NotPermitted):  # refused or done, there is an entry
            attempt()
        action, body = _last(one)
        assert LedgerRow.objects.count() == before + 1, what
        assert body["actor"] == str(coordinator.pk), (what, action)
    roles = {name: person.roles for name, person in _again(one).items()}
    assert roles["newcomer"] == set()
    assert roles["coordinator"] == {Role.COORDINATOR}
    verify_ledger(one.tools.keyring)


def _again(one: House) -> dict[str, Person]:
    return {name: Person.objects.get(pk=person.pk) for name, person in one.people.items()}


def test_no_module_of_the_program_deletes_an_entry_or_writes_one_anew() -> None:
    source = Path(__file__).resolve().parents[2] / "src" / "countenance"
    writing = ("delete(", "bulk_update(", "_raw_delete(", "TRUNCATE")
    for path in source.rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "LedgerRow.objects" in line:
                assert not any(word in line for word in writing), (path.name, line)
                assert (
                    ".update(" not in line or "body=None" in line or line.rstrip().endswith("(")
                ), (path.name, line)


def test_the_list_of_mistakes_names_tests_that_exist() -> None:
    text = SECURITY.read_text(encoding="utf-8")
    listed = text.partition("## Mistakes that others made")[2].partition("\n## ")[0]
    root = SECURITY.parents[2]
    named = [part for part in listed.split("`") if part.startswith("tests/")]
    assert len(named) >= 12
    for one in named:
        path, _, name = one.partition("::")
        assert (root / path).is_file(), one
        assert not name or f"def {name}(" in (root / path).read_text(encoding="utf-8"), one
