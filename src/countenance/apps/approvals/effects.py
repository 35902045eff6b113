"""What follows an approval: which page carries it out, and how its subject is said and checked.

The apps that own the services are above this one, so they tell it: from their `AppConfig.ready`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from countenance.errors import InputError, NotFound
from countenance.policy import Actor
from countenance.policy.approvals import ApprovalKind
from countenance.tools import Tools

Words = Callable[[Actor, UUID, Mapping[str, Any]], Sequence[tuple[str, str]]]
Compare = Callable[[Actor, UUID, Mapping[str, Any]], "Compared"]
Check = Callable[[Actor, UUID, Mapping[str, Any], Tools], None]
Subject = Callable[[Actor, UUID], str]

UNREADABLE = (KeyError, ValueError, TypeError, AttributeError)
"""What a function that says a payload in words raises if the payload is another kind's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure, as it is asked for and as it is now; `now` is empty where there is none."""

    asked: str
    now: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What changes for everybody or for some: a figure in each column, or why there are none in `told`."""

    name: str
    about: str
    changes: tuple[Change, ...]
    told: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a payload changes, as a table of before and after, for a page.

    Attributes:
        facts: what it says besides, as name and value.
        columns: the heads of the figures.
        lines: the first is of everybody.
        said: what is to be known of the figures.
    """

    facts: Sequence[tuple[str, str]]
    columns: tuple[str, ...]
    lines: Sequence[Line]
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What is known about one kind.

    Attributes:
        url_name: the route of the page that carries an approval out; it takes the approval's id.
        subject: returns the subject's name; raises NotFound if it is not the actor's.
        words: returns what the payload says, as name and value, for whoever decides.
        compare: returns the same as a table, if it is one of before and after.
        check: raises InputError for a payload that the program itself would not write.
    """

    url_name: str = ""
    subject: Subject | None = None
    words: Words | None = None
    compare: Compare | None = None
    check: Check | None = None


_effects: dict[ApprovalKind, Effect] = {}


def register(
    kind: ApprovalKind,
    url_name: str = "",
    *,
    subject: Subject | None = None,
    words: Words | None = None,
    compare: Compare | None = None,
    check: Check | None = None,
) -> None:
    """Say what follows an approval of this kind; what is left out stays as it was."""
    known = _effects.get(kind, Effect())
    _effects[kind] = replace(
        known,
        url_name=url_name or known.url_name,
        subject=subject or known.subject,
        words=words or known.words,
        compare=compare or known.compare,
        check=check or known.check,
    )


def effect_of(kind: ApprovalKind) -> Effect:
    """Return what is known about this kind; nothing, if nobody registered it."""
    return _effects.get(kind, Effect())


def subject_name(actor: Actor, kind: ApprovalKind, subject: UUID) -> str:
    """Return the subject's name, or nothing where no app knows it.

    Raises:
        NotFound: there is no such thing, or it is not the actor's.
    """
    known = effect_of(kind).subject
    return known(actor, subject) if known else ""


def payload_words(
    actor: Actor, kind: ApprovalKind, subject: UUID, payload: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Return exactly what a payload says, as name and value; from the payload, never from the asker."""
    try:
        return _in_words(actor, kind, subject, payload)
    except (*UNREADABLE, NotFound):
        # What it names is gone, or not the reader's to see: then it is shown as it is written.
        return _as_written(payload)


def payload_compared(
    actor: Actor, kind: ApprovalKind, subject: UUID, payload: Mapping[str, Any]
) -> Compared | None:
    """Return what a payload changes as a table; None if it is no such payload, or its words say it all."""
    known = effect_of(kind).compare
    try:
        return known(actor, subject, payload) if known else None
    except (*UNREADABLE, NotFound):
        return None


def check_payload(
    actor: Actor, kind: ApprovalKind, subject: UUID, payload: Mapping[str, Any], *, tools: Tools
) -> None:
    """Refuse a payload that whoever decides could not be told in words, or that is not what it claims to be.

    Raises:
        InputError: it is not one of this kind.
        NotFound: it names something that is not the actor's.
    """
    try:
        _in_words(actor, kind, subject, payload)
        known = effect_of(kind).check
        if known is not None:
            known(actor, subject, payload, tools)
    except UNREADABLE:
        raise InputError("The payload is not what an approval of this kind is given for.") from None


def _in_words(
    actor: Actor, kind: ApprovalKind, subject: UUID, payload: Mapping[str, Any]
) -> list[tuple[str, str]]:
    known = effect_of(kind).words
    return list(known(actor, subject, payload)) if known else _as_written(payload)


def _as_written(payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " ").capitalize(), _said(value)) for name, value in payload.items()]


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_said(one) for one in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_said(one)}" for name, one in value.items()) or "none"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
