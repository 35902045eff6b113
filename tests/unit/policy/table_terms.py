"""Merged terms and their order: what is kept, what is judged first, and what no pack says."""

from datetime import timedelta
from uuid import UUID

from unit.policy.table_packs import NAMES, TODAY, ask_of
from unit.policy.table_people import raised

from countenance.errors import ForbiddenByPack


def what_no_pack_says_is_not_permitted(p):
    """An unknown pack, and terms of no pack, permit nothing."""
    for name in ("", "Default", "unknown", "eu-ai-act "):
        error = raised(ForbiddenByPack, p.packs.terms_of, name)
        assert error.rule == "pack.unknown"
        assert "custodian" in error.detail
    nothing = p.packs.stricter()
    assert nothing == p.packs.Terms()
    error = raised(ForbiddenByPack, p.packs.permit_ask, nothing, ask_of(p))
    assert error.rule == "pack.missing"
    source = p.facts.SourceFacts(
        agency=UUID(int=21), missing=(), retention_until=TODAY, removed=False
    )
    error = raised(ForbiddenByPack, p.packs.permit_source, nothing, source, today=TODAY)
    assert error.rule == "pack.missing"


def the_stricter_of_two_is_kept_with_its_citation(p):
    """Look at single rules: the value, and the pack that is named."""

    def kept(one, other, name):
        terms = p.packs.stricter(p.packs.terms_of(one), p.packs.terms_of(other))
        assert terms == p.packs.stricter(p.packs.terms_of(other), p.packs.terms_of(one))
        return sorted(held.name for held in terms.held if held.rule.name == name)

    assert kept("archive", "eu-ai-act", "daily") == ["archive.daily"]
    assert kept("default", "eu-ai-act", "daily") == ["default.daily"]
    assert kept("eu-ai-act", "humanitarian", "authorisation") == ["humanitarian.authorisation"]
    assert kept("maryland", "detroit-williams", "offence") == [
        "detroit-williams.offence",
        "maryland.offence",
    ]
    assert kept("eu-ai-act", "maryland", "offence") == ["maryland.offence"]
    assert kept("eu-ai-act", "detroit-williams", "offence") == ["detroit-williams.offence"]
    assert kept("archive", "humanitarian", "kinds") == ["archive.kinds"]
    assert kept("bipa", "maryland", "release") == ["bipa.release"]
    assert kept("bipa", "maryland", "retention") == ["bipa.retention"]
    assert kept("eu-ai-act", "maryland", "once") == ["eu-ai-act.once"]
    assert kept("bipa", "archive", "document") == ["archive.document"]
    assert kept("bipa", "default", "candidates") == ["bipa.candidates"]


def rules_are_judged_in_one_order(p):
    """What a search is comes first, how it is made later; of two packs, the first by name."""
    every = p.packs.stricter(*map(p.packs.terms_of, NAMES))
    bad = {
        "kind": "I",
        "offence": "gossip",
        "authorised": False,
        "documented": False,
        "earlier": 1,
        "top": 51,
        "searches_today": 50,
        "unreleased": True,
    }
    for fixed, rule in (
        ({"kind": "V"}, "archive.kinds"),
        ({"kind": "M", "offence": ""}, "archive.offence"),
        ({"authorised": True}, "archive.authorisation"),
        ({"documented": True}, "archive.document"),
        ({"top": 50}, "archive.candidates"),
        ({"searches_today": 0}, "archive.daily"),
        ({"unreleased": False}, "bipa.release"),
    ):
        error = raised(ForbiddenByPack, p.packs.permit_ask, every, ask_of(p, **bad))
        assert error.rule == rule
        bad |= fixed
    assert p.packs.permit_ask(every, ask_of(p, **bad))


def rules_of_one_kind_are_in_the_order_of_packs(p):
    """List the rules of a pack, of several, and the kinds of rule."""
    names = [held.rule.name for held in p.packs.terms_of("detroit-williams").in_order()]
    assert names == [
        "offence",
        "authorisation",
        "document",
        "candidates",
        "daily",
        "verifiers",
        "controls",
        "lead.disclose_negative",
        "lead.disclose_results",
        "lead.never_sole_basis",
        "lead.no_arrest_alone",
        "lead.no_lineup_alone",
        "photo_export.authorised",
        "photo_export.independent_evidence",
        "kept",
    ]
    # Of rules that both hold, that of the first pack is named.
    lists = [
        p.packs.Held(
            f"pack{number}",
            p.packs_rules.Offences(
                law="L", section="S", kinds=frozenset(p.facts.SearchKind), codes=frozenset({number})
            ),
        )
        for number in "8315726409"
    ]
    both = p.packs.stricter(p.packs.Terms(frozenset(lists)))
    assert [held.pack for held in both.in_order()] == sorted(held.pack for held in lists)
    kinds = [made.kind for made in p.packs_rules.RULE_KINDS]
    assert kinds == [
        *("kinds", "offence", "authorisation", "document", "once", "candidates", "daily"),
        *("release", "retention", "verifiers", "controls", "lead", "photo_export", "kept"),
    ]


def of_equal_rules_one_is_kept(p):
    """Of two with one value in one pack, the first by law and then by section; unmerged, both count."""

    def held(law, section, least=2):
        rule = p.packs_results.Verifiers(law=law, section=section, least=least)
        return p.packs.Terms(frozenset({p.packs.Held("p", rule)}))

    assert p.packs.stricter(held("A", "2"), held("B", "1")) == held("A", "2")
    assert p.packs.stricter(held("B", "2"), held("A", "2")) == held("A", "2")
    assert p.packs.stricter(held("A", "2"), held("A", "1")) == held("A", "1")
    assert p.packs.stricter(held("A", "1", 2), held("B", "1", 3)) == held("B", "1", 3)
    unmerged = p.packs.Terms(held("A", "1", 2).held | held("B", "1", 3).held)
    assert p.packs.verifiers(unmerged) == 3


def each_kind_of_rule_has_its_order(p):
    """Compare two values of each kind of rule, both ways."""
    r, result = p.packs_rules, p.packs_results
    kind = p.facts.SearchKind
    some, fewer = frozenset({kind.MISSING, kind.VICTIM}), frozenset({kind.VICTIM})
    ab, a = frozenset({"a", "b"}), frozenset({"a"})

    def late(kinds, hours):
        return {"late": frozenset(kinds), "within": timedelta(hours=hours)}

    pairs = (  # the stricter first
        (r.Kinds, {"allowed": fewer}, {"allowed": some}),
        (r.Offences, {"kinds": some, "codes": a}, {"kinds": fewer, "codes": ab}),
        (r.Offences, {"kinds": some, "codes": a}, {"kinds": fewer, "codes": a}),
        (r.Candidates, {"most": 19}, {"most": 20}),
        (r.Daily, {"most": 19}, {"most": 20}),
        (r.Retention, {"years": 2}, {"years": 3}),
        (result.Verifiers, {"least": 3}, {"least": 2}),
        (r.Authorisation, late([], 48), late(some, 24)),
        (r.Authorisation, late(fewer, 24), late(some, 24)),
        (r.Authorisation, late(some, 24), late(some, 25)),
    )
    for made, strict, lax in pairs:
        one, other = (made(law="L", section="S", **value) for value in (strict, lax))
        assert one.covers(other)
        assert not other.covers(one)
        assert one.covers(one)
    unlike = (
        (r.Once, {"of": kind.INITIAL}, {"of": kind.TARGETED}),
        (
            result.Lead,
            {"limit": result.LeadLimit.NO_ARREST_ALONE},
            {"limit": result.LeadLimit.NO_LINEUP_ALONE},
        ),
        (r.Offences, {"kinds": some, "codes": ab}, {"kinds": fewer, "codes": a}),
    )
    for made, first, second in unlike:
        one, other = (made(law="L", section="S", **value) for value in (first, second))
        assert not one.covers(other)
        assert not other.covers(one)
        assert one.covers(one)
    for made in (r.Document, r.Release):
        assert made(law="L", section="S").covers(made(law="M", section="T"))


def packs_are_described(p):
    """Each pack has a title and one sentence, each rule a law, a section and a few words."""
    for name, pack in p.packs.PACKS.items():
        assert pack.name == name
        assert pack.title
        assert pack.summary.endswith(".")
        kinds = [held.rule.name for held in p.packs.terms_of(name).held]
        assert len(kinds) == len(set(kinds)) == len(pack.rules)
        assert {"authorisation", "document", "candidates", "daily", "verifiers"} <= set(kinds)
        assert {"controls", "photo_export.authorised", "kept"} <= set(kinds)
        for rule in pack.rules:
            assert rule.law
            assert rule.section
            assert rule.says
    named = p.packs_rules.Offences(
        law="L",
        section="S",
        kinds=frozenset({p.facts.SearchKind.VICTIM}),
        codes=frozenset({"", "b", "a"}),
    )
    assert named.says == "offences for the kinds victim: a, b"
    assert p.packs.OFFENCES["robbery"] == "Robbery or carjacking"


TABLES = (
    what_no_pack_says_is_not_permitted,
    the_stricter_of_two_is_kept_with_its_citation,
    rules_are_judged_in_one_order,
    rules_of_one_kind_are_in_the_order_of_packs,
    of_equal_rules_one_is_kept,
    each_kind_of_rule_has_its_order,
    packs_are_described,
)
