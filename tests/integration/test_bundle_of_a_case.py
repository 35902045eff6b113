"""What the program's services write to rows and ledger makes a bundle that both verifiers accept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from bundles import independent
from examining import Bench, bench, checklist, examine
from factories import acting, search, set_by_hand
from filled_bundle import contents_of

from countenance.apps.cases import services as cases
from countenance.apps.examinations import services
from countenance.apps.searches import evidence, retention
from countenance.bundle import Contents, verify, write_bundle
from countenance.errors import BundleBroken
from countenance.examination.scale import Conclusion
from countenance.policy import SYSTEM, Role
from countenance.testing import FakeEngine
from countenance.tools import utc_now


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


def written(contents: Contents, tools: Any) -> bytes:
    keyring = tools.keyring
    return write_bundle(
        contents, sign=keyring.signing_key().sign, public_key=keyring.verifying_key()
    )


def follow(made: Bench) -> None:
    """Let the first examiner put another conclusion after one of theirs."""
    one = made.search.examinations.get(examiner=made.first.person).comparisons.order_by("place")[0]
    services.follow_conclusion(
        made.first,
        comparison=one,
        checklist=checklist(Conclusion.OTHER),
        conclusion=str(Conclusion.OTHER),
        reason="The moles on the left cheek were overlooked on 3 May",
        tools=made.on.tools,
    )


def test_a_case_with_searches_copies_and_two_examinations_makes_a_bundle(made: Bench) -> None:
    tools = made.on.tools
    for examiner in (made.first, made.second):
        examine(examiner, made.search, tools=tools)
    follow(made)
    evidence.derive_probe(made.on.actor, probe=made.search.probe, quarter_turns=1, tools=tools)
    set_by_hand(made.gallery, 0.99)
    nobody = search(made.on, made.case, [made.gallery], FakeEngine.photo("zoe", 3))
    data = written(contents_of(made.case, tools=tools), tools)
    report = verify(data, expected_key=tools.keyring.verifying_key())
    assert independent().verify(data, report.public_key)["counts"] == report.counts
    assert nobody.outcome["answer"] == "no_candidate"
    assert report.counts["searches"] == 2
    assert report.counts["negative_searches"] == 1
    assert report.counts["examinations"] == 2
    assert report.counts["edits"] == 1


def test_what_was_destroyed_is_still_accounted_for(made: Bench) -> None:
    tools = made.on.tools
    examine(made.first, made.search, tools=tools)
    cases.close_case(made.on.actor, case=made.case, reason="The trial is over", tools=tools)
    later = replace(tools, clock=lambda: utc_now() + timedelta(days=800))
    assert retention.purge_ended_results(SYSTEM, tools=later) == 1
    between = verify(written(contents_of(made.case, tools=tools), tools))
    assert between.erased > 1
    assert retention.purge_ended_evidence(SYSTEM, tools=later) == 1
    contents = contents_of(made.case, tools=tools)
    assert [one.state for one in contents.searches] == ["purged"]
    assert [one.file for one in contents.probes] == [None]
    assert contents.examinations[0].analysis is None
    data = written(contents, tools)
    assert independent().verify(data)
    assert verify(data).counts["searches"] == 1


def test_a_search_that_is_left_out_is_missed(made: Bench) -> None:
    tools = made.on.tools
    contents = contents_of(made.case, tools=tools)
    with pytest.raises(BundleBroken):
        written(replace(contents, searches=[]), tools)


def test_an_auditors_tools_sign_a_bundle_and_an_examiners_do_not(made: Bench) -> None:
    auditor = acting(made.on, Role.AUDITOR)
    assert made.on.tools.of(auditor).keyring.signing_key()
    with pytest.raises(Exception, match="key"):
        made.on.tools.of(made.first).keyring.signing_key()
