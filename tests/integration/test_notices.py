"""Notices by e-mail: that something waits, to whom it waits for, and nothing else, ever."""

from __future__ import annotations

import email
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import factories
import pytest
from clients import client_of
from django.urls import reverse
from fake_mail import FakeMail, mail_server
from structlog.testing import capture_logs

from countenance import config as settings
from countenance.apps.agencies import notices as preferences
from countenance.apps.agencies.models import Person
from countenance.apps.agencies.noticing import told_keys, told_of
from countenance.apps.records import waiting
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.waiting import Waiting
from countenance.config import Config
from countenance.errors import NotPermitted, SealBroken, SettingsInvalid, Unavailable
from countenance.policy import Role
from countenance.testing import FakeEngine
from countenance.web import jobs, notices
from countenance.web.mail import SUBJECT, Mailer
from countenance.web.notices import Round

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ADDRESS = "http://face.example.org:8000/"
HEADERS = [
    "Auto-Submitted",
    "Content-Transfer-Encoding",
    "Content-Type",
    "Date",
    "From",
    "MIME-Version",
    "Message-ID",
    "Subject",
    "To",
]
SECRETS = ("26-PLANTED-CASE", "Planted Archive", "planted-statute", "Reported missing on 3 May")


@pytest.fixture
def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMail]:
    """A mail server whose certificate this machine trusts."""
    with mail_server(tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        yield server


def _settings(mail: FakeMail, **more: Any) -> Config:
    said = {"host": "localhost", "port": mail.port, "sender": "countenance@example.org"}
    return Config(home=Path("/nowhere"), mail={**said, **more}, web={"names": ["face.example.org"]})


@pytest.fixture
def office(deployment: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two examiners and an auditor; what waits on each is `things`, by the id of the person."""
    deployment.examiner_person = _person(factories.acting(deployment, Role.EXAMINER))
    deployment.second = _person(factories.acting(deployment, Role.EXAMINER))
    deployment.things = {}
    monkeypatch.setattr(
        waiting, "_sources", [lambda actor, *, tools: deployment.things.get(actor.person, [])]
    )
    return deployment


def _person(actor: Any) -> Person:
    return Person.objects.get(pk=actor.person)


def _thing(on: Any, name: str = "a", *, urgent: bool = False) -> Waiting:
    return Waiting(what=SECRETS[0], since=on.tools.clock(), href=f"/{name}/", urgent=urgent)


def _send(
    on: Any, mail: FakeMail, later: timedelta = timedelta(), turns: Round | None = None, **more: Any
) -> int:
    now = on.tools.clock() + later
    mailer = Mailer(_settings(mail, **more))
    try:
        return (turns or Round()).send_due(mailer, tools=replace(on.tools, clock=lambda: now))
    finally:
        mailer.close()


def test_a_mail_says_that_something_waits_and_where_and_nothing_else(
    office: Any, mail: FakeMail
) -> None:
    one, two = office.examiner_person, office.second
    office.things = {one.pk: [_thing(office)], two.pk: [_thing(office, c) for c in "bcdef"]}
    assert _send(office, mail) == 2
    assert set(mail.addresses) == {one.email, two.email}
    bodies, heads = set(), []
    for address, text, encrypted in mail.mails:
        assert encrypted
        said = email.message_from_string(text)
        assert said["Subject"] == SUBJECT
        assert said["To"] == address
        assert said["From"] == "countenance@example.org"
        assert said["Message-ID"].endswith("@example.org>")
        bodies.add(str(said.get_payload()).strip())
        heads.append(sorted(said.keys()))
        assert len(text.replace(address, "")) == len(mail.mails[0][1].replace(mail.mails[0][0], ""))
    assert [body.split() for body in bodies] == [[*f"{SUBJECT}.".split(), ADDRESS]]
    assert heads[0] == heads[1] == HEADERS


def test_planted_secrets_appear_in_no_mail_no_log_and_no_argument_of_a_job(
    deployment: Any, mail: FakeMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = deployment
    source = factories.make_source(on, "Planted Archive")
    gallery = factories.make_gallery(on, "Planted Gallery")
    factories.enrol(on, gallery, source, factories.people(["anna"]))
    authority = factories.make_authority(on, [gallery], statute="planted-statute")
    case = factories.make_case(on, "26-PLANTED-CASE", authority=authority)
    factories.ask(on, case, [gallery], FakeEngine.photo("anna", 2))
    person = _person(factories.acting(on, Role.EXAMINER))
    monkeypatch.setattr(settings, "_installed", [_settings(mail)])
    monkeypatch.setattr(jobs, "_notices", Round())
    monkeypatch.setattr(jobs.wiring, "current", lambda: on.tools)
    with capture_logs() as logs:
        jobs.send_notices.func(timestamp=0)
    assert person.email in mail.addresses
    said = "".join(text.replace(address, "") for address, text, _ in mail.mails)
    told = json.dumps(logs, default=str)
    for secret in (*SECRETS, "anna", "Planted", "examiner", "Only ", "request", str(case.pk)):
        assert secret not in said, secret
        assert secret not in told, secret
    assert person.email not in told
    assert str(person.pk) not in told
    assert jobs.send_notices.configure().job.task_kwargs == {}


def test_nobody_is_told_twice_of_the_same_nor_more_than_once_a_day(
    office: Any, mail: FakeMail
) -> None:
    one = office.examiner_person
    office.things = {one.pk: [_thing(office)]}
    assert _send(office, mail) == 1
    assert _send(office, mail, 5 * DAY) == 0
    office.things[one.pk].append(_thing(office, "b"))
    assert _send(office, mail, 23 * HOUR) == 0
    assert _send(office, mail, 25 * HOUR) == 1
    assert _send(office, mail, 5 * DAY) == 0
    office.things[one.pk].pop()
    assert _send(office, mail, 9 * DAY) == 0


def test_what_waits_since_another_moment_is_the_same_thing_unless_it_began_after_the_mail(
    office: Any, mail: FakeMail
) -> None:
    one, began = office.examiner_person, office.tools.clock()
    first = replace(_thing(office), since=began - 9 * DAY)
    office.things = {one.pk: [first]}
    assert _send(office, mail, DAY) == 1
    # The oldest of several was done; the next one waited already when they were told.
    office.things = {one.pk: [replace(first, since=began - 2 * DAY, what="Other words")]}
    assert _send(office, mail, 5 * DAY) == 0
    office.things = {one.pk: [replace(first, since=began - 20 * DAY)]}
    assert _send(office, mail, 6 * DAY) == 0
    # All of them were done, and a new one came.
    office.things = {one.pk: [replace(first, since=began + 7 * DAY)]}
    assert _send(office, mail, 6 * DAY) == 0  # it is said to begin later than now
    assert _send(office, mail, 8 * DAY) == 1
    assert _send(office, mail, 20 * DAY) == 0


def test_a_mail_that_could_not_be_recorded_is_not_sent_at_each_turn(
    office: Any, mail: FakeMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = office.examiner_person, office.second
    office.things = {one.pk: [_thing(office)], two.pk: [_thing(office)]}

    def fails(*_: Any, person: Person, **more: Any) -> None:
        if person.pk == one.pk:
            raise SealBroken
        preferences.note_sent(*_, person=person, **more)

    monkeypatch.setattr(notices, "note_sent", fails)
    turns = Round()
    assert _send(office, mail, turns=turns) == 1
    assert _send(office, mail, HOUR, turns) == 0
    assert sorted(mail.addresses) == sorted([one.email, two.email])
    monkeypatch.setattr(notices, "note_sent", preferences.note_sent)
    assert _send(office, mail, 7 * HOUR, turns) == 1


def test_urgent_things_are_told_at_once_but_at_most_once_an_hour(
    office: Any, mail: FakeMail
) -> None:
    one = office.examiner_person
    office.things = {one.pk: [_thing(office)]}
    assert _send(office, mail) == 1
    office.things[one.pk].append(_thing(office, "b", urgent=True))
    assert _send(office, mail, timedelta(minutes=59)) == 0
    assert _send(office, mail, timedelta(minutes=61)) == 1
    # What becomes urgent is told once more.
    office.things[one.pk][0] = replace(office.things[one.pk][0], urgent=True)
    assert _send(office, mail, timedelta(minutes=130)) == 1


def test_whoever_switched_notices_off_or_is_suspended_gets_none(
    office: Any, mail: FakeMail
) -> None:
    one, two = office.examiner_person, office.second
    office.things = {one.pk: [_thing(office)], two.pk: [_thing(office)]}
    answer = client_of(office, one.actor).post(reverse("notices_change"), {"notices": "off"})
    assert answer.status_code == 302
    page = client_of(office, one.actor).get(reverse("account")).content.decode()
    assert "Switch notices on" in page
    two.standing = {**two.standing, "suspended": True}
    two.save()
    assert _send(office, mail) == 0
    preferences.set_notices(one.actor, wanted=True, tools=office.tools)
    assert _send(office, mail) == 1
    assert LedgerRow.objects.filter(action="notices.changed", about=one.pk).count() == 2


def test_a_server_that_takes_nothing_loses_nothing(office: Any, mail: FakeMail) -> None:
    one = office.examiner_person
    office.things = {one.pk: [_thing(office)]}
    mail.broken = True
    with capture_logs() as logs:
        assert _send(office, mail) == 0
    assert one.email not in json.dumps(logs, default=str)
    assert [entry["event"] for entry in logs] == ["notices.unavailable"]
    mail.broken = False
    assert _send(office, mail) == 1


def test_a_refused_address_keeps_nobody_else_waiting_and_is_tried_again_later(
    office: Any, mail: FakeMail
) -> None:
    one, two = office.examiner_person, office.second
    office.things = {one.pk: [_thing(office)], two.pk: [_thing(office)]}
    mail.refuses = {one.email}
    turns = Round()
    with capture_logs() as logs:
        assert _send(office, mail, turns=turns) == 1
    assert one.email not in json.dumps(logs, default=str)
    mail.refuses = set()
    assert _send(office, mail, HOUR, turns) == 0
    assert _send(office, mail, 7 * HOUR, turns) == 1


def test_an_altered_row_keeps_nobody_else_waiting(office: Any, mail: FakeMail) -> None:
    one, two = office.examiner_person, office.second
    office.things = {one.pk: [_thing(office)], two.pk: [_thing(office)]}
    Person.objects.filter(pk=one.pk).update(standing=two.__dict__["standing"])
    assert _send(office, mail) == 1
    assert mail.addresses == [two.email]


def test_nothing_is_sent_in_clear_to_a_server_that_does_not_encrypt(
    office: Any, mail: FakeMail
) -> None:
    office.things = {office.examiner_person.pk: [_thing(office)]}
    mail.starttls = False
    assert _send(office, mail) == 0
    assert mail.mails == []
    assert not any("@" in line for line in mail.lines)
    assert _send(office, mail, tls="off") == 1  # said in so many words, and on this machine


def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(
    office: Any, mail: FakeMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    office.things = {office.examiner_person.pk: [_thing(office)]}
    assert _send(office, mail) == 0
    assert mail.mails == []


def test_an_error_of_the_mail_server_does_not_carry_the_address(mail: FakeMail) -> None:
    mail.broken = True
    with pytest.raises(Unavailable) as caught:
        Mailer(_settings(mail)).send("planted@example.org")
    assert "planted" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_settings_refuse_to_send_in_clear_over_a_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COUNTENANCE_MAIL__HOST", "mail.example.org")
    with pytest.raises(SettingsInvalid, match="SENDER"):
        Config.load()
    monkeypatch.setenv("COUNTENANCE_MAIL__SENDER", "countenance@example.org")
    assert Config.load().mail.tls == "starttls"
    monkeypatch.setenv("COUNTENANCE_MAIL__TLS", "off")
    with pytest.raises(SettingsInvalid, match="on this machine"):
        Config.load()
    monkeypatch.setenv("COUNTENANCE_MAIL__HOST", "localhost")
    assert Config.load().mail.tls == "off"
    secret = tmp_path / "password"
    secret.write_text("a mail password\n")
    monkeypatch.setenv("COUNTENANCE_MAIL__PASSWORD_FILE", str(secret))
    read = Config.load().mail.password
    assert read is not None
    assert read.get_secret_value() == "a mail password"


def test_without_a_mail_server_nothing_is_looked_at(
    deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "Mailer", None)
    jobs.send_notices.func(timestamp=0)
    assert deployment.agency.pk


def test_only_the_program_itself_says_that_a_notice_was_sent(office: Any) -> None:
    one = office.examiner_person
    with pytest.raises(NotPermitted):
        preferences.note_sent(one.actor, person=one, waiting=[], tools=office.tools)


def test_what_is_remembered_says_nothing_and_is_as_long_for_one_thing_as_for_sixty(
    office: Any,
) -> None:
    many = [_thing(office, str(number)) for number in range(60)]
    assert len(told_of(many)) == len(told_of(many[:1])) == len(told_of([]))
    assert len(told_keys(told_of(many))) == 60
    assert told_keys(told_of([])) == frozenset()
    assert SECRETS[0] not in told_of(many)
