"""What packs say of examiners, controls, exported photos and retention, alone and merged."""

from dataclasses import replace

from unit.policy.table_packs import NAMES
from unit.policy.table_people import raised

from countenance.errors import ForbiddenByPack

# Pack: for how many days after a case ends what was found is kept, and its photos; where that is said.
KEPT = dict.fromkeys(NAMES, (365, 365, 1095, "Countenance house rules, 7, ")) | {
    "bipa": (30, 30, 365, "Illinois BIPA, 740 ILCS 14, section 15(a)"),
    "archive": (90, 90, 365, "GDPR, Regulation (EU) 2016/679, Art. 5(1)(e)"),
}
INDEPENDENT = {"detroit-williams"}


def made_up(p, *rules, pack="p"):
    """Return the terms of a pack of these rules."""
    return p.packs.Terms(frozenset(p.packs.Held(pack, rule) for rule in rules))


def two_confirm_unless_every_pack_waives_it(p):
    """Look at real packs, none of which waives it, and at made-up ones that do."""
    r = p.packs_results
    for name in NAMES:
        assert p.packs.waiver(p.packs.terms_of(name)) is None
        of_pack = [held.rule for held in p.packs.terms_of(name).held]
        assert [rule.least for rule in of_pack if rule.kind == "verifiers"] == [2]
    law, other = (r.Waiver(law=name, section="S") for name in "LM")
    two = r.Verifiers(law="L", section="S", least=2)
    waives, also = made_up(p, law), made_up(p, other, pack="q")
    assert p.packs.waiver(waives) == law
    assert (law.least, p.packs.verifiers(waives)) == (1, 1)
    merge = p.packs.stricter
    assert p.packs.waiver(merge(waives, also)) == p.packs.waiver(merge(also, waives)) == law
    for strict in (made_up(p, two, pack="a"), made_up(p, two, pack="z"), p.packs.terms_of("bipa")):
        assert p.packs.waiver(merge(strict, waives, also)) is None
        assert p.packs.waiver(merge(waives, strict)) is None
        assert p.packs.verifiers(merge(waives, strict)) == 2
    # Terms that were not merged yet say the same, and so do terms that say nothing.
    assert p.packs.waiver(made_up(p, law, two)) is None
    assert p.packs.waiver(p.packs.Terms()) is None
    # One examiner is enough only by a waiver: a number alone names no law that says so.
    one = made_up(p, r.Verifiers(law="L", section="S", least=1))
    assert p.packs.waiver(one) is None
    assert p.packs.waiver(p.packs.Terms(one.held | waives.held)) is None
    for least in (0, 1):
        for pack in "az":
            none = made_up(p, r.Verifiers(law="L", section="S", least=least), pack=pack)
            assert p.packs.waiver(merge(waives, none)) is None
    raised(TypeError, r.Waiver, law="L", section="S", least=2)
    assert law.covers(other)
    assert other.covers(law)
    assert law.says == "one person is enough to confirm a result: this law waives the second"
    assert two.says == "2 people confirm a result, each for themselves"
    assert law.kind == law.name == two.kind == "verifiers"
    assert two.covers(law)
    assert not law.covers(two)


def the_larger_share_of_controls_counts(p):
    """Look at real packs, at made-up ones, and at terms that say nothing."""
    made, share = p.packs_results.Controls, p.packs.controls_share
    for name in NAMES:
        assert share(p.packs.terms_of(name)) == 0.10
    assert share(p.packs.Terms()) == p.packs.CONTROLS == 0.10
    few, many = (made(law="L", section="S", share=value) for value in (0.05, 0.25))
    assert share(made_up(p, few)) == 0.05
    assert share(made_up(p, few, many)) == 0.25
    assert share(p.packs.stricter(p.packs.terms_of("bipa"), made_up(p, few))) == 0.10
    assert share(p.packs.stricter(made_up(p, many), p.packs.terms_of("bipa"))) == 0.25
    assert many.covers(few)
    assert many.covers(many)
    assert not few.covers(many)
    assert many.says == "25% of examinations are controls, whose answer is known"


def the_fewer_days_count(p):
    """Look at real packs, and at made-up ones of which neither is stricter."""
    made, kept = p.packs_results.Kept, p.packs.kept
    for name in NAMES:
        found, wanted = kept(p.packs.terms_of(name)), KEPT[name]
        assert (found.results_days, found.evidence_days, found.lead_days) == wanted[:3]
        assert found.lead_days > max(found.results_days, found.evidence_days)
        assert found.results == found.evidence == found.lead
        assert found.results.pack == name
        assert found.results.citation.startswith(wanted[3]), found.results.citation
    assert kept(p.packs.Terms()) is None
    long, short = (made(law="L", section="S", results_days=one, evidence_days=other, lead_days=third)
                   for one, other, third in ((100, 10, 900), (20, 50, 800)))  # fmt: skip
    merged = p.packs.stricter(made_up(p, long, pack="a"), made_up(p, short, pack="b"))
    found = kept(merged)
    assert (found.results_days, found.results.pack) == (20, "b")
    assert (found.evidence_days, found.evidence.pack) == (10, "a")
    assert (found.lead_days, found.lead.pack) == (800, "b")
    assert not long.covers(short)
    assert not short.covers(long)
    less = made(law="L", section="S", results_days=20, evidence_days=10, lead_days=800)
    assert less.covers(long)
    assert less.covers(short)
    assert less.covers(less)
    assert not long.covers(less)
    assert not short.covers(less)
    for more in ({"results_days": 21}, {"evidence_days": 11}, {"lead_days": 801}):
        assert not replace(less, **more).covers(less)
    every = p.packs.stricter(*map(p.packs.terms_of, NAMES))
    assert kept(every).results.name == "bipa.kept"
    assert less.says == (
        "after a case ends, what searches found is kept for 20 days, and its evidence photos for 10; "
        "while a lead has no outcome, for 800 at most"
    )


def a_photo_leaves_under_every_condition_of_every_pack(p):
    """Look at the conditions of each pack with their citations, and at what they refuse."""
    made = p.packs.ExportCondition
    granted, independent = made.AUTHORISED, made.INDEPENDENT_EVIDENCE
    assert {str(one) for one in made} == {"authorised", "independent_evidence"}
    for name in NAMES:
        terms = p.packs.terms_of(name)
        wanted = {granted, independent} if name in INDEPENDENT else {granted}
        found = p.packs.photo_export(terms)
        assert set(found) == wanted, name
        assert found[granted].startswith("Countenance house rules, 6, ")
        assert p.packs.permit_photo(terms, wanted).rule == "pack.photo_export"
        for lacking in wanted:
            error = raised(ForbiddenByPack, p.packs.permit_photo, terms, wanted - {lacking})
            assert error.rule == f"{name}.photo_export.{lacking}"
            assert p.packs_results.EXPORT_WAY_OUT[lacking] in error.detail
    detroit = p.packs.terms_of("detroit-williams")
    assert "Williams" in p.packs.photo_export(detroit)[independent]
    merged = p.packs.stricter(detroit, p.packs.terms_of("archive"))
    error = raised(ForbiddenByPack, p.packs.permit_photo, merged, {granted})
    assert error.rule == "detroit-williams.photo_export.independent_evidence"
    error = raised(ForbiddenByPack, p.packs.permit_photo, p.packs.Terms(), set(made))
    assert error.rule == "pack.missing"
    assert p.packs.photo_export(p.packs.Terms()) == {}
    _conditions_are_apart(p, granted, independent)


def _conditions_are_apart(p, granted, independent):
    r = p.packs_results
    one, other = (
        r.PhotoExport(law="L", section="S", condition=condition)
        for condition in (granted, independent)
    )
    assert one.covers(one)
    assert not one.covers(other)
    assert not other.covers(one)
    assert one.name == "photo_export.authorised"
    assert one.kind == other.kind == "photo_export"
    assert set(r.EXPORT_WORDS) == set(r.EXPORT_WAY_OUT) == {granted, independent}
    assert one.says == r.EXPORT_WORDS[granted] != other.says == r.EXPORT_WORDS[independent]
    assert one.refuses_export({granted}) == ""
    assert one.refuses_export({independent}) == r.EXPORT_WAY_OUT[granted]


def rules_about_results_refuse_no_search(p):
    """Ask each of them about a search and a source: they are about what comes after."""
    r = p.packs_results
    cited = {"law": "L", "section": "S"}
    for rule in (
        r.Waiver(**cited),
        r.Controls(share=1.0, **cited),
        r.Kept(results_days=0, evidence_days=0, lead_days=0, **cited),
        r.PhotoExport(condition=r.ExportCondition.AUTHORISED, **cited),
        r.Lead(limit=r.LeadLimit.NEVER_SOLE_BASIS, **cited),
    ):
        assert rule.refuses(None) == ""
        assert rule.refuses_source(None, today=None) == ""


TABLES = (
    two_confirm_unless_every_pack_waives_it,
    the_larger_share_of_controls_counts,
    the_fewer_days_count,
    a_photo_leaves_under_every_condition_of_every_pack,
    rules_about_results_refuse_no_search,
)
