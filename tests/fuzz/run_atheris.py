"""Fuzz one target by coverage: `python tests/fuzz/run_atheris.py NAME SECONDS`.

Needs atheris (`requirements/attack.txt`). What is found is written to `crash-*` in a folder that is named at the
end; put it into `tests/fuzz/corpus/NAME/` once it is mended. Prints how many inputs were tried.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
MEGABYTES = 2048
LONGEST_INPUT = 65_536
SECONDS_EACH = 25


def prepare() -> None:
    """Set Django up without a database, as far as parsers of the web app need it."""
    from countenance import config
    from countenance.config import Config

    sys.path[:0] = [str(HERE), str(HERE.parent)]
    config.install(Config(home=Path(tempfile.mkdtemp(prefix="fuzz-home-"))))
    os.environ["DJANGO_SETTINGS_MODULE"] = "countenance.web.settings"
    import django

    django.setup()


def drive(name: str, arguments: list[str]) -> None:
    """Fuzz a target in this process; libFuzzer ends it."""
    import atheris

    with atheris.instrument_imports(include=["countenance"]):
        prepare()
        from fuzz.targets import TARGETS

    target = TARGETS[name]

    def once(data: bytes) -> None:
        target(data)

    atheris.Setup([sys.argv[0], *arguments], once)
    atheris.Fuzz()


def run(name: str, seconds: str) -> int:
    """Fuzz a target in a process of its own, from its seeds, and say what came of it."""
    prepare()
    from fuzz.seeds import seeds

    where = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    corpus = where / "corpus"
    corpus.mkdir()
    for number, data in enumerate(seeds(name)):
        (corpus / f"seed-{number}").write_bytes(data)
    arguments = [
        f"-max_total_time={seconds}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-max_len={LONGEST_INPUT}",
        f"-timeout={SECONDS_EACH}",
        f"-artifact_prefix={where}/",
        "-print_final_stats=1",
        str(corpus),
    ]
    ran = subprocess.run(
        [sys.executable, __file__, "--inside", name, *arguments],
        capture_output=True,
        text=True,
        check=False,
        errors="replace",
    )
    told = ran.stdout + ran.stderr
    counted = re.search(r"number_of_executed_units:\s+(\d+)", told)
    memory = re.search(r"peak_rss_mb:\s+(\d+)", told)
    found = [one.name for one in where.glob("*-*") if one.is_file()]
    sys.stdout.write(
        f"{name}: {counted[1] if counted else '?'} inputs, {memory[1] if memory else '?'} MB, "
        f"found {found or 'nothing'} in {where}\n"
    )
    if ran.returncode != 0:
        sys.stdout.write(told[-4000:])
    return 1 if found or counted is None else 0


if __name__ == "__main__":
    if sys.argv[1] == "--inside":
        drive(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(run(sys.argv[1], sys.argv[2]))
