"""Policy packs and reasons, for any input: the stricter wins, and more never permits less or says less."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as some

from countenance.errors import ForbiddenByPack
from countenance.policy import Ask, SearchKind, SourceFacts, packs
from countenance.policy.packs import OFFENCES, PACKS, ExportCondition, Held, LeadLimit, Terms
from countenance.policy.packs import results as after
from countenance.policy.packs import rules as r
from countenance.policy.reasons import what_is_vague

TODAY = date(2026, 5, 4)
kinds = some.frozensets(some.sampled_from(SearchKind))
codes = some.sampled_from(["", *OFFENCES, "gossip"])
cited = {"law": some.sampled_from("LMN"), "section": some.sampled_from("123")}

RULES = {
    r.Kinds: {"allowed": kinds},
    r.Offences: {"kinds": kinds, "codes": some.frozensets(codes)},
    r.Document: {},
    r.Authorisation: {
        "late": kinds,
        "within": some.sampled_from([timedelta(), timedelta(hours=24), timedelta(hours=48)]),
    },
    r.Once: {"of": some.sampled_from(SearchKind)},
    r.Candidates: {"most": some.integers(1, 60)},
    r.Daily: {"most": some.integers(0, 60)},
    r.Release: {},
    r.Retention: {"years": some.integers(1, 5)},
    after.Verifiers: {"least": some.integers(0, 4)},
    after.Waiver: {},
    after.Controls: {"share": some.sampled_from([0.0, 0.05, 0.1, 0.25, 1.0])},
    after.Lead: {"limit": some.sampled_from(LeadLimit)},
    after.PhotoExport: {"condition": some.sampled_from(ExportCondition)},
    after.Kept: {
        "results_days": some.integers(0, 400),
        "evidence_days": some.integers(0, 400),
        "lead_days": some.integers(0, 1100),
    },
}


@some.composite
def made_up(draw):
    """Return the terms of a pack that does not exist: up to one rule of each kind."""
    name = draw(some.sampled_from(["p", "q", "r", "s"]))
    chosen = draw(some.sets(some.sampled_from(sorted(RULES, key=lambda kind: kind.__name__))))
    rules = [draw(some.builds(kind, **cited, **RULES[kind])) for kind in sorted(chosen, key=repr)]
    return packs.stricter(Terms(frozenset(Held(name, rule) for rule in rules)))


terms = some.sampled_from(list(PACKS)).map(packs.terms_of) | made_up()
asks = some.builds(
    Ask,
    kind=some.sampled_from(SearchKind),
    offence=codes,
    authorised=some.booleans(),
    documented=some.booleans(),
    earlier=some.integers(0, 3),
    top=some.integers(1, 60),
    searches_today=some.integers(0, 60),
    unreleased=some.booleans(),
)
days = some.dates(date(2015, 1, 1), date(2035, 12, 31))
sources = some.builds(
    SourceFacts,
    agency=some.just(UUID(int=1)),
    missing=some.just(()),
    retention_until=days,
    removed=some.just(False),  # Hypothesis takes the value by position
    collected_on=some.none() | days,
    written_release=some.booleans(),
)


def refusal(one, ask):
    """Return the rule that refuses a search; empty if none does."""
    try:
        packs.permit_ask(one, ask)
    except ForbiddenByPack as error:
        return error.rule
    return ""


def source_refusal(one, source):
    """Return the rule that refuses a source; empty if none does."""
    try:
        packs.permit_source(one, source, today=TODAY)
    except ForbiddenByPack as error:
        return error.rule
    return ""


@given(terms, terms)
def test_the_order_of_merging_makes_no_difference(one, other):
    assert packs.stricter(one, other) == packs.stricter(other, one)


@given(terms, terms, terms)
def test_merging_step_by_step_is_merging_at_once(one, other, third):
    at_once = packs.stricter(one, other, third)
    assert packs.stricter(packs.stricter(one, other), third) == at_once
    assert packs.stricter(one, packs.stricter(other, third)) == at_once


@given(terms)
def test_merging_with_itself_changes_nothing(one):
    assert packs.stricter(one, one) == packs.stricter(one) == one


@settings(max_examples=500)
@given(some.lists(terms, min_size=1, max_size=4), asks)
def test_merged_terms_permit_what_each_permits(several, ask):
    assume(all(one.held for one in several))
    merged = refusal(packs.stricter(*several), ask)
    refusals = [refusal(one, ask) for one in several]
    assert bool(merged) == any(refusals)
    if merged:
        names = {held.pack for one in several for held in one.held if held.rule.refuses(ask)}
        assert merged.partition(".")[0] in names


@settings(max_examples=500)
@given(some.lists(terms, min_size=1, max_size=4), sources)
def test_merged_terms_take_the_sources_that_each_takes(several, source):
    assume(all(one.held for one in several))
    merged = source_refusal(packs.stricter(*several), source)
    assert bool(merged) == any(source_refusal(one, source) for one in several)


@given(some.lists(terms, min_size=1, max_size=4), some.sampled_from(SearchKind))
def test_the_grant_may_be_late_only_as_far_as_each_allows(several, kind):
    said = [one for one in several if any(isinstance(h.rule, r.Authorisation) for h in one.held)]
    merged = packs.grace(packs.stricter(*several), kind)
    allowed = [packs.grace(one, kind) for one in said]
    if not said or None in allowed:
        assert merged is None
    else:
        assert merged == min(allowed)


def says(one, kind):
    """Say whether terms hold a rule of this kind."""
    return any(held.rule.kind == kind for held in one.held)


@settings(max_examples=500)
@given(some.lists(terms, min_size=1, max_size=4))
def test_one_examiner_is_enough_only_where_every_pack_waives_the_second(several):
    assume(all(says(one, "verifiers") for one in several))
    merged, alone = packs.stricter(*several), [packs.waiver(one) for one in several]
    if None in alone:
        assert packs.waiver(merged) is None
    else:
        assert packs.waiver(merged) in alone
        assert packs.verifiers(merged) == 1
    assert packs.verifiers(merged) == max(packs.verifiers(one) for one in several)


@given(some.lists(terms, min_size=1, max_size=4))
def test_merged_terms_measure_examiners_as_much_as_each(several):
    assume(all(says(one, "controls") for one in several))
    merged = packs.controls_share(packs.stricter(*several))
    assert merged == max(packs.controls_share(one) for one in several)


@given(some.lists(terms, min_size=1, max_size=4))
def test_merged_terms_keep_nothing_longer_than_each(several):
    said = [packs.kept(one) for one in several if says(one, "kept")]
    merged = packs.kept(packs.stricter(*several))
    if not said:
        assert merged is None
        return
    assert merged.results_days == min(one.results_days for one in said)
    assert merged.evidence_days == min(one.evidence_days for one in said)
    assert merged.lead_days == min(one.lead_days for one in said)
    assert merged.results.rule.results_days == merged.results_days
    assert merged.evidence.rule.evidence_days == merged.evidence_days
    assert merged.lead.rule.lead_days == merged.lead_days


@settings(max_examples=500)
@given(some.lists(terms, min_size=1, max_size=4), some.sets(some.sampled_from(ExportCondition)))
def test_a_photo_leaves_under_merged_terms_only_if_it_leaves_under_each(several, met):
    assume(all(one.held for one in several))

    def leaves(one):
        try:
            return bool(packs.permit_photo(one, met))
        except ForbiddenByPack:
            return False

    merged = packs.stricter(*several)
    assert leaves(merged) == all(leaves(one) for one in several)
    assert set(packs.photo_export(merged)) == set().union(*map(packs.photo_export, several))


@settings(max_examples=500)
@given(terms, asks)
def test_more_authority_never_permits_less(one, ask):
    if refusal(one, ask):
        return
    for more in (
        {"authorised": True},
        {"documented": True},
        {"unreleased": False},
        {"earlier": 0},
        {"top": max(ask.top - 1, 1)},
        {"searches_today": max(ask.searches_today - 1, 0)},
    ):
        assert refusal(one, replace(ask, **more)) == ""


@pytest.mark.parametrize(
    "names", [*combinations(PACKS, 1), *combinations(PACKS, 2), tuple(PACKS)], ids="+".join
)
def test_what_real_packs_refuse_together_one_of_them_refuses(names):
    merged = packs.stricter(*map(packs.terms_of, names))
    for kind in SearchKind:
        for offence in ("", "other", "arson", "robbery"):
            for authorised in (True, False):
                ask = Ask(
                    kind=kind,
                    offence=offence,
                    authorised=authorised,
                    documented=True,
                    earlier=0,
                    top=20,
                    searches_today=0,
                    unreleased=False,
                )
                rule = refusal(merged, ask)
                alone = {refusal(packs.terms_of(name), ask) for name in names}
                assert bool(rule) == (alone != {""})
                if rule:
                    assert refusal(packs.terms_of(rule.partition(".")[0]), ask)


@given(days, some.integers(0, 10))
def test_years_later_is_the_same_day_or_the_last_of_february(day, years):
    later = r.years_after(day, years)
    assert later.year == day.year + years
    assert (later.month, later.day) in {(day.month, day.day), (2, 28)}


CONCRETE = (
    "Seen at the station on 3 May",
    "Am 3. Mai am Bahnhof gesehen",
    "нашли на вокзале",
    "五月三日在火车站被人看到",
    "شوهد في المحطة يوم الثلاثاء",
)


@settings(max_examples=500)
@given(some.text())
def test_any_text_is_judged_in_one_sentence_or_none(text):
    said = what_is_vague(text)
    assert said == "" or said.endswith(".")
    assert "\n" not in said


@settings(max_examples=500)
@given(some.sampled_from(CONCRETE), some.text(), some.booleans())
def test_more_words_never_make_a_reason_vague(reason, more, before):
    assert what_is_vague(f"{more} {reason}" if before else f"{reason} {more}") == ""


@given(some.text(), some.text())
def test_more_words_never_make_any_accepted_reason_vague(reason, more):
    if what_is_vague(reason) == "":
        assert what_is_vague(f"{reason} {more}") == ""


@given(some.text(alphabet="0123456789 -/.,:;!?()#"))
def test_numbers_alone_are_vague(text):
    assert what_is_vague(text)


@given(some.sampled_from(["a", "ab", "asdf", "missing", "x"]), some.integers(1, 50))
def test_one_word_over_and_over_is_vague(word, times):
    assert what_is_vague(" ".join([word] * times))
