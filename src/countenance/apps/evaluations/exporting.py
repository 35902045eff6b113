"""What leaves the program of an evaluation: its file with the trials, its numbers, its report."""

from __future__ import annotations

import hashlib

from countenance import policy
from countenance.apps.evaluations import measuring, papers, queries
from countenance.apps.evaluations.models import Evaluation, OperatingPoint, SampleKind
from countenance.apps.evaluations.points import numbers_of
from countenance.apps.records.services import Record, accountable
from countenance.errors import InputError
from countenance.ledger.entry import Action
from countenance.ledger.receipt import Receipt
from countenance.policy import Actor, Deed
from countenance.reports import evaluation_pdf
from countenance.tools import Tools

TRIALS, NUMBERS, REPORT = "trials", "numbers", "report"


@accountable(Action.EVALUATION_EXPORTED, deed=Deed.EVALUATE)
def export_trials(actor: Actor, record: Record, *, evaluation: Evaluation, tools: Tools) -> bytes:
    """Return trials and numbers as one file, from which the evaluation is made again elsewhere.

    Of a gallery's own photos it holds no groups: see `measuring.without_groups`.

    Raises:
        InputError: the trials were destroyed.
        NotPermitted: it is another agency's.
    """
    _note(actor, record, evaluation, TRIALS)
    trials, numbers = queries.trials_of(evaluation, tools=tools), numbers_of(evaluation)
    if trials is None:
        raise InputError("The trials of this evaluation were destroyed, so no file can be made.")
    if evaluation.kind == SampleKind.GALLERY:
        trials, numbers = measuring.without_groups(trials, numbers)
    return _taken(record, measuring.to_file(trials, numbers, evaluation.details))


@accountable(Action.EVALUATION_EXPORTED, deed=Deed.EVALUATION_READ)
def export_numbers(actor: Actor, record: Record, *, evaluation: Evaluation, tools: Tools) -> bytes:
    """Return the numbers in their only spelling.

    Raises:
        NotPermitted: it is another agency's.
    """
    _note(actor, record, evaluation, NUMBERS)
    return _taken(record, bytes(evaluation.numbers))


@accountable(Action.EVALUATION_EXPORTED, deed=Deed.EVALUATION_READ)
def export_report(
    actor: Actor,
    record: Record,
    *,
    evaluation: Evaluation,
    agency: str,
    receipt: Receipt,
    point: OperatingPoint | None,
    subjects: int,
    tools: Tools,
) -> bytes:
    """Return the printable report as PDF; the arguments are those of `papers.paper_of`.

    Raises:
        NotPermitted: it is another agency's.
    """
    _note(actor, record, evaluation, REPORT)
    paper = papers.paper_of(
        evaluation, agency=agency, receipt=receipt, point=point, subjects=subjects
    )
    return _taken(record, evaluation_pdf(paper))


def _note(actor: Actor, record: Record, evaluation: Evaluation, what: str) -> None:
    record.note(about=evaluation.pk, what=what)
    policy.permit_own(actor, evaluation.agency_id)


def _taken(record: Record, data: bytes) -> bytes:
    record.note(sha256=hashlib.sha256(data).hexdigest())
    return data
