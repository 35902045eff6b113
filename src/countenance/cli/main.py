"""Run one command: parse, act, and turn every error into words and an exit code."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from countenance.cli import exits, output
from countenance.errors import CountenanceError, NotPermitted

STANDARD_OUTPUT = 1


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    With `--json` an error is the object `{"error": {"code", "message", ...}}` on standard output; the
    message is on standard error in any case.
    """
    from countenance.cli.app import command  # the parser names every command

    arguments = list(sys.argv[1:] if arguments is None else arguments)
    output.use_json("--json" in arguments[: _end_of_options(arguments)])
    try:
        code = command().main(args=arguments, prog_name="countenance", standalone_mode=False)
        sys.stdout.flush()
    except CountenanceError as error:
        return _failed(error)
    except typer.TyperException as error:
        return _misused(error)
    except (KeyboardInterrupt, typer.Abort):
        code = exits.INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:
        code = _ended(error)
    except Exception as error:  # noqa: BLE001 # a fault of ours: told in full to the operator
        return _broken(error)
    if code == exits.INTERRUPTED:
        return _stopped()
    return code if isinstance(code, int) else 0


def _end_of_options(arguments: Sequence[str]) -> int:
    return list(arguments).index("--") if "--" in arguments else len(arguments)


def _failed(error: CountenanceError) -> int:
    code = exits.exit_code(type(error))
    described: dict[str, Any] = {"code": error.code, "message": error.detail}
    if isinstance(error, NotPermitted):
        described["rule"] = error.rule
    if error.facts:
        described["facts"] = error.facts
    _report(described, code)
    return code


def _misused(error: typer.TyperException) -> int:
    """Say what is wrong with the command line itself, as Typer would."""
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    context = getattr(error, "ctx", None)
    if not message:  # no command at all: the help was shown
        message = "No command was given."
    elif context is not None:
        output.say(context.get_usage(), f"Try `{context.command_path} --help`.", "")
    _report({"code": "usage", "message": message}, exits.USAGE)
    return exits.USAGE


def _broken(error: Exception) -> int:
    """Show a fault of the program itself, as Python would, without the values of any variable."""
    traceback.print_exception(error)
    described = {"code": "internal", "message": f"Countenance has a fault: {type(error).__name__}."}
    _report(described, exits.EXIT_CODES[CountenanceError])
    return exits.EXIT_CODES[CountenanceError]


def _ended(error: BrokenPipeError | SystemExit) -> int:
    """Return the exit code of a program that Typer ends: after shell completion, or without a reader."""
    if isinstance(error, SystemExit) and not error.code:
        return 0
    _forget_reader()
    return exits.CLOSED_PIPE


def _forget_reader() -> None:
    """Write nowhere from now on: whoever read us has gone, and each attempt would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), STANDARD_OUTPUT)


def _stopped() -> int:
    _report({"code": "interrupted", "message": "Stopped."}, exits.INTERRUPTED)
    return exits.INTERRUPTED


def _report(described: dict[str, Any], code: int) -> None:
    output.say(str(described["message"]))
    if output.as_json():
        body = json.dumps({"error": {**described, "exit": code}}, ensure_ascii=False, default=str)
        try:
            sys.stdout.write(body + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            _forget_reader()
