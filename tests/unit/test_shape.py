"""No module and no function grows past what can be read in one sitting."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE_LINES = 400
FUNCTION_LINES = 60
# Written by Django, read by nobody.
WRITTEN_BY_TOOLS = "migrations"


def modules():
    folders = [ROOT / name for name in ("src", "tests", "docs")]
    found = sorted(path for folder in folders for path in folder.rglob("*.py"))
    return [path for path in found if WRITTEN_BY_TOOLS not in path.parts]


def name_of(path):
    return str(path.relative_to(ROOT))


def long_functions(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{node.name}: {lines} lines"


def test_there_are_modules_to_look_at():
    assert len(modules()) > 20


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_and_its_functions_stay_short(path):
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") <= MODULE_LINES
    assert list(long_functions(source)) == []


def test_a_long_function_is_noticed():
    body = "\n".join("    pass" for _ in range(FUNCTION_LINES))
    assert list(long_functions(f"def f():\n{body}\n")) == [f"f: {FUNCTION_LINES + 1} lines"]
