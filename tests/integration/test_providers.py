"""Linking with the provider of one's organisation, and signing in with it: who comes in, and who does not."""

from __future__ import annotations

from dataclasses import replace

import provider_help
import pytest
from clients import client_of
from django.db import connection
from factories import other_agency
from fake_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    SUB,
)
from provider_help import (
    BACK,
    come_in,
    give,
    last_action,
    link,
    refused,
    set_for,
    sign_in,
    visit_of,
)
from sign_in_help import with_clock

from countenance import errors
from countenance.apps.agencies import providers
from countenance.apps.agencies.flows import MOST, waiting
from countenance.apps.agencies.models import Person, Provider, ProviderAccount, SignInSession

on, provider = provider_help.on, provider_help.provider


def test_a_linked_person_signs_in(on, provider):
    link(on, provider)
    assert last_action() == "provider.linked"
    signed_in = sign_in(on, provider)
    assert (signed_in.person.pk, signed_in.method) == (on.person.pk, "provider")
    assert not signed_in.recovery
    assert last_action() == "person.signed_in"


def test_a_visit_ends_after_five_minutes(on, provider):
    tools, clock = with_clock(on.tools)
    _, number = providers.begin_sign_in(on.agency.pk, redirect_uri=BACK, where="/", tools=tools)
    clock.move(minutes=5, seconds=1)
    with pytest.raises(errors.InputError):
        providers.take_visit(number, tools=tools)


def test_strangers_who_begin_many_visits_push_out_no_link(on, provider):
    _, number = visit_of(on, actor=on.actor)
    one = waiting.take_visit(visit_of(on)[1], tools=on.tools)
    for _ in range(MOST + 1):
        waiting.put(one, tools=on.tools)
    assert providers.take_visit(number, tools=on.tools).person == on.actor.person


def test_somebody_who_is_not_linked_does_not_come_in(on, provider):
    assert refused(on, provider).detail == providers.REFUSED
    link(on, provider)
    provider.sub = SUB.lower()
    assert refused(on, provider).detail == providers.REFUSED
    assert Person.objects.count() == 3


def test_a_suspended_person_does_not_come_in(on, provider):
    link(on, provider, on.examiner)
    person = Person.objects.get(pk=on.examiner.person)
    person.standing |= {"suspended": {"at": "2026-01-01"}}
    person.save()
    assert refused(on, provider).detail == providers.REFUSED


def test_people_of_a_suspended_agency_do_not_come_in(on, provider):
    link(on, provider)
    url, number = visit_of(on)
    visit = providers.take_visit(number, tools=on.tools)
    on.agency.standing = (on.agency.standing or {}) | {"suspended": {"at": "2026-01-01"}}
    on.agency.save()
    with pytest.raises(errors.NotSignedIn):
        give(on, visit, provider.come_back(url))
    with pytest.raises(errors.NotFound):
        visit_of(on)


def test_whose_training_has_ended_is_told_so(on, provider):
    link(on, provider, on.examiner)
    person = Person.objects.get(pk=on.examiner.person)
    person.standing |= {"trained_until": "2020-01-01"}
    person.save()
    with pytest.raises(errors.CertificateMissing):
        sign_in(on, provider)


def test_one_agencys_provider_opens_no_other_agency(on, provider):
    link(on, provider)
    boss = other_agency(on)
    # The same provider, account and client, set by the coordinator of another agency.
    set_for(on, provider, boss)
    url, number = visit_of(on, agency=boss.agency)
    visit = providers.take_visit(number, tools=on.tools)
    answer = provider.come_back(url)
    with pytest.raises(errors.NotSignedIn):
        give(on, visit, answer)
    # The answer of one agency's visit, given to the visit of another.
    _, number = visit_of(on)
    visit = providers.take_visit(number, tools=on.tools)
    with pytest.raises(errors.NotSignedIn):
        give(on, visit, answer)


def test_a_visit_does_not_outlive_the_providers_settings(on, provider):
    link(on, provider)
    url, number = visit_of(on)
    visit = providers.take_visit(number, tools=on.tools)
    set_for(on, provider, client_id="another-client")
    with pytest.raises(errors.NotSignedIn):
        give(on, visit, provider.come_back(url))


def test_an_account_is_linked_with_one_person_only(on, provider):
    link(on, provider)
    with pytest.raises(errors.Conflict):
        link(on, provider, on.examiner)
    assert ProviderAccount.objects.get().person_id == on.person.pk


def test_a_row_that_is_moved_to_somebody_else_opens_nothing(on, provider):
    link(on, provider)
    ProviderAccount.objects.update(person_id=on.examiner.person)
    refused(on, provider)
    ProviderAccount.objects.update(person_id=on.actor.person)
    assert sign_in(on, provider).person.pk == on.actor.person


def test_what_was_found_is_linked_by_who_looked_only_and_with_a_proof(on, provider):
    url, number = visit_of(on, actor=on.actor)
    visit = providers.take_visit(number, tools=on.tools)
    number = providers.find(visit, provider.come_back(url), tools=on.tools)
    with pytest.raises(errors.NotFound):
        providers.link_account(on.examiner, number=number, tools=on.tools)
    with pytest.raises(errors.StepUpNeeded):
        providers.link_account(replace(on.actor, stepped_up_at=None), number=number, tools=on.tools)
    providers.link_account(on.actor, number=number, tools=on.tools)
    with pytest.raises(errors.NotFound):
        providers.link_account(on.actor, number=number, tools=on.tools)


def test_a_link_ends_when_its_person_says_so(on, provider):
    link(on, provider)
    providers.unlink_account(on.actor, tools=on.tools)
    assert last_action() == "provider.unlinked"
    refused(on, provider)
    with pytest.raises(errors.NotFound):
        providers.unlink_account(on.actor, tools=on.tools)


def test_only_a_coordinator_with_a_proof_sets_a_provider(deployment, provider):
    with pytest.raises(errors.RoleMissing):
        set_for(deployment, provider, deployment.examiner)
    with pytest.raises(errors.StepUpNeeded):
        set_for(deployment, provider, replace(deployment.actor, stepped_up_at=None))
    with pytest.raises(errors.RoleMissing):
        providers.try_out(deployment.examiner, issuer=provider.url, tools=deployment.tools)
    assert Provider.objects.count() == 0
    set_for(deployment, provider)
    assert last_action() == "provider.set"
    assert provider.requests == []


def test_links_and_sessions_end_with_the_provider(on, provider):
    link(on, provider)
    client = come_in(on, provider)
    own = client_of(on)
    set_for(on, provider, client_secret="another-secret")
    assert SignInSession.objects.count() == 2
    providers.remove_provider(on.actor, tools=on.tools)
    assert ProviderAccount.objects.count() == 0
    assert client.get("/account/").status_code == 302
    assert own.get("/account/").status_code == 200
    with pytest.raises(errors.NotFound):
        providers.remove_provider(on.actor, tools=on.tools)


def test_another_issuer_ends_links(on, provider):
    link(on, provider)
    set_for(on, provider, issuer="https://login.example.org")
    assert ProviderAccount.objects.count() == 0


def test_neither_secret_nor_subject_nor_issuer_is_readable_in_the_database(on, provider):
    link(on, provider)
    come_in(on, provider)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" t')
            text = cursor.fetchone()[0] or ""
            for secret in (CLIENT_SECRET, SUB, CLIENT_ID, provider.url, provider.name):
                assert secret not in text, table
                assert secret.encode().hex() not in text, table
