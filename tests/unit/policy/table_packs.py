"""Each pack as cases with their citation: what is permitted, and what is refused by which section."""

from datetime import date, timedelta
from uuid import UUID

from unit.policy.table_people import raised

from countenance.errors import ForbiddenByPack

TODAY = date(2026, 5, 4)
KINDS = {
    "I": "initial identification",
    "T": "targeted",
    "M": "missing person",
    "V": "victim",
}
NAMES = (
    "default",
    "eu-ai-act",
    "maryland",
    "detroit-williams",
    "bipa",
    "humanitarian",
    "archive",
)

# What every pack asks for, whichever it is: for a search that nothing else speaks against.
EVERYWHERE = (
    ({"authorised": True, "documented": False}, "document", "2, on paper", "Add the warrant"),
    ({"top": 51}, "candidates", "2 to 50", "Ask for 50 or fewer"),
    ({"top": 50}, "", "", ""),
    ({"top": 2}, "", "", ""),
    ({"searches_today": 19}, "", "", ""),
)
FIFTY = (
    ({"searches_today": 49}, "", "", ""),
    ({"searches_today": 50}, "daily", "3, fifty a day", "Another examiner"),
    ({"searches_today": 51}, "daily", "3, fifty a day", "after midnight"),
)
AUTHORITY_FIRST = tuple(
    (
        {"authorised": False, "kind": kind, "offence": offence},
        "authorisation",
        "1, authority",
        "Search once",
    )
    for kind, offence in (("I", "robbery"), ("T", "robbery"), ("M", ""), ("V", "rape"))
)
NO_POLICE = (
    ({"kind": "M", "offence": ""}, "", "", ""),
    ({"kind": "V", "offence": ""}, "", "", ""),
    ({"kind": "I", "offence": ""}, "kinds", "", "missing person, victim. Propose"),
    ({"kind": "T", "offence": "robbery"}, "kinds", "", "missing person, victim. Propose"),
    ({"kind": "M", "offence": "robbery"}, "offence", "", "names no offence"),
    ({"kind": "V", "offence": "rape"}, "offence", "", "names no offence"),
    ({"kind": "M", "offence": "", "authorised": False}, "authorisation", "1, auth", "supervisor"),
)
MARYLAND = [
    "homicide",
    "rape",
    "robbery",
    "assault",
    "kidnapping",
    "home-invasion",
    "arson",
    "violence",
    "trafficking",
    "child-abuse",
    "child-material",
    "hate-crime",
    "weapon",
    "stalking",
    "animal-cruelty",
    "fentanyl",
    "public-threat",
    "fugitive",
]
DETROIT = ("homicide", "rape", "robbery", "assault", "home-invasion")
EVERY = (*MARYLAND, "other")

# Pack: the cases beyond EVERYWHERE: what is asked, the rule that refuses (none: permitted), the
# section and the way out that the refusal names.
CASES = {
    "default": (
        *FIFTY,
        *AUTHORITY_FIRST,
        ({"kind": "T", "offence": ""}, "", "", ""),
        ({"kind": "I", "earlier": 3, "offence": "theft"}, "", "", ""),
        ({"unreleased": True}, "", "", ""),
    ),
    "eu-ai-act": (
        *FIFTY,
        *(({"kind": kind, "offence": code}, "", "", "") for kind in "IT" for code in EVERY),
        ({"kind": "T", "offence": ""}, "offence", "Art. 26(10)", "Propose one that names"),
        ({"kind": "I", "offence": ""}, "offence", "Art. 26(10)", "Propose one that names"),
        ({"kind": "T", "offence": "gossip"}, "offence", "Art. 26(10)", "propose"),
        ({"kind": "M", "offence": ""}, "", "", ""),
        ({"kind": "V", "offence": ""}, "", "", ""),
        *(({"kind": kind, "authorised": False}, "", "", "") for kind in "ITMV"),
        ({"kind": "I", "earlier": 0}, "", "", ""),
        ({"kind": "I", "earlier": 1}, "once", "Art. 26(10)", "targeted search"),
        ({"kind": "I", "earlier": 2}, "once", "Art. 26(10)", "targeted search"),
        ({"kind": "T", "earlier": 1}, "", "", ""),
    ),
    "maryland": (
        *FIFTY,
        *AUTHORITY_FIRST,
        *(({"kind": kind, "offence": code}, "", "", "") for kind in "ITV" for code in MARYLAND),
        *(
            ({"kind": kind, "offence": code}, "offence", "§ 2-503(a)(1)(i)", "propose")
            for kind in "ITV"
            for code in ("other", "shoplifting")
        ),
        ({"kind": "T", "offence": ""}, "offence", "§ 2-503(a)(1)(i)", "Propose one"),
        # § 2-507(1): the subtitle does not restrict the search for a missing person.
        ({"kind": "M", "offence": ""}, "", "", ""),
        ({"kind": "M", "offence": "other"}, "", "", ""),
        ({"kind": "I", "earlier": 1}, "", "", ""),
    ),
    "detroit-williams": (
        *FIFTY,
        *AUTHORITY_FIRST,
        *(({"kind": kind, "offence": code}, "", "", "") for kind in "IT" for code in DETROIT),
        *(
            ({"kind": "T", "offence": code}, "offence", "directive 307.5", "propose")
            for code in EVERY
            if code not in DETROIT
        ),
        ({"kind": "I", "offence": "other"}, "offence", "directive 307.5", "propose"),
        ({"kind": "M", "offence": ""}, "", "", ""),
        ({"kind": "V", "offence": "other"}, "", "", ""),
    ),
    "bipa": (
        *FIFTY,
        *AUTHORITY_FIRST,
        ({"kind": "T", "offence": ""}, "", "", ""),
        ({"unreleased": False}, "", "", ""),
        ({"unreleased": True}, "release", "section 15(b)", "Choose another gallery"),
    ),
    "humanitarian": (*FIFTY, *NO_POLICE),
    "archive": (
        *NO_POLICE,
        ({"searches_today": 20}, "daily", "Art. 5(1)(c)", "Another examiner"),
        ({"searches_today": 50}, "daily", "Art. 5(1)(c)", "Another examiner"),
    ),
}

# Pack: the law that its own rules cite, and for the kinds and the offence the section.
LAWS = {
    "eu-ai-act": "Regulation (EU) 2024/1689",
    "maryland": "Maryland Code, Criminal Procedure",
    "detroit-williams": "Detroit Police Department Manual",
    "bipa": "740 ILCS 14",
}

# Pack: when it was collected, until when it is kept, released in writing; then the rule, the way out.
SOURCES = {
    "bipa": (
        (None, "2029-05-04", True, "", ""),
        (None, "2029-05-05", True, "retention", "ends on 04 May 2029 or before"),
        ("2025-01-31", "2028-01-31", True, "", ""),
        ("2025-01-31", "2028-02-01", True, "retention", "ends on 31 January 2028 or before"),
        ("2024-02-29", "2027-02-28", True, "", ""),
        ("2024-02-29", "2027-03-01", True, "retention", "28 February 2027"),
        ("2027-01-01", "2029-05-04", True, "", ""),
        ("2027-01-01", "2029-05-05", True, "retention", "04 May 2029"),
        (None, "2026-05-05", False, "release", "Name where the releases are filed"),
    ),
} | {name: ((None, "2099-01-01", False, "", ""),) for name in NAMES if name != "bipa"}

# Pack: how long a grant may come after the first search, in hours; how many confirm a result.
GRACE = dict.fromkeys(NAMES) | {"eu-ai-act": 48}

SOLE = {"never_sole_basis"}
LIMITS = dict.fromkeys(NAMES, SOLE) | {
    "maryland": SOLE | {"disclose_results"},
    "detroit-williams": SOLE
    | {"no_arrest_alone", "no_lineup_alone", "disclose_results", "disclose_negative"},
}
LIMIT_SECTIONS = {
    ("eu-ai-act", "never_sole_basis"): "Art. 26(10)",
    ("maryland", "never_sole_basis"): "§ 2-502(b)(2)",
    ("maryland", "disclose_results"): "§ 2-504",
    ("detroit-williams", "never_sole_basis"): "307.5",
    ("detroit-williams", "no_arrest_alone"): "Williams v. City of Detroit",
    ("detroit-williams", "no_lineup_alone"): "Williams v. City of Detroit",
    ("detroit-williams", "disclose_results"): "Williams v. City of Detroit",
    ("detroit-williams", "disclose_negative"): "Williams v. City of Detroit",
}


def ask_of(p, **more):
    """Return a search for a missing person that nothing speaks against, or what is given."""
    given = {
        "kind": "M",
        "offence": None,
        "authorised": True,
        "documented": True,
        "earlier": 0,
        "top": 20,
        "searches_today": 0,
        "unreleased": False,
    } | more
    if given["offence"] is None:
        given["offence"] = "" if given["kind"] == "M" else "robbery"
    return p.facts.Ask(**(given | {"kind": p.facts.SearchKind(KINDS[given["kind"]])}))


def every_case_of_every_pack(p):
    """Ask each pack what is written down here."""
    assert tuple(p.packs.PACKS) == NAMES
    for name in NAMES:
        terms = p.packs.terms_of(name)
        for given, rule, section, out in (*EVERYWHERE, *CASES[name]):
            ask = ask_of(p, **given)
            if not rule:
                assert p.packs.permit_ask(terms, ask).rule == "pack.search", (name, given)
                continue
            error = raised(ForbiddenByPack, p.packs.permit_ask, terms, ask)
            assert error.rule == f"{name}.{rule}", (name, given, error.rule)
            assert section in error.detail, error.detail
            assert out in error.detail, error.detail
            assert f"policy pack “{p.packs.PACKS[name].title}”" in error.detail
            assert error.facts["law"] in error.detail
            assert error.facts["section"] in error.detail
            if rule in ("once", "release", "offence") and name in LAWS:
                assert LAWS[name] in error.facts["law"]


def every_source_of_every_pack(p):
    """Ask each pack about sources."""
    for name in NAMES:
        terms = p.packs.terms_of(name)
        for collected, until, released, rule, out in SOURCES[name]:
            source = p.facts.SourceFacts(
                agency=UUID(int=21),
                missing=(),
                retention_until=date.fromisoformat(until),
                removed=False,
                collected_on=collected and date.fromisoformat(collected),
                written_release=released,
            )
            given = {"terms": terms, "source": source, "today": TODAY}
            if not rule:
                assert p.packs.permit_source(**given).rule == "pack.source"
                continue
            error = raised(ForbiddenByPack, p.packs.permit_source, **given)
            assert error.rule == f"{name}.{rule}", (collected, until)
            assert out in error.detail, error.detail
            assert "740 ILCS 14, section 15(" in error.detail


def grace_is_given_if_every_pack_gives_it(p):
    """Look at each pack, each kind, and each pair."""
    for kind in p.facts.SearchKind:
        for one in NAMES:
            for other in NAMES:
                terms = p.packs.stricter(p.packs.terms_of(one), p.packs.terms_of(other))
                both = GRACE[one] and GRACE[other]
                assert p.packs.grace(terms, kind) == (timedelta(hours=48) if both else None)
        assert p.packs.grace(p.packs.Terms(), kind) is None
    _less_time_is_stricter(p)


def _authorisation(p, late, hours):
    rule = p.packs_rules.Authorisation(
        law="L",
        section=f"{hours} {sorted(late)}",
        late=frozenset(late),
        within=timedelta(hours=hours),
    )
    return p.packs.Terms(frozenset({p.packs.Held(f"p{hours}", rule)}))


def _less_time_is_stricter(p):
    initial, targeted = p.facts.SearchKind.INITIAL, p.facts.SearchKind.TARGETED
    long = _authorisation(p, [initial, targeted], 72)
    short = _authorisation(p, [initial, targeted], 24)
    one = _authorisation(p, [initial], 96)
    never = _authorisation(p, [], 0)
    assert p.packs.stricter(long, short) == short
    assert p.packs.stricter(short, never) == p.packs.stricter(never, one) == never
    # Fewer kinds but more time: neither is stricter, so both hold.
    merged = p.packs.stricter(long, one)
    assert len(merged.held) == 2
    assert p.packs.grace(merged, initial) == timedelta(hours=72)
    assert p.packs.grace(merged, targeted) is None


def a_lead_is_limited(p):
    """Look at the limits of each pack with their citations, and at how many confirm."""
    for name in NAMES:
        terms = p.packs.terms_of(name)
        limits = p.packs.lead_limits(terms)
        assert set(limits) == LIMITS[name], name
        for limit, citation in limits.items():
            assert LIMIT_SECTIONS.get((name, limit), "FBI NGI") in citation
        assert p.packs.verifiers(terms) == 2
    assert p.packs.verifiers(p.packs.Terms()) == 2
    both = p.packs.stricter(p.packs.terms_of("maryland"), p.packs.terms_of("detroit-williams"))
    assert set(p.packs.lead_limits(both)) == LIMITS["detroit-williams"]
    held = {
        held.rule.law
        for held in p.packs.terms_of("eu-ai-act").held
        if held.rule.name == "verifiers"
    }
    assert held == {"EU AI Act, Regulation (EU) 2024/1689"}
    words = {limit.value for limit in p.packs.LeadLimit}
    assert words == LIMITS["detroit-williams"] == {str(key) for key in p.packs_results.LIMIT_WORDS}
    three = p.packs_results.Verifiers(law="L", section="S", least=3)
    more = p.packs.stricter(both, p.packs.Terms(frozenset({p.packs.Held("p", three)})))
    assert p.packs.verifiers(more) == 3
    assert [held.pack for held in more.held if held.rule.kind == "verifiers"] == ["p"]


def offences_are_a_closed_list_or_none(p):
    """Look at each pack's list, by kind and as a whole, and at that of two packs together."""
    kinds = {letter: p.facts.SearchKind(word) for letter, word in KINDS.items()}
    wanted = {
        "eu-ai-act": ("IT", EVERY),
        "maryland": ("ITV", MARYLAND),
        "detroit-williams": ("IT", DETROIT),
    }
    assert set(p.packs.OFFENCES) == set(EVERY)
    for name in NAMES:
        letters, codes = wanted.get(name, ("", ()))
        terms = p.packs.terms_of(name)
        listed = p.packs.offences_of(terms)
        assert {code for code, _label in listed} == set(codes)
        assert listed == tuple((c, label) for c, label in p.packs.OFFENCES.items() if c in codes)
        for letter, kind in kinds.items():
            assert p.packs.offences_for(terms, kind) == (listed if letter in letters else ())
    both = p.packs.stricter(p.packs.terms_of("maryland"), p.packs.terms_of("detroit-williams"))
    assert {code for code, _ in p.packs.offences_for(both, kinds["T"])} == set(DETROIT)
    assert {code for code, _ in p.packs.offences_for(both, kinds["V"])} == set(MARYLAND)


TABLES = (
    every_case_of_every_pack,
    every_source_of_every_pack,
    grace_is_given_if_every_pack_gives_it,
    a_lead_is_limited,
    offences_are_a_closed_list_or_none,
)
