"""Whoever can write anything to the database, as the program's own role, gains no power by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import factories
import pyotp
import pytest
from authenticator import Device
from django.db import connection
from integration.test_clock import _at, late  # noqa: F401 # a fixture
from integration.test_cross_agency import Neighbours, neighbours  # noqa: F401 # a fixture
from sign_in_help import give_app, give_codes, sign_in
from staff import House, house

from countenance import config
from countenance.apps.agencies import (
    factors,
    inviting,
    joining,
    services,
    signing,
    staff,
    tokens,
    upgrade,
)
from countenance.apps.agencies.models import Factor, Invitation, Person, Token
from countenance.apps.agencies.queries import secret_hash
from countenance.apps.agencies.webauthn import Site
from countenance.apps.cases.models import Authority
from countenance.apps.galleries import grants, terms
from countenance.apps.galleries.models import GalleryGrant
from countenance.apps.records.sealed import using_keyring
from countenance.apps.searches import purging
from countenance.apps.searches import services as searches
from countenance.errors import (
    NotFound,
    NotSignedIn,
    SearchFrozen,
    TamperDetected,
)
from countenance.policy import SYSTEM, Role, Scope
from countenance.policy.approvals import ApprovalKind
from countenance.sealing.factors import FileFactor
from countenance.web import wiring

SITE = Site(rp_id="localhost", origin="https://localhost")
HOUR = timedelta(hours=1)
FORGED = b'{"roles": ["custodian"], "suspended": null, "trained_until": "2199-12-31"}'


def run_sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        assert cursor.rowcount > 0, "nothing was changed, so nothing was tried"


@pytest.fixture
def one(deployment: Any) -> House:
    made = house(deployment.tools, roles=(Role.EXAMINER, Role.STEWARD))
    for person in made.people.values():
        person.refresh_from_db()
    return made


def again(row: Any) -> Any:
    """Return a row as it is read anew."""
    return type(row).objects.get(pk=row.pk)


@contextmanager
def noticed(*also: type[Exception]) -> Iterator[None]:
    with pytest.raises((TamperDetected, *also)):
        yield


# People and agencies.


def test_nobody_gives_themself_a_role(one: House) -> None:
    newcomer, supervisor = one.people["newcomer"], one.people["supervisor"]
    run_sql("update agencies_person set standing = %s where id = %s", FORGED, newcomer.pk)
    with noticed():
        _ = again(newcomer).actor
    run_sql(
        "update agencies_person n set standing = s.standing from agencies_person s"
        " where s.id = %s and n.id = %s",
        *(supervisor.pk, newcomer.pk),
    )
    with noticed():
        _ = again(newcomer).actor


@pytest.mark.parametrize("change", ["is_active = true", "is_active = true, standing = null"])
def test_nobody_lifts_the_suspension_of_a_person(one: House, change: str) -> None:
    steward = one.people["steward"]
    with one.acting("coordinator") as (actor, tools):
        staff.suspend_person(actor, person=steward, reason="Left the unit", tools=tools)
    run_sql(f"update agencies_person set {change} where id = %s", steward.pk)
    assert again(steward).suspended


def test_nobody_lifts_the_suspension_of_an_agency_or_binds_it_to_another_pack(one: House) -> None:
    with one.acting("custodian") as (actor, tools):
        services.suspend_agency(actor, agency=one.agency, reason="Mandate ended", tools=tools)
    run_sql(
        "update agencies_agency a set standing = c.standing from agencies_agency c"
        " where a.id = %s and c.id <> %s",
        *(one.agency.pk, one.agency.pk),
    )
    with noticed():
        _ = again(one.agency).suspended
    run_sql("update agencies_agency set standing = null where id = %s", one.agency.pk)
    assert again(one.agency).suspended
    with noticed():
        _ = again(one.agency).pack


def test_a_standing_that_was_emptied_is_not_written_anew_at_the_next_start(one: House) -> None:
    newcomer = one.people["newcomer"]
    with one.acting("coordinator") as (actor, tools):
        inviting.invite_person(actor, name="Ivo", email="ivo@example.org", tools=tools)
    run_sql(
        "update agencies_person set standing = null, added_at = '2001-01-01' where id = %s",
        newcomer.pk,
    )
    assert upgrade.is_needed(tools=one.tools)
    wiring.seal()
    with noticed():
        wiring.unseal(FileFactor(config.current().file_factor))
    assert Person.objects.filter(pk=newcomer.pk, standing__isnull=True).exists()


def test_a_certificate_is_not_lengthened_by_anothers(one: House) -> None:
    examiner, other = one.people["examiner"], one.people["steward"]
    run_sql(
        "update agencies_person e set standing = o.standing from agencies_person o"
        " where e.id = %s and o.id = %s",
        *(examiner.pk, other.pk),
    )
    with noticed():
        _ = again(examiner).certified_until


# What opens an account.


def _token(house_of: House, who: str, *scopes: Scope) -> tuple[Token, str]:
    with house_of.acting(who) as (actor, tools):
        return tokens.make_token(actor, name="Mine", scopes=scopes, lasts=HOUR, tools=tools)


def test_a_token_does_not_act_for_somebody_else(one: House) -> None:
    token, secret = _token(one, "steward", Scope.READ)
    run_sql(
        "update agencies_token set person_id = %s where id = %s",
        *(one.people["supervisor"].pk, token.pk),
    )
    with noticed():
        tokens.actor_of(secret, tools=one.tools)


@pytest.mark.parametrize("how", ["revoked", "logged out"])
def test_a_token_that_was_revoked_does_not_come_back(one: House, how: str) -> None:
    token, secret = _token(one, "steward", Scope.READ)
    with one.acting("steward") as (actor, tools):
        if how == "revoked":
            tokens.revoke_token(actor, token=token.pk, tools=tools)
        else:
            tokens.log_out(actor, secret=secret, tools=tools)
    run_sql("update agencies_token set revoked_at = null")
    with pytest.raises(NotSignedIn):
        tokens.actor_of(secret, tools=one.tools)


def _passkey(on: House, who: str) -> Device:
    device = Device(origin=SITE.origin, rp_id=SITE.rp_id)
    with on.acting(who) as (actor, tools):
        options, number = factors.passkey_registration(actor, site=SITE, tools=tools)
        answer = device.make(options)
        factors.add_passkey(
            actor, challenge=number, answer=answer, name="Mine", site=SITE, tools=tools
        )
    return device


def test_ones_own_passkey_does_not_open_anothers_account(one: House) -> None:
    device = _passkey(one, "steward")
    run_sql("update agencies_factor set person_id = %s", one.people["supervisor"].pk)
    # The handle is the device's word only: it may say anything, or nothing.
    for handle in (None, one.people["supervisor"].pk.bytes):
        device.user_handle = handle
        options, number = signing.passkey_challenge(site=SITE, tools=one.tools)
        with noticed():
            signing.sign_in_with_passkey(
                SYSTEM, challenge=number, answer=device.sign(options), site=SITE, tools=one.tools
            )


@pytest.mark.parametrize("kind", [Factor.TOTP, Factor.RECOVERY])
def test_ones_own_app_and_codes_do_not_prove_anothers_account(deployment: Any, kind: str) -> None:
    """Even with their password in hand, which is the other half."""
    tools, me = deployment.tools, Person.objects.get(pk=deployment.supervisor.person)
    if kind == Factor.TOTP:
        code = give_app(me, tools=tools).code()
    else:
        code = give_codes(me, tools=tools)[0]
    assert not Factor.objects.filter(person=deployment.person).exists()
    run_sql("update agencies_factor set person_id = %s", deployment.person.pk)
    with noticed():
        sign_in(tools, code)


# Invitations.


def _accept(on: House, secret: str) -> Person:
    app = factors.begin_app(tools=on.tools)

    first = joining.FirstApp(secret=app, code=pyotp.TOTP(app).now())
    password = "a password that somebody chose"
    person, _ = joining.accept(
        SYSTEM, secret=secret, password=password, first=first, tools=on.tools
    )
    return person


@pytest.fixture
def invited(one: House) -> tuple[Invitation, str]:
    """A custodian's invitation, which carries a role."""
    agency = services.admit_agency(SYSTEM, name="Next agency", tools=one.tools)
    with one.acting("custodian") as (actor, tools):
        return inviting.invite_first(
            actor,
            agency=agency,
            role=Role.SUPERVISOR,
            name="Sue",
            email="sue@example.org",
            tools=tools,
        )


CHOSEN = "a secret that somebody chose"
INVITATION_CHANGES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "another secret": ("secret_hash = %s", (secret_hash(CHOSEN),)),
    "another address": ("email_index = %s", (b"0123456789abcdef",)),
    "a later end": ("expires_at = expires_at + interval '1 year'", ()),
    "another inviter": ("invited_by = %s", ("00000000-0000-0000-0000-000000000001",)),
    "another side": ("by_custodian = false", ()),
}


@pytest.mark.parametrize("change", INVITATION_CHANGES)
def test_an_invitation_that_was_changed_lets_nobody_in(
    one: House, invited: tuple[Invitation, str], change: str
) -> None:
    statement, values = INVITATION_CHANGES[change]
    run_sql(f"update agencies_invitation set {statement}", *values)
    before = Person.objects.count()
    with noticed():
        _accept(one, CHOSEN if change == "another secret" else invited[1])
    assert Person.objects.count() == before


def test_an_invitation_is_not_moved_into_another_agency(
    one: House, invited: tuple[Invitation, str]
) -> None:
    run_sql("update agencies_invitation set agency_id = %s", one.agency.pk)
    with noticed():
        _accept(one, invited[1])


@pytest.mark.parametrize("end", ["accepted", "withdrawn"])
def test_an_invitation_that_is_over_does_not_begin_anew(
    one: House, invited: tuple[Invitation, str], end: str
) -> None:
    invitation, secret = invited
    if end == "accepted":
        gone = _accept(one, secret)
        run_sql("delete from agencies_factor where person_id = %s", gone.pk)
        run_sql("delete from agencies_person where id = %s", gone.pk)
    else:
        with one.acting("custodian") as (actor, tools):
            inviting.withdraw_invitation(actor, invitation=invitation, tools=tools)
    run_sql("update agencies_invitation set accepted_at = null, withdrawn_at = null")
    with pytest.raises(NotFound):
        _accept(one, secret)


# Authorities, approvals, terms, grants, searches.


AUTHORITY = {
    "its last day": "expires_on = '2999-01-01'",
    "a grant": "decided_at = now(), decided_by_id = (select id from agencies_person"
    " where id <> proposed_by_id limit 1)",
    "a grant and a forged seal": "decided_at = now(), standing = '\\x7b7d'",
    "its quota": "details = (select o.details from cases_authority o"
    " where o.id <> cases_authority.id)",
    "its uses": "standing = (select o.standing from cases_authority o"
    " where o.id <> cases_authority.id)",
}


@pytest.mark.parametrize("change", AUTHORITY)
def test_an_authority_is_not_widened(deployment: Any, change: str) -> None:
    gallery = factories.make_gallery(deployment)
    few = factories.make_authority(deployment, [gallery], quota=1)
    factories.make_authority(deployment, [gallery], quota=1000)
    run_sql(f"update cases_authority set {AUTHORITY[change]} where id = %s", few.pk)
    with noticed():
        _ = Authority.objects.get(pk=few.pk).facts


def test_the_terms_of_a_gallery_are_not_taken_away(neighbours: Neighbours) -> None:  # noqa: F811

    gallery = neighbours.gallery
    wanted = terms.terms_payload(sensitive=True)
    neighbours.approve(ApprovalKind.GALLERY_TERMS, gallery.pk, wanted)
    terms.change_terms(
        neighbours.a.actor,
        gallery=gallery,
        sensitive=True,
        tools=neighbours.tools_of_a,
    )
    assert again(gallery).facts.sensitive
    run_sql("update galleries_gallery set terms = null where id = %s", gallery.pk)
    with noticed():
        _ = again(gallery).facts
    with noticed():
        _ = again(gallery).threshold


GRANT = {
    "not ended": "ended_at = null",
    "of another gallery": "gallery_id = (select id from galleries_gallery"
    " where id <> galleries_gallerygrant.gallery_id limit 1), ended_at = null",
    "with a proof of somebody's own": "proof = '\\x0102', ended_at = null",
}


@pytest.mark.parametrize("change", GRANT)
def test_a_grant_that_was_ended_opens_nothing(
    neighbours: Neighbours,  # noqa: F811
    change: str,
) -> None:
    factories.make_gallery(neighbours.a, "Another one")
    grant = neighbours.grant()
    grants.end_grant(neighbours.a.actor, grant=grant, reason="Found", tools=neighbours.tools_of_a)
    run_sql(f"update galleries_gallerygrant set {GRANT[change]}")
    seen: list[Any] = []
    with using_keyring(neighbours.keys_of_b), suppress(TamperDetected):
        seen = grants.granted_to(neighbours.b, tools=neighbours.tools_of_b)
    assert seen == []


def test_the_date_of_a_grant_is_not_taken_from_another(neighbours: Neighbours) -> None:  # noqa: F811
    other = factories.make_gallery(neighbours.a, "Another one")
    short = neighbours.grant(days=1)
    neighbours.gallery = other
    long = neighbours.grant(days=300)
    run_sql(
        "update galleries_gallerygrant s set proof = l.proof, details = l.details"
        " from galleries_gallerygrant l where s.id = %s and l.id = %s",
        *(short.pk, long.pk),
    )
    with using_keyring(neighbours.keys_of_b), noticed():
        grants.granted_to(neighbours.b, tools=neighbours.tools_of_b)
    assert GalleryGrant.objects.count() == 2


CLOCK = {
    "a later deadline": "authorise_by = authorise_by + interval '1 year'",
    "no deadline": "authorise_by = null",
    "no authority": "authority_id = null",
    "neither": "authorise_by = null, authority_id = null",
    "not frozen": "frozen_at = null",
}


@pytest.mark.parametrize("change", CLOCK)
def test_the_time_of_a_search_without_a_grant_is_not_lengthened(late: Any, change: str) -> None:  # noqa: F811
    after = _at(late, timedelta(hours=49))

    search = late.found
    if change == "not frozen":
        assert purging.freeze_overdue(SYSTEM, tools=after) == 1
    run_sql(f"update searches_search set {CLOCK[change]}")
    with pytest.raises((TamperDetected, SearchFrozen)):
        searches.view_candidates(
            replace(late.examiner, stepped_up_at=after.clock()), search=search, tools=after
        )
