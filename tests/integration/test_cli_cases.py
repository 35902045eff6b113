"""Authorities and cases on the command line."""

from datetime import date

import cli_fixtures
from factories import make_gallery

from countenance.apps.cases import authorities, queries
from countenance.apps.cases.models import Authority, Case
from countenance.apps.records.models import LedgerRow
from countenance.policy import DEEDS, Deed

cli, place = cli_fixtures.cli, cli_fixtures.place

PROPOSAL = ("--statute", "Order 17", "--purpose", "find Anna", "-g", "people", "--quota", "10")
UNTIL = ("--kind", "missing person", "--until", "2199-05-03")


def propose(cli, *more, **options):
    return cli("authority", "propose", *PROPOSAL, *UNTIL, *more, **options)


def grant(on, code):
    one = next(one for one in Authority.objects.all() if one.pk.hex.startswith(code))
    authorities.decide_authority(
        on.supervisor, authority=one, grant=True, reason="In order", tools=on.tools
    )


def test_an_authority_is_proposed_listed_shown_and_its_document_fetched(cli, deployment, place):
    make_gallery(deployment, "people")
    (place / "order.pdf").write_bytes(b"%PDF-1.7 order")
    code, made = propose(cli, "--document", place / "order.pdf")
    assert code == 0
    assert (made["state"], made["documented"], made["left"]) == ("waiting", True, 10)
    assert [one["code"] for one in cli("authority", "list")[1]["authorities"]] == [made["code"]]
    grant(deployment, made["code"])
    code, shown = cli("authority", "show", made["code"])
    assert code == 0
    assert shown["standing"] == "10 of 10 · until 3 May 2199"
    assert cli("authority", "document", made["code"], place / "copy.pdf")[0] == 0
    assert (place / "copy.pdf").read_bytes() == b"%PDF-1.7 order"
    assert (place / "copy.pdf").stat().st_mode & 0o077 == 0
    assert cli("authority", "document", made["code"], place / "copy.pdf")[0] == 2
    assert LedgerRow.objects.filter(action="authority.viewed").count() == 1


def test_a_document_is_put_to_a_proposal_later(cli, deployment, place):
    make_gallery(deployment, "people")
    (place / "order.txt").write_text("Order of 3 May")
    code = propose(cli)[1]["code"]
    answer = cli("authority", "attach", code, "--document", place / "order.txt")
    assert answer[0] == 0
    assert answer[1]["documented"]
    assert cli("authority", "attach", code, "--document", place / "missing.txt")[0] == 2


def test_faults_of_the_command_line_are_said(cli, deployment):
    make_gallery(deployment, "people")
    assert cli("authority", "show", "ffffffff")[0] == 4
    assert cli("authority", "show", "")[0] == 4
    unknown = ("--statute", "s", "--purpose", "p", "-g", "nowhere", "--quota", "1")
    assert cli("authority", "propose", *unknown, *UNTIL)[0] == 4


def test_no_token_grants_or_takes_back_an_authority():
    assert DEEDS[Deed.AUTHORITY_DECIDE].scope is None
    assert DEEDS[Deed.AUTHORITY_REVOKE].scope is None


def test_a_supervisor_proposes_nothing_with_a_token(cli, deployment):
    make_gallery(deployment, "people")
    code, answer = propose(cli, as_=deployment.supervisor)
    assert code == 3
    assert answer["error"]["code"] == "role_missing"
    assert LedgerRow.objects.order_by("index").last().action == "action.refused"


def test_a_case_is_opened_under_an_authority_shared_and_closed(cli, deployment):
    make_gallery(deployment, "people")
    opened = ("--purpose", "missing", "--reason", "reported missing on 3 May")
    code, case = cli("case", "open", "MP-17", *opened)
    assert (code, case["authority"]) == (0, None)
    authority = propose(cli)[1]
    grant(deployment, authority["code"])
    code, case = cli("case", "authority", "MP-17", "--authority", authority["code"])
    assert (code, case["authority"]) == (0, authority["id"])
    code, case = cli(
        "case",
        "open",
        "MP-18",
        *opened,
        "--authority",
        authority["id"],
        "--until",
        "2199-01-01",
        "--member",
        "examiner@example.org",
    )
    assert (code, case["expires_on"]) == (0, "2199-01-01")
    assert case["members"] == [str(deployment.examiner.person)]
    rows = {one["reference"]: one for one in cli("case", "list")[1]["cases"]}
    assert rows["MP-17"]["next"] == "Add evidence"
    assert rows["MP-17"]["whose"] == "You"
    assert rows["MP-18"]["authority_left"] == "10 of 10 · until 3 May 2199"
    assert cli("case", "members", "MP-18")[1]["members"] == []
    assert cli("case", "members", "MP-18", "--member", "nobody@example.org")[0] == 4
    assert cli("case", "close", "MP-18", "--reason", "found")[1]["closed"]
    one = queries.case_by_reference(deployment.actor, "MP-18", tools=deployment.tools)
    assert one.facts.closed
    assert one.facts.expires_on == date(2199, 1, 1)


def test_a_case_with_a_vague_reason_is_not_opened(cli):
    assert cli("case", "open", "MP-17", "--purpose", "p", "--reason", "because")[0] == 2
    assert not Case.objects.exists()
