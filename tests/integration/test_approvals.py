"""Four-eyes on the real database: one person asks, another decides, and a service uses it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import four_eyes
import pytest
from factories import other_agency
from four_eyes import KIND, REASON, WANTED, Office, carry_out
from side_by_side import Gate, beside, result, wait_until_somebody_waits, with_tools

from countenance.apps.approvals import effects, queries, services
from countenance.apps.approvals.models import Approval
from countenance.apps.records.sealed import using_keyring
from countenance.errors import (
    ApprovalNeeded,
    InputError,
    KeyUnavailable,
    NotFound,
    NotPermitted,
    ReasonMissing,
    RoleMissing,
    SamePerson,
    StepUpNeeded,
    WrongState,
)
from countenance.policy import Actor, Role
from countenance.policy.approvals import KINDS, ApprovalKind

office = four_eyes.office


def test_one_person_asks_another_approves_and_it_is_used_once(office: Office) -> None:
    with pytest.raises(ApprovalNeeded) as refused:
        office.use()
    assert refused.value.rule == "approval.threshold_change"
    assert "a supervisor who is somebody else" in refused.value.detail
    one = office.ask()
    with pytest.raises(ApprovalNeeded, match="waits for a decision"):
        office.use()
    office.decide(one)
    assert office.is_approved()
    used = office.use()
    row, facts = office.last_entry()
    assert row.action == "gallery.terms_changed"
    assert facts["approval"] == str(one.pk)
    assert facts["asked_by"] == str(office.people[0])
    assert facts["approved_by"] == str(office.people[1])
    assert (used.pk, used.uses) == (one.pk, 1)
    assert not office.is_approved()
    with pytest.raises(ApprovalNeeded, match="used already"):
        office.use()


def test_each_step_is_an_entry_about_the_request_with_who_why_and_exactly_what(
    office: Office,
) -> None:
    one = office.ask()
    row, facts = office.last_entry()
    assert (row.action, row.about) == ("approval.asked", one.pk)
    assert facts["payload"] == WANTED
    assert facts["reason"] == REASON
    office.decide(one, approve=False)
    row, facts = office.last_entry()
    assert (row.action, row.about) == ("approval.decided", one.pk)
    assert facts["approved"] is False
    services.withdraw(office.actor(0), approval=office.ask(), tools=office.tools)
    assert office.last_entry()[0].action == "approval.withdrawn"
    with pytest.raises(SamePerson):
        office.decide(office.ask(), by=0)
    row, facts = office.last_entry()
    assert row.action == "action.refused"
    assert facts["rule"] == "same_person"


def test_a_use_whose_service_fails_is_not_counted(office: Office) -> None:
    office.decide(office.ask())
    with pytest.raises(WrongState):
        office.use(fails=True)
    assert office.use().uses == 1


def test_an_approval_is_good_for_exactly_what_was_asked(office: Office) -> None:
    office.decide(office.ask())
    others = ({"threshold": "0.41", "sensitive": True}, {"threshold": "0.42"}, {}, None)
    for payload in (*others, WANTED | {"more": 1}):
        assert not office.is_approved(payload=payload)
        with pytest.raises(ApprovalNeeded, match="exactly this"):
            office.use(payload=payload)
    for other in ({"subject": uuid4()}, {"kind": ApprovalKind.RETENTION_EXTENSION}):
        with pytest.raises(ApprovalNeeded, match="exactly this"):
            office.use(**other)
    assert office.use(payload=dict(reversed(WANTED.items()))).uses == 1


def test_an_approval_without_a_payload_is_used_without_one(office: Office) -> None:
    office.decide(office.ask(payload={}))
    assert office.use(payload=None).uses == 1


def test_a_sensitive_gallery_stays_approved_for_its_case_until_the_approval_ends(
    office: Office,
) -> None:
    kind, case = ApprovalKind.SENSITIVE_GALLERY, {"case": str(uuid4())}
    office.decide(office.ask(kind=kind, payload=case))
    for _ in range(3):
        assert office.is_approved(kind, payload=case)
        office.use(kind=kind, payload=case)
    assert not office.is_approved(kind, payload={"case": str(uuid4())})
    office.now += timedelta(days=90, seconds=1)
    assert not office.is_approved(kind, payload=case)


def test_a_reason_a_summary_and_an_exact_payload_are_needed(office: Office) -> None:
    with pytest.raises(ReasonMissing):
        office.ask(reason="case")
    for wrong in ({"summary": " "}, {"summary": "x" * 501}, {"payload": {"threshold": 0.42}}):
        with pytest.raises(InputError):
            office.ask(**wrong)
    with pytest.raises(ReasonMissing):
        services.decide(
            office.actor(1), approval=office.ask(), approve=True, reason=" ", tools=office.tools
        )
    assert not Approval.objects.exclude(decided_at=None).exists()


def test_a_subject_that_is_not_the_askers_does_not_exist(office: Office) -> None:
    def nowhere(actor: Actor, subject: UUID) -> str:
        raise NotFound

    for kind in (KIND, ApprovalKind.BREAK_GLASS):
        effects.register(kind, subject=nowhere)
    with pytest.raises(NotFound):
        office.ask()
    with pytest.raises(NotFound):
        office.break_glass()
    assert not Approval.objects.exists()


def test_roles_and_a_fresh_proof_are_needed(office: Office) -> None:
    one = office.ask()
    with pytest.raises(RoleMissing):
        services.ask(
            office.actor(0, Role.EXAMINER),
            kind=KIND,
            subject=office.subject,
            summary="A lower one",
            payload={},
            reason=REASON,
            tools=office.tools,
        )
    decider = {"approval": one, "approve": True, "reason": "Agreed", "tools": office.tools}
    with pytest.raises(RoleMissing):
        services.decide(office.actor(1, Role.COORDINATOR), **decider)
    with pytest.raises(StepUpNeeded):
        services.decide(replace(office.actor(1), stepped_up_at=None), **decider)
    assert services.decide(office.actor(1, Role.SUPERVISOR), **decider).decided_by


def test_only_the_asker_withdraws_and_then_nobody_decides(office: Office) -> None:
    one = office.ask()
    with pytest.raises(NotPermitted) as refused:
        services.withdraw(office.actor(1), approval=one, tools=office.tools)
    assert refused.value.rule == "approval.withdraw"
    services.withdraw(office.actor(0), approval=one, tools=office.tools)
    with pytest.raises(WrongState, match="withdrawn"):
        office.decide(one)
    with pytest.raises(ApprovalNeeded, match="withdrawn"):
        office.use()


def test_of_two_deciders_at_the_same_moment_one_wins(office: Office) -> None:
    one, gate = office.ask(), Gate()

    def slowly(count: int) -> bytes:
        gate.stop_here()
        return office.on.tools.token_bytes(count)

    slow = with_tools(office.on, token_bytes=slowly).tools
    first = beside(
        lambda: services.decide(
            office.actor(1), approval=one, approve=False, reason="No", tools=slow
        )
    )
    gate.wait_until_reached()
    second = beside(lambda: office.decide(one, by=2))
    wait_until_somebody_waits()
    gate.open()
    result(first)
    with pytest.raises(WrongState, match="decided this already"):
        result(second)
    assert not office.is_approved()


def test_of_two_uses_at_the_same_moment_one_wins(office: Office) -> None:
    office.decide(office.ask())
    gate = Gate()

    def slowly(count: int) -> bytes:
        gate.stop_here()
        return office.on.tools.token_bytes(count)

    slow = replace(office.tools, token_bytes=slowly)
    wanted = {"kind": KIND, "subject": office.subject, "payload": WANTED}
    first = beside(lambda: carry_out(office.actor(0), **wanted, tools=slow))
    gate.wait_until_reached()
    second = beside(lambda: office.use(by=2))
    wait_until_somebody_waits()
    gate.open()
    assert result(first).uses == 1
    with pytest.raises(ApprovalNeeded, match="used already"):
        result(second)


def test_another_agency_neither_sees_nor_opens_nor_decides_a_request(office: Office) -> None:
    one, stranger = office.ask(), other_agency(office.on)
    with pytest.raises(NotFound):
        queries.approval(stranger, one.pk)
    with pytest.raises(NotFound):
        services.decide(
            replace(stranger, stepped_up_at=office.now),
            approval=one,
            approve=True,
            reason="Agreed",
            tools=office.tools,
        )
    office.decide(one)
    seen = queries.is_approved(
        stranger, kind=KIND, subject=office.subject, payload=WANTED, tools=office.tools
    )
    assert not seen
    with using_keyring(office.tools.keyring.only(stranger.agency)), pytest.raises(KeyUnavailable):
        _ = Approval.objects.get(pk=one.pk).summary


def test_what_waits_is_counted_for_those_who_can_decide_it(office: Office) -> None:
    office.ask()
    office.ask(kind=ApprovalKind.EXPORT)
    about_one = office.ask(kind=ApprovalKind.AUDITOR_REMOVAL, subject=office.people[2])

    def waiting(number: int, *roles: Role) -> int:
        return queries.waiting_for(office.actor(number, *roles), now=office.now)

    assert waiting(0) == 0
    assert waiting(1, Role.SUPERVISOR) == 3
    assert waiting(1, Role.AUDITOR) == 2
    assert waiting(2, Role.AUDITOR) == 1
    assert waiting(1, Role.EXAMINER) == 0
    everything = queries.waiting_on_others(office.actor(0), now=office.now)
    assert everything.count() == 3
    office.decide(about_one)
    assert waiting(1, Role.SUPERVISOR) == 2
    office.now += timedelta(days=7, seconds=1)
    assert waiting(1, Role.SUPERVISOR) == 0
    assert queries.over(office.actor(0), now=office.now).count() == 3


def test_a_request_is_read_by_those_whom_it_concerns(office: Office) -> None:
    one = office.ask()
    for role in Role:
        reads = role in KINDS[KIND].ask | KINDS[KIND].decide | {Role.AUDITOR}
        assert queries.approvals(office.actor(1, role)).filter(pk=one.pk).exists() is reads
    assert queries.approval(office.actor(0, Role.EXAMINER), one.pk).summary == "A higher threshold"
    with pytest.raises(NotFound):
        queries.approval(office.actor(1, Role.EXAMINER), one.pk)


def test_a_payload_that_could_not_be_told_whoever_decides_is_not_asked_for(office: Office) -> None:
    def words(actor: Actor, subject: UUID, payload: Any) -> list[tuple[str, str]]:
        return [("Until", payload["until"])]

    effects.register(KIND, words=words)
    with pytest.raises(InputError):
        office.ask()
    wanted = {"until": "2030-12-31"}
    one = office.ask(payload=wanted)
    told = effects.payload_words(office.actor(1), KIND, office.subject, one.payload)
    assert told == [("Until", "2030-12-31")]


def test_what_cannot_be_read_any_more_is_shown_as_it_was_written(office: Office) -> None:
    def gone(actor: Actor, subject: UUID, payload: Any) -> list[tuple[str, str]]:
        raise NotFound

    one = office.ask(payload={"roles": ["steward"], "more_of": {"a": None, "b": True}})
    effects.register(KIND, words=gone)
    told = effects.payload_words(office.actor(1), KIND, office.subject, one.payload)
    assert told == [("More of", "a: none, b: yes"), ("Roles", "steward")]
