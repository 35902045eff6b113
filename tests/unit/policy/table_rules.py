"""Searches and enrolment: each refusal with its rule and way out, each edge, and the order of the checks."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from unit.policy.table_people import (
    ME,
    MINE,
    NOW,
    THEIRS,
    TODAY,
    actor,
    raised,
)

from countenance import errors

ASKER, OPENER, ADDER, MEMBER, GRANTER = (UUID(int=number) for number in (13, 14, 15, 16, 17))
GALLERY, FURTHER = UUID(int=31), UUID(int=32)
DAY = timedelta(days=1)
REASON = "Seen at the station on 3 May"


def case(p, **more):
    """Return an open case of my agency that ends today."""
    given = {"agency": MINE, "closed": False, "opened_by": OPENER, "expires_on": TODAY}
    return p.facts.CaseFacts(**(given | more))


def evidence(p, **more):
    """Return a photo that somebody added and somebody asked about."""
    return p.facts.EvidenceFacts(**({"agency": MINE, "added_by": ADDER, "asked_by": ASKER} | more))


def authority(p, **more):
    """Return a granted authority with one search left, on its last day."""
    given = {
        "agency": MINE,
        "kind": p.facts.SearchKind.TARGETED,
        "offence": "robbery",
        "galleries": frozenset({GALLERY}),
        "quota": 3,
        "used": 2,
        "expires_on": TODAY,
        "proposed_by": ASKER,
        "granted_at": NOW - DAY,
        "granted_by": GRANTER,
        "documented": True,
    }
    return p.facts.AuthorityFacts(**(given | more))


def gallery(p, **more):
    """Return an open gallery of my agency."""
    return p.facts.GalleryFacts(**({"agency": MINE, "closed": False, "id": GALLERY} | more))


def grant(p, **more):
    """Return a grant to my agency that ends today."""
    kinds = frozenset({p.facts.SearchKind.TARGETED})
    given = {"grantee": MINE, "until": TODAY, "kinds": kinds, "ended": False}
    return p.facts.GrantFacts(**(given | more))


def source(p, **more):
    """Return a source with a full passport whose retention ends today."""
    given = {"agency": MINE, "missing": (), "retention_until": TODAY, "removed": False}
    return p.facts.SourceFacts(**(given | more))


def search(p, **more):
    """Ask for a search that is permitted, or differs in what is given."""
    given = {
        "actor": actor(p, "E"),
        "case": case(p),
        "evidence": evidence(p),
        "authority": authority(p),
        "galleries": [gallery(p)],
        "pack": "default",
        "reason": REASON,
        "top": 20,
        "earlier": 0,
        "searches_today": 0,
        "now": NOW,
    } | more
    return p.rules.permit_search(given.pop("actor"), **given)


def refused(p, wanted, rule, out, **more):
    """Ask for a search that is refused by this rule with these words of the way out."""
    error = raised(wanted, search, p, **more)
    assert getattr(error, "rule", "") == rule, error.rule
    assert out in error.detail, error.detail
    return error


def a_whole_request_is_permitted(p):
    """Permit, name the rule, and set no deadline."""
    permit = search(p)
    assert (permit.rule, permit.authorise_by) == ("search.permitted", None)
    assert (p.rules.MIN_CANDIDATES, p.rules.DEFAULT_CANDIDATES) == (1, 20)
    assert p.rules.MAX_CANDIDATES == 50
    search(p, top=1)
    search(p, top=50)


def an_incomplete_request_is_no_refusal(p):
    """Say what is missing before anything is judged."""
    for top in (0, 51):
        refused(p, errors.InputError, "", "between 1 and 50", top=top)
    refused(p, errors.InputError, "", "at least one gallery", galleries=[])
    for reason in ("", "test", "asdf"):
        refused(p, errors.ReasonMissing, "", "Your oversight body reads it.", reason=reason)
    assert p.rules.permit_reason(REASON).rule == "reason.specific"


def a_case_is_open_and_ones_own(p):
    """Look at the last day, the day after, a closed case and another agency's."""
    closed, own = errors.CaseClosed, errors.NotPermitted
    refused(p, closed, "case_closed", "Open a new case", case=case(p, closed=True))
    late = case(p, expires_on=TODAY - DAY)
    refused(p, closed, "case.expired", "ended on 03 May 2026. Its investigator can", case=late)
    refused(p, own, "agency.own_only", "another agency", case=case(p, agency=THEIRS))
    permit = p.rules.permit_case_work(actor(p), case(p), today=TODAY)
    assert permit.rule == "case.open"
    plain = p.facts.CaseFacts(agency=MINE, closed=False)
    assert (plain.expires_on, plain.glass_until, plain.late_before) == (date.max, None, False)
    assert (plain.opened_by, plain.members) == (UUID(int=0), frozenset())


def evidence_was_asked_about_by_somebody_else(p):
    """Refuse each of the four people, evidence nobody asked about, and another agency's."""
    same = errors.SamePerson
    for more in (
        {"case": case(p, opened_by=ME)},
        {"evidence": evidence(p, added_by=ME)},
        {"evidence": evidence(p, asked_by=ME)},
        {"evidence": evidence(p, video_added_by=ME)},
    ):
        refused(p, same, "search.same_person", "Another examiner of your agency can.", **more)
    unasked = evidence(p, asked_by=None)
    refused(p, errors.NotEvidence, "search.asked_for", "asks for one first", evidence=unasked)
    theirs = evidence(p, agency=THEIRS)
    refused(p, errors.NotPermitted, "agency.own_only", "another agency", evidence=theirs)
    permit = p.rules.permit_evidence(actor(p), evidence(p), case=case(p))
    assert permit.rule == "search.other_person"


def an_authority_covers_the_search(p):
    """Refuse each way in which it does not."""
    none, out = errors.NoAuthority, "Propose"
    refused(p, none, "no_authority", out, authority=None)
    refused(p, none, "authority.refused", out, authority=authority(p, refused=True))
    refused(p, none, "authority.revoked", out, authority=authority(p, revoked=True))
    mine = authority(p, granted_by=ME)
    refused(p, errors.SamePerson, "authority.same_person", "Another examiner", authority=mine)
    ended = authority(p, expires_on=TODAY - DAY)
    refused(
        p, errors.AuthorityExpired, "authority_expired", "03 May 2026. Propose", authority=ended
    )
    for used in (3, 4):
        spent = authority(p, used=used)
        error = refused(
            p, errors.AuthoritySpent, "authority_spent", "All 3 searches", authority=spent
        )
        assert error.facts == {"quota": 3}
    both = [gallery(p), gallery(p, id=FURTHER)]
    refused(p, none, "authority.gallery", "Choose others", galleries=both)
    search(p, galleries=both, authority=authority(p, galleries=frozenset({GALLERY, FURTHER})))
    theirs = authority(p, agency=THEIRS)
    refused(p, errors.NotPermitted, "agency.own_only", "another agency", authority=theirs)
    permit = p.rules.permit_authority(actor(p), authority(p), [gallery(p)], today=TODAY)
    assert permit.rule == "authority.covers"
    given = {"agency", "kind", "offence", "galleries", "quota", "used", "expires_on", "proposed_by"}
    whole = authority(p)
    bare = p.facts.AuthorityFacts(**{name: getattr(whole, name) for name in given})
    assert bare.granted_at is bare.first_used_at is None
    assert bare.refused is bare.revoked is bare.documented is False


def a_gallery_is_open_to_the_case(p):
    """Refuse a closed one, another agency's without a grant for this, and a sensitive one."""
    closed = errors.GalleryClosedToCase
    shut = gallery(p, closed=True)
    refused(p, closed, "gallery_closed_to_case", "choose another one", galleries=[shut])
    for given in (None, grant(p, grantee=THEIRS), grant(p, ended=True)):
        lent = gallery(p, agency=THEIRS, grant=given)
        refused(p, closed, "grant.missing", "Only its owner can.", galleries=[lent])
    lent = gallery(p, agency=THEIRS, grant=grant(p, until=TODAY - DAY))
    refused(p, closed, "grant.ended", "03 May 2026. Its owner can", galleries=[lent])
    missing = frozenset({p.facts.SearchKind.MISSING})
    lent = gallery(p, agency=THEIRS, grant=grant(p, kinds=missing))
    error = refused(p, closed, "grant.purpose", "Its owner can widen", galleries=[lent])
    assert "“targeted”" in error.detail
    search(p, galleries=[gallery(p, agency=THEIRS, grant=grant(p))])
    # One that is not permitted among others is enough.
    covered = authority(p, galleries=frozenset({GALLERY, FURTHER}))
    pair = [gallery(p), gallery(p, id=FURTHER, closed=True)]
    refused(p, closed, "gallery_closed_to_case", "choose", galleries=pair, authority=covered)
    look = p.rules.permit_gallery
    permit = look(actor(p), gallery(p), kind=p.facts.SearchKind.VICTIM, glass=False, today=TODAY)
    assert permit.rule == "gallery.open"
    bare = p.facts.GalleryFacts(agency=MINE, closed=False)
    assert (bare.id, bare.pack, bare.grant) == (UUID(int=0), "default", None)
    assert bare.sensitive is bare.approved is bare.unreleased is False


def a_sensitive_gallery_waits_for_a_second_person(p):
    """Refuse until it is approved, or the glass is broken; the glass lends nobody's gallery."""
    asked = gallery(p, sensitive=True)
    error = refused(
        p, errors.ApprovalNeeded, "gallery.sensitive", "Ask for that first", galleries=[asked]
    )
    assert error.facts == {"gallery": GALLERY}
    search(p, galleries=[replace(asked, approved=True)])
    search(p, galleries=[gallery(p, approved=True)])
    search(p, galleries=[asked], case=case(p, glass_until=NOW))
    gone = case(p, glass_until=NOW - timedelta(microseconds=1))
    refused(p, errors.ApprovalNeeded, "gallery.sensitive", "Ask", galleries=[asked], case=gone)
    lent = gallery(p, agency=THEIRS)
    broken = case(p, glass_until=NOW + DAY)
    refused(p, errors.GalleryClosedToCase, "grant.missing", "owner", galleries=[lent], case=broken)


def every_pack_concerned_is_asked(p):
    """Refuse by the asker's pack, by the owner's, and by the owner's of the second gallery."""
    by = errors.ForbiddenByPack
    refused(p, by, "archive.kinds", "Archives and newsrooms", pack="archive")
    refused(p, by, "archive.kinds", "Archives", galleries=[gallery(p, pack="archive")])
    covered = authority(p, galleries=frozenset({GALLERY, FURTHER}), offence="other")
    pair = [gallery(p), gallery(p, id=FURTHER, pack="maryland")]
    refused(p, by, "maryland.offence", "§ 2-503", galleries=pair, authority=covered)
    refused(p, by, "pack.unknown", "custodian chooses", pack="unheard of")
    refused(p, by, "pack.unknown", "custodian", galleries=[gallery(p, pack="")])
    refused(p, by, "default.document", "Add the warrant", authority=authority(p, documented=False))
    refused(p, by, "default.daily", "Another examiner", searches_today=50)
    search(p, searches_today=49)
    initial = authority(p, kind=p.facts.SearchKind.INITIAL)
    refused(p, by, "eu-ai-act.once", "targeted", pack="eu-ai-act", authority=initial, earlier=1)
    search(p, pack="eu-ai-act", authority=initial)
    photos = [gallery(p), gallery(p, unreleased=True)]
    refused(p, by, "bipa.release", "Choose another gallery", pack="bipa", galleries=photos)
    search(p, galleries=photos)
    search(p, pack="bipa")


def an_authority_is_granted_first_or_in_time(p):
    """Look at the clock of 48 hours from the first search, and at its last moment."""
    waits = authority(p, granted_at=None)
    by = errors.ForbiddenByPack
    refused(p, by, "default.authorisation", "Search once that is done", authority=waits)
    eu = {"pack": "eu-ai-act", "galleries": [gallery(p, pack="eu-ai-act")]}
    refused(p, by, "default.authorisation", "supervisor", authority=waits, pack="eu-ai-act")
    two_days = timedelta(hours=48)
    assert search(p, authority=waits, **eu).authorise_by == NOW + two_days
    began = authority(p, granted_at=None, first_used_at=NOW - two_days)
    assert search(p, authority=began, **eu).authorise_by == NOW
    late = replace(began, first_used_at=NOW - two_days - timedelta(microseconds=1))
    expired = errors.AuthorityExpired
    refused(p, expired, "authority.late", "Propose a new one", authority=late, **eu)
    granted = replace(late, granted_at=NOW)
    assert search(p, authority=granted, **eu).authorise_by is None


def after_one_came_late_the_next_is_granted_first(p):
    """Refuse a second delay, unless the authority is granted or the glass is broken."""
    waits = authority(p, granted_at=None)
    eu = {"pack": "eu-ai-act", "galleries": [gallery(p, pack="eu-ai-act")]}
    once = case(p, late_before=True)
    rule, out = "authority.late_before", "A supervisor grants it."
    refused(p, errors.NoAuthority, rule, out, authority=waits, case=once, **eu)
    assert search(p, authority=authority(p), case=once, **eu).authorise_by is None
    broken = replace(once, glass_until=NOW)
    assert search(p, authority=waits, case=broken, **eu).authorise_by == NOW + timedelta(hours=48)


def behind_broken_glass_the_grant_comes_later(p):
    """Look at the 72 hours of its review where the packs allow no delay."""
    waits = authority(p, granted_at=None)
    broken = case(p, glass_until=NOW)
    three_days = timedelta(hours=72)
    assert three_days == p.approvals.GLASS_REVIEW
    assert search(p, authority=waits, case=broken).authorise_by == NOW + three_days
    late = replace(waits, first_used_at=NOW - three_days - timedelta(microseconds=1))
    out = "Propose a new one"
    refused(p, errors.AuthorityExpired, "authority.late", out, authority=late, case=broken)
    over = case(p, glass_until=NOW - timedelta(microseconds=1))
    rule = "default.authorisation"
    refused(p, errors.ForbiddenByPack, rule, "supervisor", authority=waits, case=over)
    undocumented = replace(waits, documented=False)
    rule = "default.document"
    refused(p, errors.ForbiddenByPack, rule, "Add", authority=undocumented, case=broken)
    assert isinstance(NOW, datetime)


def checks_come_in_order(p):
    """What concerns the request comes first, then case, evidence, authority, galleries, packs."""
    flaws = (
        ({"reason": ""}, errors.ReasonMissing),
        ({"top": 0}, errors.InputError),
        ({"case": case(p, closed=True)}, errors.CaseClosed),
        ({"evidence": evidence(p, asked_by=None)}, errors.NotEvidence),
        ({"authority": authority(p, revoked=True)}, errors.NoAuthority),
        ({"galleries": [gallery(p, closed=True)]}, errors.GalleryClosedToCase),
        ({"pack": "archive"}, errors.ForbiddenByPack),
    )
    for at in range(len(flaws)):
        together = {}
        for flaw, _wanted in flaws[at:]:
            together |= flaw
        raised(flaws[at][1], search, p, **together)


def enrolment_needs_a_full_running_passport(p):
    """Refuse each way in which it is not, and what the owner's pack refuses."""

    def enrol(**more):
        given = {"source": source(p), "gallery": gallery(p), "today": TODAY} | more
        return p.rules.permit_enrolment(actor(p, "T"), **given)

    def no(wanted, rule, out, **more):
        error = raised(wanted, enrol, **more)
        assert getattr(error, "rule", "") == rule
        assert out in error.detail

    assert enrol().rule == "enrolment.full_passport"
    own = errors.NotPermitted
    no(own, "agency.own_only", "another agency", source=source(p, agency=THEIRS))
    no(own, "agency.own_only", "another agency", gallery=gallery(p, agency=THEIRS))
    empty = source(p, missing=("owner", "purpose"))
    no(errors.PassportIncomplete, "", "owner, purpose. Complete", source=empty)
    gone = errors.SourceClosed
    no(gone, "source_closed", "register it again", source=source(p, removed=True))
    ended = source(p, retention_until=TODAY - DAY)
    no(gone, "source_closed", "03 May 2026. Its steward can", source=ended)
    shut = gallery(p, closed=True)
    no(errors.GalleryClosedToCase, "gallery_closed_to_case", "another one", gallery=shut)
    bipa = gallery(p, pack="bipa")
    no(errors.ForbiddenByPack, "bipa.release", "then enrol", gallery=bipa)
    assert enrol(gallery=bipa, source=source(p, written_release=True))
    no(errors.ForbiddenByPack, "pack.unknown", "custodian", gallery=gallery(p, pack="none"))
    assert source(p).written_release is False
    assert source(p).collected_on is None


TABLES = (
    a_whole_request_is_permitted,
    an_incomplete_request_is_no_refusal,
    a_case_is_open_and_ones_own,
    evidence_was_asked_about_by_somebody_else,
    an_authority_covers_the_search,
    a_gallery_is_open_to_the_case,
    a_sensitive_gallery_waits_for_a_second_person,
    every_pack_concerned_is_asked,
    an_authority_is_granted_first_or_in_time,
    after_one_came_late_the_next_is_granted_first,
    behind_broken_glass_the_grant_comes_later,
    checks_come_in_order,
    enrolment_needs_a_full_running_passport,
)
