"""Authorities: proposed by one person, granted by another, unforgeable, with their document sealed."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from factories import make_authority, make_gallery, other_agency, second_person

from countenance.apps.agencies import services as agencies
from countenance.apps.cases import authorities, queries, uses
from countenance.apps.cases.documents import MAX_BYTES, Document, format_of
from countenance.apps.cases.models import Authority, AuthorityState
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import unseal_body
from countenance.errors import (
    CountenanceError,
    InputError,
    NotFound,
    NotPermitted,
    ReasonMissing,
    RoleMissing,
    SamePerson,
    SealBroken,
    WrongState,
)
from countenance.policy import SYSTEM, Role, SearchKind
from countenance.web.maintenance import sweep_objects

PDF = b"%PDF-1.7 warrant-words-nobody-may-find %%EOF"
WARRANT = Document(file_name="warrant.pdf", data=PDF)
TODAY_IS_OVER = date(2020, 1, 1)


def propose(on, actor=None, galleries=None, **terms):
    if galleries is None:
        galleries = [make_gallery(on, f"Gallery {uuid4().hex[:6]}").pk]
    wishes = {
        "kind": SearchKind.MISSING,
        "statute": "Missing Persons Act, section 4",
        "purpose": "Find a missing person",
        "galleries": galleries,
        "quota": 3,
        "expires_on": date(2199, 12, 31),
    }
    return authorities.propose_authority(actor or on.actor, **wishes | terms, tools=on.tools)


def decide(on, authority, *, grant=True, actor=None, reason="In order"):
    return authorities.decide_authority(
        actor or second_person(on), authority=authority, grant=grant, reason=reason, tools=on.tools
    )


def person_with(on, role, email):
    """Return somebody of the agency who holds one role."""
    person = agencies.add_person(
        SYSTEM,
        agency=on.agency,
        name=f"Only {role}",
        email=email,
        password=None,
        roles=[role],
        tools=on.tools,
    )
    return replace(person.actor, stepped_up_at=on.tools.clock())


def actions():
    return [row.action for row in LedgerRow.objects.order_by("index")]


def last_body(on):
    row = LedgerRow.objects.order_by("index").last()
    return unseal_body(row, keyring=on.tools.keyring)[1].decode()


def refused(rule):
    """Return whether the newest entry is a refusal by this rule."""
    return rule


def run_sql(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_a_proposed_authority_is_granted_by_a_supervisor_and_each_step_is_an_entry(deployment):
    investigator = person_with(deployment, Role.INVESTIGATOR, "i@example.org")
    authority = propose(deployment, investigator, document=WARRANT, note="See page 2")
    today = deployment.tools.clock().date()
    assert authority.state(today=today) == AuthorityState.WAITING
    assert authority.facts.granted_at is None
    authority = decide(deployment, authority, actor=deployment.supervisor)
    authority = Authority.objects.get(pk=authority.pk)
    assert authority.state(today=today) == AuthorityState.GRANTED
    facts = authority.facts
    assert facts.granted_at == authority.decided_at
    assert facts.proposed_by == investigator.person
    assert facts.documented
    assert (facts.quota, facts.used, authority.left) == (3, 0, 3)
    assert authority.decided_by_id == deployment.supervisor.person
    assert actions()[-2:] == ["authority.proposed", "authority.granted"]


def test_a_coordinator_proposes_too_and_nobody_else_does(deployment):
    gallery = make_gallery(deployment)
    coordinator = person_with(deployment, Role.COORDINATOR, "o@example.org")
    assert propose(deployment, coordinator, [gallery.pk]).proposed_by_id == coordinator.person
    for role in (Role.EXAMINER, Role.SUPERVISOR, Role.STEWARD, Role.AUDITOR):
        actor = person_with(deployment, role, f"not-{role}@example.org")
        with pytest.raises(RoleMissing):
            propose(deployment, actor, [gallery.pk])
        assert actions()[-1] == "action.refused"


def test_nobody_grants_what_they_proposed(deployment):
    authority = propose(deployment)
    with pytest.raises(SamePerson, match="Another supervisor can"):
        decide(deployment, authority, actor=deployment.actor)
    assert actions()[-1] == "action.refused"
    assert '"same_person"' in last_body(deployment)
    assert Authority.objects.get(pk=authority.pk).facts.granted_at is None


def test_only_a_supervisor_decides(deployment):
    authority = propose(deployment)
    for role in (Role.COORDINATOR, Role.INVESTIGATOR, Role.EXAMINER, Role.AUDITOR, Role.STEWARD):
        actor = person_with(deployment, role, f"{role}-only@example.org")
        with pytest.raises(RoleMissing):
            decide(deployment, authority, actor=actor)
        assert actions()[-1] == "action.refused"


def test_a_refused_authority_stays_refused_and_is_an_entry_of_its_own(deployment):
    authority = decide(deployment, propose(deployment), grant=False, reason="No warrant")
    assert actions()[-1] == "authority.refused"
    assert "No warrant" in last_body(deployment)
    assert authority.facts.refused
    with pytest.raises(WrongState):
        decide(deployment, authority)
    with pytest.raises(WrongState):
        authorities.revoke_authority(
            deployment.supervisor, authority=authority, reason="again", tools=deployment.tools
        )


def test_a_decision_and_its_reversal_need_words(deployment):
    authority = propose(deployment)
    with pytest.raises(ReasonMissing):
        decide(deployment, authority, reason="  ")
    with pytest.raises(ReasonMissing):
        authorities.revoke_authority(
            deployment.supervisor, authority=authority, reason="", tools=deployment.tools
        )


@pytest.mark.parametrize("granted_before", [True, False])
def test_an_authority_can_be_taken_back_before_and_after_it_was_granted(deployment, granted_before):
    authority = propose(deployment)
    if granted_before:
        authority = decide(deployment, authority)
    authority = authorities.revoke_authority(
        deployment.supervisor, authority=authority, reason="Warrant lifted", tools=deployment.tools
    )
    assert actions()[-1] == "authority.revoked"
    assert authority.facts.revoked
    with pytest.raises(WrongState):
        decide(deployment, authority)
    today = deployment.tools.clock().date()
    assert Authority.objects.get(pk=authority.pk).state(today=today) == AuthorityState.REVOKED


@pytest.mark.parametrize(
    "terms",
    [
        {"statute": " "},
        {"purpose": ""},
        {"quota": 0},
        {"quota": 10_001},
        {"expires_on": TODAY_IS_OVER},
        {"galleries": []},
        {"galleries": [uuid4()]},
        {"document": Document(file_name="x.exe", data=b"MZ\x00\x01")},
    ],
)
def test_an_incomplete_proposal_is_not_kept(deployment, terms):
    before = actions()
    with pytest.raises(InputError):
        propose(deployment, **terms)
    assert actions()[-1] in {before[-1], "gallery.created"}
    assert not Authority.objects.exists()


def test_a_proposal_covers_no_gallery_of_another_agency_unless_it_was_granted(deployment):
    theirs = make_gallery(replace_actor(deployment, other_agency(deployment)), "Theirs")
    with pytest.raises(InputError, match="neither your agency's own nor granted"):
        propose(deployment, galleries=[theirs.pk])


def replace_actor(on, actor):
    """Return a deployment whose actor is somebody else."""
    return replace(on, actor=actor)


def test_an_authority_that_ended_while_it_waited_is_not_granted(deployment, monkeypatch):
    authority = propose(deployment, expires_on=deployment.tools.clock().date())
    later = deployment.tools.clock() + timedelta(days=2)
    tools = replace(deployment.tools, clock=lambda: later)
    with pytest.raises(WrongState, match="last day is over"):
        authorities.decide_authority(
            replace(deployment.supervisor, stepped_up_at=later),
            authority=authority,
            grant=True,
            reason="late",
            tools=tools,
        )


def test_another_agency_neither_finds_nor_decides_it(deployment):
    authority = propose(deployment, document=WARRANT)
    theirs = other_agency(deployment)
    with pytest.raises(NotFound):
        queries.authority(theirs, authority.pk)
    assert not queries.authorities(theirs)
    attempts = [
        lambda: decide(deployment, authority, actor=theirs),
        lambda: authorities.revoke_authority(
            theirs, authority=authority, reason="x", tools=deployment.tools
        ),
        lambda: authorities.view_authority_document(
            theirs, authority=authority, tools=deployment.tools
        ),
        lambda: authorities.attach_document(
            theirs, authority=authority, document=WARRANT, tools=deployment.tools
        ),
    ]
    for attempt in attempts:
        with pytest.raises(NotPermitted, match="another agency"):
            attempt()
        assert actions()[-1] == "action.refused"
        assert "agency.own_only" in last_body(deployment)


def test_the_document_is_sealed_counted_as_viewed_and_kept_by_the_sweep(deployment):
    authority = propose(deployment)
    authority = authorities.attach_document(
        deployment.actor, authority=authority, document=WARRANT, tools=deployment.tools
    )
    assert actions()[-1] == "authority.documented"
    assert authority.document == {"file_name": "warrant.pdf", "bytes": len(PDF), "format": "PDF"}
    assert authority.facts.documented
    sweep_objects(tools=deployment.tools, grace=-1)
    data = authorities.view_authority_document(
        deployment.supervisor, authority=authority, tools=deployment.tools
    )
    assert data == PDF
    assert actions()[-1] == "authority.viewed"
    for path in deployment.home.rglob("*"):
        if path.is_file() and not path.is_socket():
            assert b"warrant-words" not in path.read_bytes(), path


def test_a_document_comes_once_and_before_the_decision(deployment):
    def attach(authority):
        return authorities.attach_document(
            deployment.actor, authority=authority, document=WARRANT, tools=deployment.tools
        )

    with pytest.raises(WrongState, match="has a document"):
        attach(propose(deployment, document=WARRANT))
    with pytest.raises(WrongState, match="decided"):
        attach(decide(deployment, propose(deployment)))
    with pytest.raises(NotFound):
        authorities.view_authority_document(
            deployment.actor, authority=propose(deployment), tools=deployment.tools
        )


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (PDF, "PDF"),
        (b"\xff\xd8\xff\xe0 rest", "JPEG"),
        (b"\x89PNG\r\n\x1a\n rest", "PNG"),
        ("Order of 3 May\r\n\tsection 4, für Anna\n".encode(), "text"),
    ],
)
def test_the_format_of_a_document_is_told_by_its_bytes(data, name):
    assert format_of(data) == name


@pytest.mark.parametrize(
    "data",
    [b"", b"MZ\x90\x00", b"\x1b[31mred", b"GIF89a\x00", b"\xff\xfe<\x00", b" %PDF-\x00"],
)
def test_other_files_are_no_documents(data):
    with pytest.raises(InputError):
        format_of(data)


def test_a_document_has_a_limit_that_is_itself_allowed():
    assert format_of(b"%PDF-" + bytes(MAX_BYTES - 5)) == "PDF"
    with pytest.raises(InputError, match="20 MB"):
        format_of(b"%PDF-" + bytes(MAX_BYTES - 4))


def test_each_use_is_counted_and_the_first_one_remembered(deployment):
    authority = make_authority(deployment, [make_gallery(deployment)], quota=2)
    first = deployment.tools.clock()
    for minutes in (0, 1):
        with transaction.atomic():
            locked = uses.lock_authority(authority.pk)
            uses.count_use(locked, at=first + timedelta(minutes=minutes))
    authority = Authority.objects.get(pk=authority.pk)
    assert (authority.used, authority.left) == (2, 0)
    assert authority.facts.first_used_at == first
    assert authority.state(today=first.date()) == AuthorityState.SPENT
    assert authority not in queries.usable_authorities(deployment.actor, tools=deployment.tools)


@pytest.mark.parametrize(
    "tampering",
    [
        "update cases_authority set expires_on = '2999-01-01'",
        "update cases_authority set decided_at = now(), decided_by_id = proposed_by_id",
        (
            "update cases_authority set proposed_by_id = (select id from agencies_person"
            " where id <> proposed_by_id limit 1)"
        ),
        "update cases_authority set revoked_at = now(), revoked_by_id = proposed_by_id",
    ],
)
def test_columns_changed_in_the_database_are_noticed(deployment, tampering):
    authority = propose(deployment)
    run_sql(tampering)
    with pytest.raises(SealBroken):
        queries.authority(deployment.actor, authority.pk)
    with pytest.raises(SealBroken):
        _ = Authority.objects.get(pk=authority.pk).facts
    with pytest.raises(SealBroken):
        decide(deployment, authority)


def test_taking_back_cannot_be_undone_in_the_columns(deployment):
    authority = authorities.revoke_authority(
        deployment.supervisor,
        authority=decide(deployment, propose(deployment)),
        reason="Warrant lifted",
        tools=deployment.tools,
    )
    run_sql("update cases_authority set revoked_at = null, revoked_by_id = null")
    with pytest.raises(SealBroken):
        _ = Authority.objects.get(pk=authority.pk).facts


def test_the_standing_of_another_authority_does_not_open_here(deployment):
    waiting, granted = propose(deployment), decide(deployment, propose(deployment))
    run_sql(
        "update cases_authority set standing = (select standing from cases_authority where id = %s),"
        " object_key = (select object_key from cases_authority where id = %s) where id = %s",
        granted.pk,
        granted.pk,
        waiting.pk,
    )
    with pytest.raises(CountenanceError):
        _ = Authority.objects.get(pk=waiting.pk).facts
