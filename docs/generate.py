"""Write the reference pages from the code; with `--check`, fail if one of them is out of date.

python docs/generate.py            write docs/reference/{cli,settings,errors,ledger-actions,compromise,cost-model,asvs}.md
python docs/generate.py --check    change nothing; exit with 1 and name the pages that differ
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from countenance import errors
from countenance.cli.app import command
from countenance.cli.exits import CLOSED_PIPE, INTERRUPTED, exit_code
from countenance.config import Config
from countenance.errors import CountenanceError
from countenance.ledger.entry import Action

sys.path.append(str(Path(__file__).resolve().parent))
from asvs import asvs_page  # these lie beside this script
from compromise import compromise_page
from cost_model import cost_page

REFERENCE = Path(__file__).resolve().parent / "reference"
NOTE = "<!-- Written by docs/generate.py from the code; change it there. -->"

ASVS_NOTE = "<!-- Written by docs/generate.py from asvs.json; change it there. -->"
COSTS_NOTE = "<!-- Written by docs/generate.py from performance.json and countenance.index.costs; change it there. -->"


def cli_page() -> str:
    """Return the page of all commands with their options."""
    root = command()
    lines = [
        "# Command line",
        "",
        NOTE,
        "",
        (
            "State lives in one folder, `COUNTENANCE_HOME`. The passphrase that unseals comes from the prompt, or from the file "
            "named in `COUNTENANCE_PASSPHRASE_FILE`; a home with demo keys needs none."
        ),
        "",
        (
            "Every command takes `--json`: it then prints one JSON object on standard output, and messages and progress go to "
            'standard error. An error is the object `{"error": {"code", "message", "exit", …}}`, with the rule that '
            "refused, or facts, where there are any. Exit codes are in [errors](errors.md)."
        ),
        "",
    ]
    for path, node in _commands(root, "countenance"):
        lines += _command(path, node)
    return "\n".join(lines)


def _commands(node: Any, path: str) -> Iterator[tuple[str, Any]]:  # Click's objects
    for name, sub in node.commands.items():
        if hasattr(sub, "commands"):
            yield from _commands(sub, f"{path} {name}")
        else:
            yield f"{path} {name}", sub


def _command(path: str, node: Any) -> list[str]:
    arguments = [one for one in node.params if one.param_type_name == "argument"]
    options = [one for one in node.params if one.param_type_name == "option" and one.name != "help"]
    usage = " ".join([path, "[OPTIONS]", *(_shown_argument(one) for one in arguments)])
    lines = [f"## {path}", "", "```", usage, "```", "", _unwrapped(node.help), ""]
    if arguments or options:
        lines += ["| argument or option | meaning | default |", "|---|---|---|"]
        lines += [_row(_argument_name(one), one) for one in arguments]
        lines += [_row(", ".join(one.opts), one) for one in options]
        lines.append("")
    examples = [line[2:] for line in (node.epilog or "").split("\n") if line.startswith("$ ")]
    if examples:
        lines += ["```", *examples, "```", ""]
    return lines


def _argument_name(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _shown_argument(parameter: Any) -> str:
    name = _argument_name(parameter)
    return name if parameter.required else f"[{name}]"


def _row(name: str, parameter: Any) -> str:
    text = _unwrapped(parameter.help or "")
    return f"| `{name}` | {_cell(text)} | {_default(parameter)} |"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    default = parameter.default
    if default is None or default is False or default == "":
        return ""
    return f"`{getattr(default, 'value', default)}`"


def settings_page() -> str:
    """Return the page of all settings."""
    lines = [
        "# Settings",
        "",
        NOTE,
        "",
        (
            "Settings come from environment variables and say *where* things are. What is allowed (thresholds, retention, who may "
            "what) is never a setting: it changes through recorded actions only. A wrong or missing setting stops every "
            "command with exit code 78 and one message that names all faults."
        ),
        "",
        "Secrets can also be read from a file: put its path into the variable with `_FILE` at the end.",
        "",
        "| variable | meaning | default |",
        "|---|---|---|",
        *_settings(Config, "COUNTENANCE_"),
        "",
    ]
    return "\n".join(lines)


def _settings(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _settings(kind, f"{variable}__")
            continue
        secret = kind is not None and SecretStr in (kind, *getattr(kind, "__args__", ()))
        names = f"`{variable}`, `{variable}_FILE`" if secret else f"`{variable}`"
        yield f"| {names} | {_cell(field.description or '')} | {_setting_default(name, field.default)} |"


def _setting_default(name: str, default: object) -> str:
    if name == "home":  # differs from machine to machine, so it is told in words
        return "the platform's data folder; `/var/lib/countenance/home` for root"
    if default is PydanticUndefined or default is None or default == "":
        return ""
    if isinstance(default, tuple):
        return f"`{list(default)}`".replace("'", '"')
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def errors_page() -> str:
    """Return the page of all errors with their exit codes."""
    lines = [
        "# Errors and exit codes",
        "",
        NOTE,
        "",
        (
            "Each error has a stable code. A more special error is named under the one that it belongs to; the exit code is "
            "the command line's."
        ),
        "",
        "| code | exit | meaning |",
        "|---|---|---|",
    ]
    lines += [_error(error, depth) for error, depth in _tree(CountenanceError, 0)]
    lines += [
        "",
        (
            "Other exit codes: 0, done (for `search` also “no candidate”, “no face” and “quality too low”, which are answers); 1, "
            "`doctor` found a problem, `demo --check` did not find the right subject, or Countenance has a fault (code "
            f"`internal`); 2, the command line is wrong (code `usage`); {INTERRUPTED}, stopped with Ctrl-C (code `interrupted`); "
            f"{CLOSED_PIPE}, the reader of the output went away."
        ),
        "",
    ]
    return "\n".join(lines)


def _tree(
    error: type[CountenanceError], depth: int
) -> Iterator[tuple[type[CountenanceError], int]]:
    yield error, depth
    for sub in error.__subclasses__():
        if sub.__module__ == errors.__name__:
            yield from _tree(sub, depth + 1)


def _error(error: type[CountenanceError], depth: int) -> str:
    return f"| {'· ' * depth}`{error.code}` | {exit_code(error)} | {_cell(error.message())} |"


def ledger_page() -> str:
    """Return the page of all actions that the ledger knows."""
    lines = [
        "# Ledger actions",
        "",
        NOTE,
        "",
        (
            "This list is closed: nothing else can stand on the ledger. An entry says the action, when, and about which id; who did "
            "it, why and with which result is sealed beside it, and the entry holds a salted commitment to that."
        ),
        "",
        "| action | meaning |",
        "|---|---|",
        *(f"| `{action.value}` | {_cell(action.meaning)} |" for action in Action),
        "",
    ]
    return "\n".join(lines)


def _unwrapped(text: str) -> str:
    """Join the lines of each paragraph of a docstring."""
    paragraphs = [" ".join(part.split()) for part in text.strip().split("\n\n")]
    return "\n\n".join(paragraphs)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "settings.md": settings_page,
    "errors.md": errors_page,
    "ledger-actions.md": ledger_page,
    "compromise.md": compromise_page,
    "cost-model.md": lambda: cost_page(COSTS_NOTE),
    "asvs.md": lambda: asvs_page(ASVS_NOTE),
}


def outdated() -> list[str]:
    """Return the pages that differ from what the code says now."""
    return [
        name
        for name, page in PAGES.items()
        if not (REFERENCE / name).is_file()
        or (REFERENCE / name).read_text(encoding="utf-8") != page()
    ]


def main(arguments: list[str]) -> int:
    """Write the pages, or check them, and return the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write(str(__doc__))
        return 2
    stale = outdated()
    if arguments:
        for name in stale:
            sys.stderr.write(f"docs/reference/{name} is out of date; run `make docs`.\n")
        return 1 if stale else 0
    REFERENCE.mkdir(exist_ok=True)
    for name in stale:
        (REFERENCE / name).write_text(PAGES[name](), encoding="utf-8")
        sys.stdout.write(f"Wrote docs/reference/{name}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
