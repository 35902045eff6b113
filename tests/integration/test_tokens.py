"""Personal tokens, and joining by invitation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from authenticator import FLAG, Device
from django.db import connection
from sign_in_help import App, give_app, give_codes, sign_in, with_clock

from countenance.apps.agencies import factors, inviting, joining, signing, tokens
from countenance.apps.agencies.models import Factor, Invitation, Person, Token
from countenance.apps.agencies.webauthn import Site
from countenance.apps.records.models import LedgerRow
from countenance.errors import (
    CertificateMissing,
    InputError,
    NotFound,
    NotSignedIn,
    ScopeMissing,
    StepUpNeeded,
)
from countenance.policy import SYSTEM, Role, Scope

SITE = Site(rp_id="localhost", origin="https://localhost")
HOURS, DAYS = timedelta(hours=1), timedelta(days=1)
NEW_PASSWORD = "the password of a newcomer"


@pytest.fixture
def on(deployment: Any) -> Any:
    deployment.tools, deployment.clock = with_clock(deployment.tools)
    deployment.actor = replace(deployment.actor, stepped_up_at=deployment.clock.now)
    return deployment


def make(on: Any, *scopes: Scope, lasts: timedelta = HOURS, actor: Any = None) -> Any:
    return tokens.make_token(
        actor or on.actor, name="Laptop", scopes=scopes, lasts=lasts, tools=on.tools
    )


# Tokens.


def test_a_token_acts_for_its_person_within_its_scopes(on):
    token, secret = make(on, Scope.READ, Scope.ENROL)
    actor = tokens.actor_of(secret, tools=on.tools)
    assert (actor.person, actor.agency) == (on.person.pk, on.agency.pk)
    assert actor.scopes == {Scope.READ, Scope.ENROL}
    assert actor.roles == on.person.roles
    assert actor.stepped_up_at is None
    (shown,) = tokens.of(on.actor, tools=on.tools)
    assert (shown.id, shown.name, shown.used_at) == (token.pk, "Laptop", on.clock.now)
    assert LedgerRow.objects.filter(action="token.used").count() == 1


def test_a_token_is_kept_as_a_hash_and_its_name_sealed(on):
    _, secret = make(on, Scope.READ)
    with connection.cursor() as cursor:
        cursor.execute("select details, secret_hash from agencies_token")
        row = b"".join(bytes(one) for one in cursor.fetchone())
    bare = secret.removeprefix(tokens.PREFIX)
    for part in (secret.encode(), bytes.fromhex(bare), b"Laptop", b"read"):
        assert part not in row


@pytest.mark.parametrize(
    ("scope", "longest"),
    [
        (Scope.READ, 90 * DAYS),
        (Scope.ENROL, 90 * DAYS),
        (Scope.CASES, 90 * DAYS),
        (Scope.SEARCH, 12 * HOURS),
        (Scope.MANAGE, 12 * HOURS),
        (Scope.AUDIT, 12 * HOURS),
    ],
)
def test_a_token_lives_no_longer_than_its_scope_allows(on, scope, longest):
    on.actor = replace(on.actor, roles=frozenset(Role))
    make(on, scope, lasts=longest)
    for lasts in (longest + timedelta(seconds=1), timedelta(), -HOURS):
        with pytest.raises(InputError, match="at most"):
            make(on, scope, lasts=lasts)
    _, secret = make(on, scope, Scope.READ, lasts=HOURS)
    on.clock.move(seconds=3599)
    assert tokens.actor_of(secret, tools=on.tools).person == on.person.pk
    on.clock.move(seconds=1)
    with pytest.raises(NotSignedIn):
        tokens.actor_of(secret, tools=on.tools)


def test_a_token_for_what_no_role_can_use_is_not_made(on):
    examiner = replace(on.examiner, stepped_up_at=on.clock.now)
    usable = tokens.usable_scopes(examiner)
    assert Scope.SEARCH in usable
    assert Scope.ENROL not in usable
    with pytest.raises(InputError, match="enrol"):
        make(on, Scope.ENROL, actor=examiner)


@pytest.mark.parametrize(
    ("name", "scopes"), [("", [Scope.READ]), ("x" * 61, [Scope.READ]), ("x", [])]
)
def test_a_token_needs_a_name_and_a_scope(on, name, scopes):
    with pytest.raises(InputError):
        tokens.make_token(on.actor, name=name, scopes=scopes, lasts=HOURS, tools=on.tools)


def test_a_token_is_made_after_a_recent_proof_and_never_with_a_token(on):
    with pytest.raises(StepUpNeeded):
        make(on, Scope.READ, actor=replace(on.actor, stepped_up_at=None))
    with pytest.raises(ScopeMissing):
        make(on, Scope.READ, actor=replace(on.actor, scopes=frozenset(Scope)))
    with pytest.raises(InputError, match="hold no role yet"):
        make(on, Scope.READ, actor=replace(on.actor, roles=frozenset()))


def test_a_revoked_token_works_no_more_and_only_its_owner_revokes_it(on):
    token, secret = make(on, Scope.READ)
    for actor, token_id in ((on.examiner, token.pk), (on.actor, uuid4())):
        with pytest.raises(NotFound):
            tokens.revoke_token(actor, token=token_id, tools=on.tools)
    tokens.revoke_token(on.actor, token=token.pk, tools=on.tools)
    with pytest.raises(NotSignedIn) as refused:
        tokens.actor_of(secret, tools=on.tools)
    assert tokens.of(on.actor, tools=on.tools) == []
    with pytest.raises(NotFound):
        tokens.revoke_token(on.actor, token=token.pk, tools=on.tools)
    with pytest.raises(NotSignedIn) as unknown:
        tokens.actor_of(secret + "0", tools=on.tools)
    assert refused.value.detail == unknown.value.detail
    assert LedgerRow.objects.filter(action="action.refused").count() >= 2


@pytest.mark.parametrize("whose", ["person", "agency"])
def test_a_token_of_somebody_suspended_does_not_work(on, whose):
    _, secret = make(on, Scope.READ)
    row = getattr(on, whose)
    row.standing |= {"suspended": {"since": "2026-01-01"}}
    row.save()
    with pytest.raises(NotSignedIn):
        tokens.actor_of(secret, tools=on.tools)


def test_a_token_does_not_outlive_training(on):
    _, secret = make(on, Scope.READ)
    on.person.standing |= {"trained_until": "2020-01-01"}
    on.person.save()
    with pytest.raises(CertificateMissing):
        tokens.actor_of(secret, tools=on.tools)


def test_writing_to_the_database_neither_lengthens_nor_moves_a_token(on):
    token, secret = make(on, Scope.READ)
    _, other = make(on, Scope.ENROL, lasts=30 * DAYS)
    Token.objects.filter(pk=token.pk).update(expires_at=on.clock.now + 90 * DAYS)
    on.clock.move(hours=2)
    with pytest.raises(NotSignedIn):
        tokens.actor_of(secret, tools=on.tools)
    Token.objects.exclude(pk=token.pk).update(secret_hash=b"another")
    Token.objects.filter(pk=token.pk).update(secret_hash=tokens._hash_of(other))
    with pytest.raises(NotSignedIn):
        tokens.actor_of(other, tools=on.tools)


def test_the_command_line_logs_in_with_a_code_and_gets_a_token(on):
    app = give_app(on.person, tools=on.tools)
    person, token, secret = tokens.log_in(
        SYSTEM,
        email="person@example.org",
        password="a long test password",
        code=app.code(),
        scopes=[Scope.READ],
        hours=12,
        tools=on.tools,
    )
    assert (person.pk, token.person_id) == (on.person.pk, on.person.pk)
    assert tokens.actor_of(secret, tools=on.tools).scopes == {Scope.READ}


def test_the_command_line_takes_no_recovery_code_and_leaves_it_unused(on):
    code = give_codes(on.person, tools=on.tools)[0]
    with pytest.raises(NotSignedIn):
        tokens.log_in(
            SYSTEM,
            email="person@example.org",
            password="a long test password",
            code=code,
            tools=on.tools,
        )
    assert sign_in(on.tools, code).recovery


# Joining.


@pytest.fixture
def coordinator(on: Any) -> Any:
    return replace(on.actor, roles=frozenset({Role.COORDINATOR}))


def invite(on: Any, coordinator: Any, email: str = "new@example.org") -> tuple[Invitation, str]:
    return inviting.invite_person(coordinator, name="New Person", email=email, tools=on.tools)


def first_app(on: Any) -> tuple[App, joining.FirstApp]:
    app = App(factors.begin_app(tools=on.tools), on.tools)
    return app, joining.FirstApp(secret=app.secret, code=app.code())


def accept(on: Any, secret: str, first: Any, password: str = NEW_PASSWORD) -> Any:
    return joining.accept(SYSTEM, secret=secret, password=password, first=first, tools=on.tools)


def test_an_invited_person_joins_with_an_app_and_has_no_role(on, coordinator):
    invitation, secret = invite(on, coordinator)
    assert joining.open_invitation(secret, tools=on.tools).pk == invitation.pk
    app, first = first_app(on)
    person, codes = accept(on, secret, first)
    assert (person.name, person.email, person.roles) == ("New Person", "new@example.org", set())
    assert person.agency_id == on.agency.pk
    assert len(codes) == 10
    with pytest.raises(NotSignedIn):
        sign_in(on.tools, first.code, email="new@example.org", password=NEW_PASSWORD)
    on.clock.move(seconds=30)
    came = sign_in(on.tools, app.code(), email="new@example.org", password=NEW_PASSWORD)
    assert came.person.pk == person.pk
    entry = LedgerRow.objects.filter(action="person.added").order_by("-index")[0]
    assert (entry.about, entry.agency) == (person.pk, on.agency.pk)


def test_an_invitation_works_once_and_every_reason_against_it_reads_alike(on, coordinator):
    _, used = invite(on, coordinator, "a@example.org")
    accept(on, used, first_app(on)[1])
    invitation, withdrawn = invite(on, coordinator, "b@example.org")
    inviting.withdraw_invitation(coordinator, invitation=invitation, tools=on.tools)
    _, late = invite(on, coordinator, "c@example.org")
    on.clock.move(hours=72)
    said = set()
    for secret in (used, withdrawn, late, "unknown", "", "\ud800"):
        with pytest.raises(NotFound) as refused:
            joining.open_invitation(secret, tools=on.tools)
        said.add(refused.value.detail)
        with pytest.raises(NotFound) as refused:
            accept(on, secret, first_app(on)[1])
        said.add(refused.value.detail)
    assert len(said) == 1


def test_a_wrong_code_or_password_leaves_the_invitation_as_it_was(on, coordinator):
    _, secret = invite(on, coordinator)
    before = Person.objects.count()
    wrong = joining.FirstApp(secret=factors.begin_app(tools=on.tools), code="000000")
    for first, password in (
        (wrong, NEW_PASSWORD),
        (first_app(on)[1], "short"),
        (first_app(on)[1], "NEW@example.org"),
    ):
        with pytest.raises(InputError):
            accept(on, secret, first, password)
    assert (Person.objects.count(), Factor.objects.count()) == (before, 0)
    assert accept(on, secret, first_app(on)[1])[0].name == "New Person"


def register(on: Any, secret: str, device: Device) -> joining.FirstPasskey:
    options, number = joining.passkey_registration(secret, site=SITE, tools=on.tools)
    answer = device.make(options)
    return joining.FirstPasskey(challenge=number, answer=answer, name="Phone", site=SITE)


def with_passkey(on: Any, device: Device) -> Any:
    options, number = signing.passkey_challenge(site=SITE, tools=on.tools)
    return signing.sign_in_with_passkey(
        SYSTEM, challenge=number, answer=device.sign(options), site=SITE, tools=on.tools
    )


def test_an_invited_person_joins_with_a_passkey(on, coordinator):
    _, secret = invite(on, coordinator)
    device = Device(origin=SITE.origin, rp_id=SITE.rp_id)
    person, _ = accept(on, secret, register(on, secret, device))
    assert device.user_handle == person.pk.bytes
    assert with_passkey(on, device).person.pk == person.pk


def test_a_passkey_for_another_invitation_or_without_verification_makes_no_account(on, coordinator):
    _, mine = invite(on, coordinator, "a@example.org")
    _, other = invite(on, coordinator, "b@example.org")
    before = Person.objects.count()
    with pytest.raises(InputError, match="another invitation"):
        accept(on, other, register(on, mine, Device(origin=SITE.origin, rp_id=SITE.rp_id)))
    unverified = Device(origin=SITE.origin, rp_id=SITE.rp_id, flags=FLAG.UP)
    with pytest.raises(InputError):
        accept(on, mine, register(on, mine, unverified))
    assert Person.objects.count() == before


def test_roles_come_with_the_custodians_invitations_only(on, coordinator):
    invitation, secret = invite(on, coordinator)
    invitation.details |= {"roles": ["examiner"]}
    invitation.save()
    assert accept(on, secret, first_app(on)[1])[0].roles == set()


def test_recovery_by_the_coordinator_replaces_everything_that_opened_the_account(on, coordinator):
    person = Person.objects.get(pk=on.examiner.person)
    old = give_app(person, tools=on.tools)
    codes = give_codes(person, tools=on.tools)
    _, token = make(on, Scope.READ, actor=replace(on.examiner, stepped_up_at=on.clock.now))
    invitation, secret = invite(on, coordinator, "unused@example.org")
    invitation.details = {
        "name": person.name,
        "email": person.email,
        "roles": ["examiner"],
        "replaces": str(person.pk),
    }
    invitation.email_index = bytes(person.email_index)
    invitation.save()
    before = Person.objects.count()
    app, first = first_app(on)
    again, new_codes = accept(on, secret, first)
    assert (again.pk, again.roles) == (person.pk, {Role.EXAMINER})
    assert Person.objects.count() == before
    on.clock.move(seconds=60)
    for code, password in (
        (old.code(), "a long test password"),
        (old.code(), NEW_PASSWORD),
        (codes[0], NEW_PASSWORD),
        (app.code(), "a long test password"),
    ):
        with pytest.raises(NotSignedIn):
            sign_in(on.tools, code, email=person.email, password=password)
    with pytest.raises(NotSignedIn):
        tokens.actor_of(token, tools=on.tools)
    came = sign_in(on.tools, app.code(), email=person.email, password=NEW_PASSWORD)
    assert came.person.pk == person.pk
    assert sign_in(on.tools, new_codes[0], email=person.email, password=NEW_PASSWORD).recovery
