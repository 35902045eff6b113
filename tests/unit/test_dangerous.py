"""What our own code never does: run text, start shells, guess random numbers, use broken hashes.

The linter looks for most of it too, but a comment can silence it; nothing silences this.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "countenance"
SCRIPTS = sorted((SOURCE / "ui" / "static").rglob("*.js"))
RUN_TEXT = {"eval", "exec", "compile", "__import__"}
# `yaml` and the parsers of XML can be told to fetch and to run things; nothing here reads either.
NO_PARSERS = {"pickle", "marshal", "shelve", "dill", "yaml", "lxml", "defusedxml"}
XML_PARSERS = re.compile(r"xml\.(etree|dom|sax(?!\.saxutils)|parsers)")
BROKEN_HASHES = {"md5", "sha1", "MD5", "SHA1"}
OF_A_SCRIPT = re.compile(
    r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment"
    r"|localStorage|sessionStorage|indexedDB|document\.cookie|postMessage|setTimeout\(\s*[\"'`]"
)


@cache
def modules() -> list[tuple[str, ast.Module]]:
    return [
        (str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(SOURCE.rglob("*.py"))
    ]


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    """Return the name by which something is called, also of a method."""
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def runs_text(tree: ast.AST) -> list[str]:
    """Return what in this code runs text, reads back objects, or makes a template of text."""
    found = [call.func.id for call in calls(tree) if getattr(call.func, "id", "") in RUN_TEXT]
    found += [
        name
        for name in imported(tree)
        if name.split(".")[0] in NO_PARSERS or XML_PARSERS.match(name)
    ]
    found += [
        called(call)
        for call in calls(tree)
        if called(call) == "from_string"
        or any(word.arg == "allow_pickle" and not is_false(word.value) for word in call.keywords)
    ]
    return found + [name for name in imported(tree) if name == "django.template.engine"]


def is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def starts_shells(tree: ast.AST) -> list[str]:
    """Return what hands a line to a shell."""
    found = [
        called(call)
        for call in calls(tree)
        if any(word.arg == "shell" and not is_false(word.value) for word in call.keywords)
    ]
    return found + [
        called(call)
        for call in calls(tree)
        if isinstance(call.func, ast.Attribute)
        and (getattr(call.func.value, "id", ""), call.func.attr)
        in {("os", "system"), ("os", "popen")}
    ]


def sews_queries(tree: ast.AST) -> list[str]:
    """Return queries whose text is put together from parts, and ways round Django's own."""
    found = [
        called(call)
        for call in calls(tree)
        if called(call) in {"RawSQL", "raw", "extra", "executescript"}
    ]
    return found + [
        ast.unparse(call.args[0])
        for call in calls(tree)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "execute"
        and "cursor" in ast.unparse(call.func.value)
        and call.args
        and isinstance(call.args[0], ast.JoinedStr | ast.BinOp)
    ]


@pytest.mark.parametrize(
    ("look", "text"),
    [
        (runs_text, "eval(x)"),
        (runs_text, "import pickle"),
        (runs_text, "from xml.etree import ElementTree"),
        (runs_text, "np.load(x, allow_pickle=True)"),
        (runs_text, "engine.from_string(x)"),
        (starts_shells, "subprocess.run(x, shell=True)"),
        (starts_shells, "os.system(x)"),
        (sews_queries, "cursor.execute(f'select {x}')"),
        (sews_queries, "cursor.execute('select ' + x)"),
        (sews_queries, "Case.objects.raw(x)"),
    ],
)
def test_each_of_these_would_be_seen(look, text):
    assert look(ast.parse(text))


def test_nothing_runs_text_as_code():
    assert {name: found for name, tree in modules() if (found := runs_text(tree))} == {}


def test_no_program_is_started_through_a_shell():
    assert {name: found for name, tree in modules() if (found := starts_shells(tree))} == {}


def test_queries_are_never_put_together_from_text():
    assert {name: found for name, tree in modules() if (found := sews_queries(tree))} == {}


def test_no_random_numbers_but_those_of_the_system():
    # The drill draws the people whom it makes up; nothing of them is a secret of anybody.
    users = [
        name
        for name, tree in modules()
        if "random" in set(imported(tree)) and "/drill/" not in f"/{name}"
    ]
    assert users == []


def test_no_broken_hash_is_used():
    users = [
        f"{name}: {called(call)}"
        for name, tree in modules()
        for call in calls(tree)
        if called(call) in BROKEN_HASHES
    ]
    assert users == []


def test_our_scripts_keep_nothing_and_turn_no_text_into_markup():
    assert len(SCRIPTS) > 5
    assert OF_A_SCRIPT.search("node.innerHTML = text")
    for script in SCRIPTS:
        assert OF_A_SCRIPT.search(script.read_text(encoding="utf-8")) is None, script.name
