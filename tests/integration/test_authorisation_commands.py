"""Every command, by everybody, with every state of a token: the matrix of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import cli_fixtures
import matrix_statement as said
import pytest
from cli_fixtures import Cli, token
from matrix_commands import COMMANDS, READ_SCOPE
from matrix_world import PEOPLE, build

from countenance.apps.agencies import tokens
from countenance.cli.app import MACHINE_ONLY, command
from countenance.policy import Role, Scope
from countenance.testing import FakeEngine

REFUSED = 3
TO_READ = ", to read"
ONE_OF = {"ledger set-witnesses": ["--none"]}
"""Options of which one has to be given, though none of them is required by itself."""
cli = cli_fixtures.cli


def commands(node: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield every command of the tree with its words."""
    for name, sub in (node or command()).commands.items():
        if hasattr(sub, "commands"):
            yield from commands(sub, (*path, name))
        else:
            yield " ".join((*path, name)), sub


def test_every_command_asks_for_a_deed_or_says_why_it_needs_nobody() -> None:
    deeds = {name: node.callback.deed for name, node in commands()}
    without = {name for name, deed in deeds.items() if deed is None}
    assert without == set(MACHINE_ONLY)
    assert set(deeds) - without <= set(COMMANDS)


def words(name: str, node: Any, place: Path) -> list[str]:
    """Return a command line that can be parsed."""
    given = {
        "--kind": "missing person",
        "--quota": "5",
        "--until": "2199-01-01",
        "--document": str(place / "people" / "anna.jpg"),
        "photo": str(place / "people" / "anna.jpg"),
        "path": str(place / "people" if name == "enrol" else place / "new"),
        "file": str(place / "new.jsonl"),
        "folder": str(place / "tiles"),
        "approval": str(uuid4()),
        "subject": str(uuid4()),
        "search_id": str(uuid4()),
        "evaluation": str(uuid4()),
        "--evaluation": str(uuid4()),
        "--fpir": "0.01",
        "--to": "memory",
        "kind": "export",
        "email": "nobody@example.org",
        "--reason": "Reported missing on 3 May",
    }
    line = [*name.split(), *ONE_OF.get(name, [])]
    for parameter in node.params:
        if not parameter.required:
            continue
        option = parameter.opts[0]
        value = str(uuid4()) if name == "photo remove" else given.get(option, "Word")
        value = given["--reason"] if option == "--reason" else value
        line += [option, value] if parameter.param_type_name == "option" else [value]
    return line


@pytest.mark.timeout(600)
def test_everybody_does_exactly_the_commands_that_the_table_gives_them(
    cli: Cli, deployment: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("place")
    (place / "people").mkdir()
    (place / "people" / "anna.jpg").write_bytes(FakeEngine.photo("anna"))
    world = build(deployment)
    tools = deployment.tools
    held = {who: token(person.actor, tools) for who, person in world.people.items() if person.roles}
    reading = _for_reading(world, tools)
    surprises, cells = [], 0
    for name, node in commands():
        if name in MACHINE_ONLY:
            continue
        kind = COMMANDS[name]
        for who, secret in [
            *held.items(),
            ("nobody", ""),
            ("a stranger", "ct_unknown"),
            *reading.items(),
        ]:
            code, out = cli(*words(name, node, place), as_=[secret] if secret else [])
            error = out.get("error", {})
            rule = str(error.get("rule", ""))
            word = rule.partition(".")[0] if code == REFUSED else "past the gate"
            cells += 1
            if not _fits(word, who, kind):
                surprises.append(f"{name} by {who}: {code} {error.get('code')} {rule}")
    print(f"\ncells {cells}, surprises {len(surprises)}")
    print("\n".join(surprises))
    assert surprises == []


def _for_reading(world: Any, tools: Any) -> dict[str, str]:
    """Return tokens that are for reading only."""
    made = {}
    for who, person in world.people.items():
        if person.roles and Role.CUSTODIAN not in person.roles:
            acting = replace(person.actor, stepped_up_at=tools.clock())
            _, secret = tokens.make_token(
                acting, name="r", scopes=[Scope.READ], lasts=timedelta(days=1), tools=tools
            )
            made[who + TO_READ] = secret
    return made


def _fits(word: str, who: str, kind: str) -> bool:
    """Say whether this is what was to be expected."""
    if who in {"nobody", "a stranger"}:
        return word == "not_signed_in"
    name = who.removesuffix(TO_READ)
    if not said.allowed(PEOPLE[name], kind):
        return word == "role"
    if who.endswith(TO_READ) and kind not in READ_SCOPE:
        return word == "scope"
    return word not in {"role", "scope", "not_signed_in", "route"}
