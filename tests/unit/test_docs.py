"""The reference pages say what the code says, and every error, action and setting stands in them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from countenance import errors
from countenance.cli.exits import EXIT_CODES, exit_code
from countenance.errors import CountenanceError
from countenance.ledger.entry import Action

DOCS = Path(__file__).resolve().parents[2] / "docs"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def all_errors(error: type[CountenanceError] = CountenanceError) -> list[type[CountenanceError]]:
    own = [sub for sub in error.__subclasses__() if sub.__module__ == errors.__name__]
    return [error, *(one for sub in own for one in all_errors(sub))]


def test_the_generated_pages_are_up_to_date() -> None:
    assert load().outdated() == [], "run `make docs`"


def test_the_check_fails_for_a_changed_page(tmp_path: Path) -> None:
    generate = load()
    generate.REFERENCE = tmp_path
    assert generate.main(["--check"]) == 1
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (tmp_path / "errors.md").write_text("other", encoding="utf-8")
    assert generate.outdated() == ["errors.md"]


def test_every_error_has_its_own_code_and_stands_in_the_reference() -> None:
    page = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    codes = [error.code for error in all_errors()]
    assert len(set(codes)) == len(codes)
    for code in codes:
        assert f"`{code}`" in page


def test_every_error_has_an_exit_code() -> None:
    for error in all_errors():
        expected = next(EXIT_CODES[base] for base in error.__mro__ if base in EXIT_CODES)
        assert exit_code(error) == expected
        assert exit_code(error) != 0
        # Only the root may fall back to the code of an unknown fault.
        assert (exit_code(error) == 1) == (error is CountenanceError)


def test_every_action_stands_in_the_reference_with_a_meaning() -> None:
    page = (DOCS / "reference" / "ledger-actions.md").read_text(encoding="utf-8")
    for action in Action:
        assert f"| `{action.value}` | {action.meaning} |" in page
        assert action.meaning


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    import re

    for target in re.findall(
        r"\]\(([^)#:]+\.(?:md|png|csv))[^)]*\)", page.read_text(encoding="utf-8")
    ):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_picture_stands_on_a_page_in_words_too_and_all_are_small() -> None:
    import re

    shown = {}
    for page in (DOCS.parent / "README.md", *DOCS.rglob("*.md")):
        for words, target in re.findall(
            r"!\[([^\]]*)\]\(([^)#:]+\.png)\)", page.read_text(encoding="utf-8")
        ):
            shown[(page.parent / target).resolve()] = words
    kept = set((DOCS / "images").glob("*.png"))
    assert set(shown) == kept
    assert [one for one, words in shown.items() if len(words) < 20] == []
    assert sum(one.stat().st_size for one in kept) < 1_500_000


def told_commands(page: Path) -> list[list[str]]:
    """Return the words of each `countenance` command in the code blocks of a page."""
    import re
    import shlex

    told = []
    for block in re.findall(r"```\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip().startswith("countenance "):
                words = shlex.split(line, comments=True)
                told.append(words[1 : words.index(">") if ">" in words else None])
    return told


@pytest.mark.parametrize(
    "page",
    [DOCS.parent / "README.md", DOCS / "tutorial.md", *sorted((DOCS / "how-to").glob("*.md"))],
    ids=lambda page: page.name,
)
def test_every_command_that_a_page_tells_is_one(page: Path) -> None:
    from countenance.cli.app import command

    for words in told_commands(page):
        node, rest = command(), list(words)
        while hasattr(node, "commands"):
            assert rest, words
            assert rest[0] in node.commands, words
            node = node.commands[rest.pop(0)]
        # Raises for an option that there is not, and for one that lacks its value.
        node.make_parser(node.context_class(node)).parse_args(rest)
