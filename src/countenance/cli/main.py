"""Run one command: parse, act, and turn every error into words and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from countenance.cli import exits, output
from countenance.errors import CountenanceError, NotPermitted, Unavailable

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""What an operating system says where it is no fault of the program that something was not written."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    With `--json` an error is the object `{"error": {"code", "message", ...}}` on standard output; the
    message is on standard error in any case.
    """
    from countenance.cli.app import command  # the parser names every command

    arguments = list(sys.argv[1:] if arguments is None else arguments)
    output.use_json("--json" in arguments[: _end_of_options(arguments)])
    try:
        # The one command that runs others, the drill, takes `run` from its context.
        options: dict[str, Any] = {"prog_name": "countenance", "standalone_mode": False}
        code = command().main(args=arguments, obj=run, **options)
        output.finish()
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
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        why = os.strerror(error.errno)
        return _failed(Unavailable(f"Something could not be written: {why}.", errno=error.errno))
    output.say("".join(traceback.format_exception(error)))
    described = {"code": "internal", "message": f"Countenance has a fault: {type(error).__name__}."}
    _report(described, exits.EXIT_CODES[CountenanceError])
    return exits.EXIT_CODES[CountenanceError]


def _ended(error: BrokenPipeError | SystemExit) -> int:
    """Return the exit code of a program that Typer ends: after shell completion, or without a reader."""
    if isinstance(error, SystemExit) and not error.code:
        return 0
    output.forget_reader(output.STANDARD_OUTPUT)
    return exits.CLOSED_PIPE


def _stopped() -> int:
    _report({"code": "interrupted", "message": "Stopped."}, exits.INTERRUPTED)
    return exits.INTERRUPTED


def _report(described: dict[str, Any], code: int) -> None:
    output.say(str(described["message"]))
    if output.as_json():
        try:
            output.answer({"error": {**described, "exit": code}})
        except BrokenPipeError:
            output.forget_reader(output.STANDARD_OUTPUT)
        except Unavailable as error:
            output.say(error.detail)
