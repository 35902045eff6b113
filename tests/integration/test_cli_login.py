"""`countenance login`, `logout`, `whoami`: whose token the commands act with, and when it works no more."""

from __future__ import annotations

import io
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import cli_fixtures
import pytest
from cli_fixtures import Cli
from factories import acting, app_code
from sign_in_help import EMAIL, PASSWORD, App, give_app, give_codes, with_clock

from countenance import config
from countenance.apps.agencies import services as agencies
from countenance.apps.agencies import staff
from countenance.apps.agencies.models import Person, Token
from countenance.apps.records.models import LedgerRow
from countenance.cli import session
from countenance.config import Config
from countenance.policy import SYSTEM, Role

cli = cli_fixtures.cli
NOBODY: list[str] = []
WHY = "Left the unit on 3 May"


@pytest.fixture
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this user's own files lie."""
    folder = tmp_path_factory.mktemp("own")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder


@pytest.fixture
def app(deployment: Any, own_folder: Path) -> App:
    """The authenticator app of the person who holds every role."""
    return give_app(deployment.person, tools=deployment.tools)


class Terminal:
    """Types three lines into `countenance login --stdin`."""

    def __init__(self, cli: Cli, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cli, self.app, self._patch = cli, app, monkeypatch

    def code(self) -> str:
        """Return what the app shows, as if it had not been used yet."""
        return app_code(self.app.secret, self.cli.on.person)

    def __call__(self, *more: object, lines: list[str] | None = None) -> tuple[int, dict[str, Any]]:
        lines = [EMAIL, PASSWORD, self.code()] if lines is None else lines
        self._patch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return self.cli("login", "--stdin", *more, as_=NOBODY)


@pytest.fixture
def log_in(cli: Cli, app: App, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(cli, app, monkeypatch)


def kept() -> Path:
    return session.token_file(config.current())


def actions() -> list[str]:
    return list(LedgerRow.objects.order_by("index").values_list("action", flat=True))


def test_a_token_is_kept_for_its_owner_only_and_the_commands_act_with_it(
    log_in: Terminal, cli: Cli, own_folder: Path, deployment: Any
) -> None:
    code, made = log_in()
    assert code == 0
    assert made["person"] == {"id": str(deployment.person.pk), "name": "Test Person"}
    file = Path(made["file"])
    assert file == kept()
    assert file.is_relative_to(own_folder)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o077 == 0
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    assert file.read_text().strip() not in str(made)
    assert cli("gallery", "list", as_=NOBODY)[0] == 0
    assert actions()[-1] == "token.used"


def test_the_token_is_never_shown_and_only_its_hash_is_in_the_database(log_in: Terminal) -> None:
    log_in()
    secret = kept().read_text().strip()
    (row,) = Token.objects.values_list("secret_hash", "details")
    assert all(secret.encode() not in bytes(cell) for cell in row[:1])
    assert secret not in str(row[1])


def test_whoami_says_whose_token_it_is_and_what_it_is_for(
    log_in: Terminal, cli: Cli, deployment: Any
) -> None:
    log_in("--scope", "read", "--scope", "enrol")
    code, me = cli("whoami", as_=NOBODY)
    assert code == 0
    assert me["person"] == {
        "id": str(deployment.person.pk),
        "name": "Test Person",
        "email": EMAIL,
    }
    assert me["agency"]["name"] == "Test agency"
    assert me["roles"] == sorted(Role)
    assert me["scopes"] == ["enrol", "read"]
    code, shown, _ = cli.shown("whoami", as_=NOBODY)
    assert "Test Person, Test agency" in shown
    assert "enrol, read" in shown


def test_a_token_does_only_what_its_scopes_are_for(log_in: Terminal, cli: Cli) -> None:
    assert log_in("--scope", "read")[1]["scopes"] == ["read"]
    assert cli("gallery", "list", as_=NOBODY)[0] == 0
    code, refused = cli("gallery", "create", "people", as_=NOBODY)
    assert (code, refused["error"]["code"]) == (3, "scope_missing")
    assert actions()[-1] == "action.refused"
    assert cli("gallery", "list", as_=NOBODY)[1]["galleries"] == []


def test_a_token_lasts_as_long_as_it_was_asked_for_and_powerful_ones_half_a_day(
    log_in: Terminal, cli: Cli, deployment: Any
) -> None:
    code, refused = log_in("--hours", 13)
    assert (code, refused["error"]["code"]) == (2, "input")
    assert "12 hours" in refused["error"]["message"]
    assert not kept().exists()
    assert log_in("--scope", "read", "--hours", 48)[0] == 0
    token = Token.objects.get()
    assert token.expires_at - token.made_at == timedelta(hours=48)
    later, clock = with_clock(deployment.tools)
    object.__setattr__(deployment.tools, "clock", later.clock)
    clock.move(hours=47)
    assert cli("whoami", as_=NOBODY)[0] == 0
    clock.move(hours=2)
    code, refused = cli("whoami", as_=NOBODY)
    assert (code, refused["error"]["code"]) == (3, "not_signed_in")


def test_a_code_works_once_and_every_wrong_line_is_refused_alike(
    log_in: Terminal, app: App, deployment: Any
) -> None:
    used = app.code()
    assert log_in(lines=[EMAIL, PASSWORD, used])[0] == 0
    kept().unlink()
    recovery = give_codes(deployment.person, tools=deployment.tools)[0]
    said = {str(log_in(lines=[EMAIL, PASSWORD, used]))}
    wrong = (
        [EMAIL, "not the password", log_in.code()],
        ["nobody@example.org", PASSWORD, used],
        [EMAIL, PASSWORD, "000000"],
        [EMAIL, PASSWORD, recovery],
    )
    said |= {str(log_in(lines=lines)) for lines in wrong}
    assert len(said) == 1
    assert "not_signed_in" in said.pop()
    assert not kept().exists()
    assert Token.objects.count() == 1


def test_a_line_that_is_missing_is_named(log_in: Terminal) -> None:
    code, refused = log_in(lines=[EMAIL, PASSWORD])
    assert code == 2
    assert "lacks the code" in refused["error"]["message"]
    assert PASSWORD not in str(refused)


def test_without_a_terminal_the_way_out_is_named(
    cli: Cli, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, refused = cli("login", as_=NOBODY)
    assert code == 3
    assert "--stdin" in refused["error"]["message"]
    code, refused = cli("gallery", "list", as_=NOBODY)
    assert (code, refused["error"]["code"]) == (3, "not_signed_in")
    assert "countenance login" in refused["error"]["message"]


def test_logging_out_ends_the_token_and_removes_its_file(log_in: Terminal, cli: Cli) -> None:
    log_in()
    secret = kept().read_text().strip()
    code, out = cli("logout", as_=NOBODY)
    assert (code, out) == (0, {"signed_out": True, "token_ended": True})
    assert not kept().exists()
    assert actions()[-1] == "token.revoked"
    assert cli("whoami", as_=NOBODY)[0] == 3
    assert cli("whoami", as_=[secret])[1]["error"]["code"] == "not_signed_in"
    assert cli("logout", as_=NOBODY)[0] == 3


def test_logging_out_removes_the_file_of_a_token_that_works_no_more(
    log_in: Terminal, cli: Cli
) -> None:
    log_in()
    token = Token.objects.get()
    revoke_on_the_web(token)
    assert cli("whoami", as_=NOBODY)[1]["error"]["code"] == "not_signed_in"
    assert cli("logout", as_=NOBODY) == (0, {"signed_out": True, "token_ended": False})
    assert not kept().exists()


def revoke_on_the_web(token: Any) -> None:
    """Revoke a token as its owner does on the web."""
    from countenance.apps.agencies import tokens
    from countenance.web import wiring

    owner = Person.objects.select_related("agency").get(pk=token.person_id)
    tokens.revoke_token(owner.actor, token=token.pk, tools=wiring.current())


def test_logging_out_with_a_token_of_the_settings_keeps_what_login_kept(
    log_in: Terminal, cli: Cli, deployment: Any
) -> None:
    log_in()
    code, _ = cli("logout", as_=deployment.examiner)
    assert code == 0
    assert kept().exists()
    assert cli("whoami", as_=NOBODY)[1]["person"]["email"] == EMAIL


def test_a_token_of_the_settings_goes_before_the_one_that_login_kept(
    log_in: Terminal, cli: Cli, deployment: Any
) -> None:
    log_in()
    assert cli("whoami", as_=NOBODY)[1]["person"]["email"] == EMAIL
    assert cli("whoami", as_=deployment.examiner)[1]["roles"] == ["examiner"]


def test_the_settings_take_a_token_or_a_file_that_holds_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("countenance_of_the_file\n", encoding="utf-8")
    monkeypatch.setenv("COUNTENANCE_TOKEN_FILE", str(file))
    assert session.token_of(Config.load()) == "countenance_of_the_file"
    monkeypatch.delenv("COUNTENANCE_TOKEN_FILE")
    monkeypatch.setenv("COUNTENANCE_TOKEN", "countenance_of_the_setting")
    loaded = Config.load()
    assert session.token_of(loaded) == "countenance_of_the_setting"
    assert "countenance_of_the_setting" not in repr(loaded)


def test_the_token_of_one_home_is_not_taken_for_another(
    log_in: Terminal, cli: Cli, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log_in()
    here = config.current()
    there = here.model_copy(update={"home": tmp_path_factory.mktemp("other")})
    assert session.token_file(there) != session.token_file(here)
    assert not session.token_file(there).exists()
    foreign = f"countenance_{secrets.token_hex(32)}"
    code, refused = cli("gallery", "list", as_=[foreign])
    assert (code, refused["error"]["code"]) == (3, "not_signed_in")
    assert foreign not in str(refused)
    assert actions()[-1] == "action.refused"


def test_a_file_that_cannot_be_read_or_holds_nothing_is_no_token(
    log_in: Terminal, cli: Cli
) -> None:
    log_in()
    for content in (b"", b"\n", b"\xff\xfe", b"countenance_"):
        kept().write_bytes(content)
        code, refused = cli("whoami", as_=NOBODY)
        assert (code, refused["error"]["code"]) == (3, "not_signed_in"), content


def test_logging_in_anew_replaces_the_file_and_never_follows_a_link(
    log_in: Terminal, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "mine"
    elsewhere.write_text("mine")
    kept().parent.mkdir(parents=True)
    kept().symlink_to(elsewhere)
    kept().with_name(kept().name + ".part").symlink_to(elsewhere)
    assert log_in()[0] == 0
    assert elsewhere.read_text() == "mine"
    assert not kept().is_symlink()
    assert kept().stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("whose", ["person", "agency"])
def test_a_token_of_somebody_suspended_does_nothing(
    log_in: Terminal, cli: Cli, deployment: Any, whose: str
) -> None:
    log_in()
    tools = deployment.tools
    if whose == "person":
        person = Person.objects.select_related("agency").get(pk=deployment.person.pk)
        # As a real person, who is no auditor: to suspend one takes a second person.
        person.standing |= {"roles": [Role.STEWARD]}
        person.save()
        coordinator = acting(deployment, Role.COORDINATOR)
        staff.suspend_person(coordinator, person=deployment.person, reason=WHY, tools=tools)
    else:
        agencies.suspend_agency(SYSTEM, agency=deployment.agency, reason=WHY, tools=tools)
    for command in (["whoami"], ["gallery", "list"], ["gallery", "create", "people"]):
        code, refused = cli(*command, as_=NOBODY)
        assert (code, refused["error"]["code"]) == (3, "not_signed_in"), command
        assert actions()[-1] == "action.refused"
    assert log_in()[0] == 3
    assert cli("logout", as_=NOBODY) == (0, {"signed_out": True, "token_ended": False})


def test_somebody_without_a_role_is_told_that_no_token_would_do_anything(
    log_in: Terminal, deployment: Any
) -> None:
    person = Person.objects.select_related("agency").get(pk=deployment.person.pk)
    person.standing |= {"roles": []}
    person.save()
    code, refused = log_in()
    assert code == 2
    assert "role" in refused["error"]["message"]
    assert not kept().exists()


def test_a_token_outlives_no_training(log_in: Terminal, cli: Cli, deployment: Any) -> None:
    log_in()
    person = Person.objects.select_related("agency").get(pk=deployment.person.pk)
    person.standing |= {"trained_until": "2020-01-01"}
    person.save()
    code, refused = cli("whoami", as_=NOBODY)
    assert code == 3
    assert refused["error"]["rule"] == "training.current"
