"""What a review of sign-in, invitations and roles found, so that it stays mended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from authenticator import Device
from clients import client_of
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from factories import ask, make_case, make_gallery, widen
from sign_in_help import App, give_app, sign_in
from staff import House, house, last_entry

from countenance.apps.agencies import (
    account_forms,
    factor_rows,
    factors,
    inviting,
    joining,
    lockout,
    sessions,
    signing,
    staff,
    stepping,
    tokens,
    webauthn,
)
from countenance.apps.agencies.models import (
    Factor,
    Invitation,
    Person,
    SignInSession,
    SignInTries,
)
from countenance.apps.agencies.webauthn import Purpose, Site
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches.models import Search
from countenance.errors import NotFound, NotPermitted, NotSignedIn
from countenance.policy import SYSTEM, Role
from countenance.testing import FakeEngine
from countenance.web import jobs, maintenance

WHY = "Last seen on 3 May at the station of Ourtown"


def session_of(client: Any) -> sessions.SessionStore:
    return sessions.SessionStore(client.cookies[settings.SESSION_COOKIE_NAME].value)


def test_a_code_that_comes_with_the_form_runs_the_search_and_the_next_is_asked_for_anew(deployment):
    gallery = make_gallery(deployment)
    case = make_case(deployment)
    probe = ask(deployment, case, [gallery], FakeEngine.photo("anna"))
    widen(probe.case)
    person = Person.objects.get(pk=deployment.examiner.person)
    app = give_app(person, tools=deployment.tools)
    client = client_of(deployment, deployment.examiner)
    assert sessions.spend_step_up(session_of(client))
    asked = {"face": 0, "galleries": [str(gallery.pk)], "reason": WHY, "top": 5}
    path = f"/probes/{probe.pk}/search/"
    assert client.post(path, asked).status_code == 403
    answer = client.post(path, asked | {"step_up_code": app.code(-1)})
    assert answer["Location"] == f"/searches/{Search.objects.get().pk}/"
    assert b"step_up_code" in client.post(path, asked).content
    assert client.post(path, asked).status_code == 403
    assert Search.objects.count() == 1


def test_a_spent_proof_does_not_come_back_with_a_slow_request(deployment):
    client = client_of(deployment)
    slow = session_of(client)
    assert slow[sessions.PROVED_AT]
    assert sessions.spend_step_up(session_of(client))
    slow["done"] = "Something else is written."
    slow.save()
    after = session_of(client)
    assert after["done"] == "Something else is written."
    assert sessions.PROVED_AT not in after


def test_nor_is_a_new_proof_lost_by_one(deployment):
    client = client_of(deployment)
    assert sessions.spend_step_up(session_of(client))
    slow = session_of(client)
    assert "done" not in slow
    sessions.stepped_up(session_of(client), datetime.now(UTC))
    slow["done"] = "Something else is written."
    slow.save()
    assert sessions.spend_step_up(session_of(client))


def test_a_proof_by_passkey_does_not_lend_its_kind_to_a_later_one(deployment):
    client = client_of(deployment)
    sessions.stepped_up(session_of(client), datetime.now(UTC), by=Factor.PASSKEY)
    slow = session_of(client)
    assert sessions.is_by_passkey(slow)
    sessions.stepped_up(session_of(client), datetime.now(UTC), by=Factor.TOTP)
    slow["done"] = "Something else is written."
    slow.save()
    after = session_of(client)
    assert after["done"]
    assert after[sessions.PROVED_AT]
    assert not sessions.is_by_passkey(after)


# Invitations that let somebody in anew.


@pytest.fixture
def one(deployment: Any) -> House:
    return house(deployment.tools, roles=(Role.AUDITOR, Role.EXAMINER))


def accept(one: House, secret: str) -> Any:
    app = App(factors.begin_app(tools=one.tools), one.tools)
    first = joining.FirstApp(secret=app.secret, code=app.code())
    return joining.accept(
        SYSTEM, secret=secret, password="a new test password", first=first, tools=one.tools
    )


def reinvite(one: House, who: str) -> tuple[Invitation, str]:
    with one.acting("coordinator") as (actor, tools):
        return staff.reinvite_person(actor, person=one.people[who], tools=tools)


def invite_first(one: House, who: str, role: Role, **said: Any) -> tuple[Invitation, str]:
    with one.acting("custodian") as (actor, tools):
        return inviting.invite_first(
            actor,
            agency=one.agency,
            role=role,
            name=who.title(),
            email=f"{who}@house.example.org",
            tools=tools,
            **said,
        )


def test_a_link_from_before_somebody_got_roles_does_not_open_their_account(one: House) -> None:
    person = one.people["newcomer"]
    invitation, secret = reinvite(one, "newcomer")
    with one.acting("coordinator") as (actor, tools):
        approval = staff.ask_for_roles(
            actor, person=person, roles=[Role.AUDITOR], reason=WHY, tools=tools
        )
    one.approve(approval, by="supervisor")
    with one.acting("coordinator") as (actor, tools):
        staff.change_roles(actor, person=person, roles=[Role.AUDITOR], tools=tools)
    assert last_entry(one.tools)[1]["invitations_withdrawn"] == 1
    with pytest.raises(NotFound):
        accept(one, secret)
    assert Invitation.objects.get(pk=invitation.pk).withdrawn_at


def test_nor_where_the_roles_came_another_way(one: House) -> None:
    person = one.people["newcomer"]
    _, secret = reinvite(one, "newcomer")
    person.standing = {**person.standing, "roles": ["auditor"]}
    person.save()
    with pytest.raises(NotPermitted, match="roles of this account were changed"):
        accept(one, secret)
    assert last_entry(one.tools)[0] == "action.refused"


def test_with_unchanged_roles_the_link_works(one: House) -> None:
    _, secret = reinvite(one, "newcomer")
    assert accept(one, secret)[0].pk == one.people["newcomer"].pk


@pytest.mark.parametrize("who", ["examiner", "supervisor", "auditor"])
def test_a_custodian_does_not_take_over_an_account_with_other_roles(one: House, who: str) -> None:
    for role in (Role.SUPERVISOR, Role.AUDITOR):
        with pytest.raises(NotPermitted, match="its coordinator asks"):
            invite_first(one, who, role, instead="Lost without a word")
    # As coordinator it can be sent, since a custodian reads no roles; but it opens nothing.
    _, secret = invite_first(one, who, Role.COORDINATOR, instead="Lost without a word")
    with pytest.raises(NotPermitted, match="its coordinator asks"):
        accept(one, secret)
    assert last_entry(one.tools)[0] == "action.refused"
    one.people["coordinator"].refresh_from_db()
    assert not one.people["coordinator"].suspended


def test_what_a_custodian_did_is_read_by_the_agency(one: House) -> None:
    _, secret = invite_first(one, "cora", Role.SUPERVISOR, instead="Lost without a word")
    accept(one, secret)
    row = LedgerRow.objects.order_by("-index").first()
    assert row is not None
    assert row.agency == one.agency.pk
    facts = last_entry(one.tools)[1]
    assert facts["by_custodian"] is True
    assert facts["invited_by"] == str(one.custodian.pk)
    assert facts["instead"] == "Lost without a word"
    assert facts["roles"] == ["supervisor"]
    assert facts["suspended"] == [str(one.people["supervisor"].pk)]


def test_the_agencys_own_auditor_is_not_displaced_without_a_reason(one: House) -> None:
    _, secret = invite_first(one, "dora", Role.AUDITOR)
    with pytest.raises(NotPermitted, match="has its auditor"):
        accept(one, secret)


# Proving who one is while strangers try.


SITE = Site(rp_id="localhost", origin="https://localhost")


def passkey_of(on: Any) -> Device:
    device = Device(origin=SITE.origin, rp_id=SITE.rp_id)
    options, number = factors.passkey_registration(on.actor, site=SITE, tools=on.tools)
    factors.add_passkey(
        on.actor,
        challenge=number,
        answer=device.make(options),
        name="Mine",
        site=SITE,
        tools=on.tools,
    )
    return device


def test_wrong_passwords_of_strangers_stop_nobody_who_is_signed_in(deployment: Any) -> None:
    app = give_app(deployment.person, tools=deployment.tools)
    client = client_of(deployment)
    for _ in range(lockout.SIGN_IN_TRIES + 1):
        with pytest.raises(NotSignedIn):
            sign_in(deployment.tools, "000000", password="a stranger's guess")
    assert stepping.step_up(deployment.actor, code=app.code(), tools=deployment.tools)
    with pytest.raises(NotSignedIn, match="Try again"):
        stepping.step_up(deployment.actor, code="000000", tools=deployment.tools)
    assert client.get("/account/").status_code == 200


def test_no_lock_out_stops_a_passkey(deployment: Any) -> None:
    device = passkey_of(deployment)
    give_app(deployment.person, tools=deployment.tools)
    for _ in range(lockout.SIGN_IN_TRIES):
        with pytest.raises(NotSignedIn):
            stepping.step_up(deployment.actor, code="000000", tools=deployment.tools)
    prove = {"site": SITE, "tools": deployment.tools}
    options, number = signing.passkey_challenge(purpose=Purpose.PROVE, **prove)
    assert stepping.step_up_with_passkey(
        deployment.actor, challenge=number, answer=device.sign(options), **prove
    )


def test_a_flood_of_strangers_challenges_takes_none_from_who_is_signed_in(
    deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webauthn, "challenges", webauthn.Challenges(most=3))
    device = passkey_of(deployment)
    prove = {"site": SITE, "tools": deployment.tools}
    options, number = signing.passkey_challenge(purpose=Purpose.PROVE, **prove)
    for _ in range(9):
        signing.passkey_challenge(**prove)
    answer = device.sign(options)
    with pytest.raises(NotSignedIn):
        signing.sign_in_with_passkey(SYSTEM, challenge=number, answer=answer, **prove)
    assert stepping.step_up_with_passkey(deployment.actor, challenge=number, answer=answer, **prove)


def test_a_passkey_says_whose_it_is(deployment: Any) -> None:
    device = passkey_of(deployment)
    for handle, comes_in in ((None, False), (deployment.person.pk.bytes, True)):
        device.user_handle = handle
        sent = {"site": SITE, "tools": deployment.tools}
        options, number = signing.passkey_challenge(**sent)
        answer = device.sign(options)
        if comes_in:
            signing.sign_in_with_passkey(SYSTEM, challenge=number, answer=answer, **sent)
        else:
            with pytest.raises(NotSignedIn):
                signing.sign_in_with_passkey(SYSTEM, challenge=number, answer=answer, **sent)


# The account.


def recovering(on: Any) -> Any:
    client = client_of(on)
    session = session_of(client)
    session[sessions.RECOVERY] = True
    session.save()
    return client


def test_the_front_door_leads_a_session_of_a_recovery_code_to_the_account(deployment: Any) -> None:
    client = recovering(deployment)
    before = LedgerRow.objects.count()
    assert client.get("/")["Location"] == "/account/"
    assert LedgerRow.objects.count() == before
    page = client.get("/account/").content.decode()
    assert "Until you have added one, nothing else opens." in page


def test_ending_all_other_sessions_is_one_entry(deployment: Any) -> None:
    client, *others = [client_of(deployment) for _ in range(4)]
    before = LedgerRow.objects.count()
    assert client.post("/account/sessions/end-others/").status_code == 302
    assert LedgerRow.objects.count() == before + 1
    assert last_entry(deployment.tools)[1]["sessions_ended"] == len(others)
    assert client.get("/account/").status_code == 200
    assert {one.get("/account/").status_code for one in others} == {302}


def test_ended_sessions_and_old_tries_are_cleared_while_serving(deployment: Any) -> None:
    client_of(deployment)
    SignInSession.objects.update(seen_at=datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(NotSignedIn):
        sign_in(deployment.tools, "000000")
    SignInTries.objects.update(tried_at=datetime.now(UTC) - timedelta(days=2))
    maintenance.clear_sessions()
    assert not SignInSession.objects.exists()
    assert not SignInTries.objects.exists()
    periodic = {one.task.name for one in jobs.app.periodic_registry.periodic_tasks.values()}
    assert "clear_sessions" in periodic


def test_one_length_holds_for_names_in_forms_and_services() -> None:
    for form in (account_forms.NameForm(), account_forms.TokenForm()):
        assert form.fields["name"].max_length == factor_rows.MAX_NAME_LENGTH
    assert tokens.MAX_NAME_LENGTH == factor_rows.MAX_NAME_LENGTH


def test_accepting_locks_the_person_before_the_invitation_like_who_changes_their_roles(
    one: House,
) -> None:
    _, secret = reinvite(one, "newcomer")
    with CaptureQueriesContext(connection) as seen:
        accept(one, secret)
    locked = [
        table
        for query in seen.captured_queries
        if "FOR NO KEY UPDATE" in query["sql"]
        for table in ("agencies_person", "agencies_invitation")
        if f'FROM "{table}"' in query["sql"]
    ]
    assert locked[:2] == ["agencies_person", "agencies_invitation"]
