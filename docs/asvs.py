"""The page on the OWASP ASVS, made of `reference/asvs.json`, in which each requirement is disposed of."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DISPOSED = Path(__file__).resolve().parent / "reference" / "asvs.json"
DISPOSITIONS = ("met", "partly", "not met", "not applicable")
CHAPTERS = {
    "V1": "Encoding and injection",
    "V2": "Validation and order of steps",
    "V3": "The browser",
    "V4": "HTTP",
    "V5": "Files",
    "V6": "Signing in",
    "V7": "Sessions",
    "V8": "Who may do what",
    "V9": "Tokens",
    "V10": "OAuth and OpenID Connect",
    "V11": "Cryptography",
    "V12": "Connections",
    "V13": "Configuration",
    "V14": "Data",
    "V15": "Code and dependencies",
    "V16": "Logs and faults",
    "V17": "WebRTC",
}
"""Our own words for the chapters."""

Requirement = dict[str, Any]


def asvs_page(note: str) -> str:
    """Return the page; `note` says who wrote it."""
    disposed = json.loads(DISPOSED.read_text(encoding="utf-8"))
    every: list[Requirement] = disposed["requirements"]
    tested = sum(one["disposition"] == "met" and bool(one["tests"]) for one in every)
    return "\n".join(
        [
            f"# {disposed['standard']}",
            "",
            note,
            "",
            (
                f"How the program stands to each of the {len(every)} requirements of the OWASP Application Security "
                "Verification Standard 5.0.0. The words are our own and short; what a requirement says stands in the standard. "
                "Made from [asvs.json](asvs.json), which is meant for programs and names the tests by their ids."
            ),
            "",
            (
                f"{tested} requirements are met and have a test that shows it, which runs with every change. “Partly” and “not met” say "
                "what is missing. Nobody but us has judged this."
            ),
            "",
            *_counts(every),
            *_chapters(every),
        ]
    )


def _counts(every: list[Requirement]) -> Iterator[str]:
    yield "| chapter | " + " | ".join(DISPOSITIONS) + " | with a test |"
    yield "|---|" + "--:|" * (len(DISPOSITIONS) + 1)
    for chapter, words in CHAPTERS.items():
        yield _count(f"{chapter} {words}", [one for one in every if _of(one) == chapter])
    for level in (1, 2, 3):
        yield _count(f"level {level}", [one for one in every if one["level"] == level])
    yield _count("**all**", every)
    yield ""


def _count(name: str, some: list[Requirement]) -> str:
    counted = Counter(one["disposition"] for one in some)
    tested = sum(bool(one["tests"]) for one in some)
    return f"| {name} | " + " | ".join(str(counted[one]) for one in DISPOSITIONS) + f" | {tested} |"


def _chapters(every: list[Requirement]) -> Iterator[str]:
    for chapter, words in CHAPTERS.items():
        yield f"## {chapter} {words}"
        yield ""
        yield "| id | level | about | disposition | evidence, or what is missing |"
        yield "|---|--:|---|---|---|"
        for one in every:
            if _of(one) == chapter:
                yield _row(one)
        yield ""


def _row(one: Requirement) -> str:
    shown = [f"`{test.split('::')[1].removeprefix('test_')}`" for test in one["tests"]]
    shown += [f"`{place}`" for place in one["where"]]
    evidence = " ".join([one["why"], *shown]).strip()
    return f"| {one['id']} | {one['level']} | {one['about']} | {one['disposition']} | {evidence} |"


def _of(one: Requirement) -> str:
    return str(one["id"]).split(".")[0]
