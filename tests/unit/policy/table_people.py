"""Who may do what, written a second time by hand from the product's table of roles; not read from the code."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from countenance.errors import (
    CertificateMissing,
    NotPermitted,
    RoleMissing,
    RolesConflict,
    SamePerson,
    ScopeMissing,
    StepUpNeeded,
)

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
TODAY = NOW.date()
ME, OTHER, MINE, THEIRS = (UUID(int=number) for number in (11, 12, 21, 22))

# One letter for a role: K custodian, C coordinator, T steward, I investigator, E examiner,
# S supervisor, A auditor. Then the scope of a token (- for never), u: proof again, c: certificate,
# n: also whoever has no role yet. What needs a proof is done with a token for hours only, or with none.
DEEDS = """
account.own         KCTIESA  -       n
token.make          KCTIESA  -       un
inbox.read          CTIESA   read
agency.read         K        manage
agency.admit        K        manage  u
agency.suspend      K        manage  u
pack.choose         K        manage  u
person.read         KCSA     manage
person.invite       KC       manage  u
person.suspend      KC       manage  u
training.record     C        manage  u
roles.change        C        manage  u
oidc.set            C        manage  u
approval.read       CTIESA   read
approval.ask        CTIESA   manage
approval.decide     CSA      -       u
glass.break         S        -       u
glass.review        A        -       u
authority.read      CIESA    read
authority.propose   CI       cases
authority.decide    S        -       u
authority.revoke    CS       -       u
source.read         TSA      read
source.register     T        enrol
source.remove       T        manage  u
retention.extend    T        manage  u
gallery.read        CTIESA   read
gallery.create      T        enrol
gallery.terms       T        manage  u
gallery.grant       T        manage  u
evaluate            T        enrol
evaluation.read     TESA     read
point.set           T        manage  u
index.manage        T        manage  u
enrol               T        enrol
photo.view          TES      read
photo.remove        T        enrol
case.read           IESA     read
case.open           I        cases
case.close          IS       cases
case.members        IS       cases
case.widen          I        cases
case.hold           S        -       u
case.erase          S        -       u
evidence.add        I        cases
evidence.view       IES      read
evidence.derive     IE       cases
search.ask          I        cases
search.decline      ES       search
search.run          E        search  uc
search.read         IESA     read
candidates.view     ES       search
search.purge        S        -       u
examine             E        -       c
examinations.read   ESA      read
controls.read       EA       read
search.close        ES       -
lead.release        S        -       u
lead.withdraw       S        -       u
lead.read           IESA     read
lead.export         IS       -       u
lead.outcome        I        cases
bundle.export       SA       -       u
ledger.read         KCSA     audit
ledger.export       KA       audit   u
witnesses.set       K        manage  u
set_up              .        -
"""

ROLES = {
    "K": "custodian",
    "C": "coordinator",
    "T": "steward",
    "I": "investigator",
    "E": "examiner",
    "S": "supervisor",
    "A": "auditor",
}

# The custodian reads no content; a coordinator and a steward do not search; whoever asks does not
# run or authorise; the auditor audits nothing of their own.
EXCLUDE = "KC KT KI KE KS KA CI CE CA TI TE TA IE IA EA SA SI".split()  # noqa: SIM905 # pairs

TRAINED = "TIES"


def lines():
    """Return the table's lines: deed, letters of roles, scope, flags."""
    for line in DEEDS.strip().splitlines():
        deed, letters, scope, *flags = line.split()
        yield deed, letters.strip("."), None if scope == "-" else scope, "".join(flags)


def raised(wanted, call, *args, **kwargs):
    """Return the refusal, which must be of exactly this class."""
    try:
        call(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 # whatever it is, it is looked at
        caught = error
    else:
        raise AssertionError(f"{call.__name__} permitted it")
    if type(caught) is not wanted:
        raise AssertionError(f"{caught!r} instead of {wanted.__name__}")
    return caught


def actor(p, letters="", **more):
    """Return a person of my agency with these roles and everything in date."""
    held = frozenset(p.people.Role(ROLES[letter]) for letter in letters)
    given = {
        "person": ME,
        "agency": MINE,
        "roles": held,
        "certified_until": TODAY,
        "stepped_up_at": NOW,
    }
    return p.people.Actor(**(given | more))


def the_table_is_the_products(p):
    """Compare each deed with what was written down here."""
    known = {str(deed) for deed in p.people.Deed}
    assert known == {deed for deed, *_ in lines()}, "a deed without a line here"
    assert set(p.people.DEEDS) == set(p.people.Deed)
    for deed, letters, scope, flags in lines():
        rule = p.people.DEEDS[p.people.Deed(deed)]
        assert rule.roles == {ROLES[letter] for letter in letters}, deed
        assert rule.scope == scope, deed
        assert rule.step_up == ("u" in flags), deed
        assert rule.certificate == ("c" in flags), deed
        assert rule.anyone == ("n" in flags), deed


def every_role_does_its_deeds_and_no_others(p):
    """Ask for every deed with every single role."""
    for deed, letters, scope, flags in lines():
        wanted = p.people.Deed(deed)
        for letter in ROLES:
            person = actor(p, letter)
            assert p.people.may(person, wanted) == (letter in letters)
            if letter in letters:
                permit = p.people.permit_deed(person, wanted, now=NOW)
                assert permit.rule == f"role.{deed}"
            else:
                error = raised(RoleMissing, p.people.permit_deed, person, wanted, now=NOW)
                assert error.rule == f"role.{deed}"
                for allowed in letters:
                    assert ROLES[allowed] in error.detail
        nobody = actor(p)
        assert p.people.may(nobody, wanted) == ("n" in flags)
        if "n" in flags:
            assert p.people.permit_deed(nobody, wanted, now=NOW).rule == f"role.{deed}"
        else:
            raised(RoleMissing, p.people.permit_deed, nobody, wanted, now=NOW)
        assert p.people.permit_deed(p.people.SYSTEM, wanted, now=NOW).rule == "role.system"
        if letters:
            _tokens_do_only_their_scope(p, actor, letters[0], wanted, scope)


def _tokens_do_only_their_scope(p, make, letter, deed, scope):
    for token in p.people.Scope:
        person = make(p, letter, scopes=frozenset({token}), stepped_up_at=None)
        assert p.people.may(person, deed) == (token == scope)
        if token == scope:
            assert p.people.permit_deed(person, deed, now=NOW).rule == f"role.{deed}"
        else:
            error = raised(ScopeMissing, p.people.permit_deed, person, deed, now=NOW)
            assert error.rule == f"scope.{deed}"
            assert ("Sign in to the web app" in error.detail) == (scope is None)
            assert scope is None or f"“{scope}”" in error.detail


def a_refusal_lists_roles_in_words(p):
    """Look at the sentences for none, one, two and more roles."""
    cases = {
        p.people.Deed.SET_UP: "Nobody may do this from here; it is part of setting up the machine.",
        p.people.Deed.ENROL: "This needs the role of steward. Ask your coordinator who holds it.",
        p.people.Deed.LEDGER_EXPORT: "This needs the role of auditor or custodian. Ask your coordinator who holds it.",
        p.people.Deed.PHOTO_VIEW: "This needs the role of examiner, steward or supervisor. Ask your coordinator who holds it.",
    }
    for deed, sentence in cases.items():
        assert raised(RoleMissing, p.people.permit_deed, actor(p), deed, now=NOW).detail == sentence


def a_proof_lasts_five_minutes(p):
    """Look at both ends of the window, and beyond."""
    assert timedelta(minutes=5) == p.people.STEP_UP_LASTS
    scopes = p.people.Scope
    assert {scopes.SEARCH, scopes.MANAGE, scopes.AUDIT} == p.people.POWERFUL
    ages = {
        timedelta(): True,
        timedelta(minutes=5): True,
        timedelta(minutes=5, microseconds=1): False,
        timedelta(microseconds=-1): False,
        timedelta(days=1): False,
    }
    for age, holds in ages.items():
        person = actor(p, "ES", stepped_up_at=NOW - age)
        assert p.people.is_stepped_up(person, now=NOW) == holds, age
    never = actor(p, "E", stepped_up_at=None)
    assert not p.people.is_stepped_up(never, now=NOW)
    for deed, letters, _scope, flags in lines():
        if letters:
            person = actor(p, letters[0], stepped_up_at=None)
            if "u" in flags:
                raised(StepUpNeeded, p.people.permit_deed, person, p.people.Deed(deed), now=NOW)
            else:
                assert p.people.permit_deed(person, p.people.Deed(deed), now=NOW)


def a_certificate_is_in_date(p):
    """Look at its last day, the day after, and none; also with a token."""
    run, view = p.people.Deed.SEARCH_RUN, p.people.Deed.CANDIDATES_VIEW
    for scopes in (None, frozenset({p.people.Scope.SEARCH})):
        for until in (None, TODAY - timedelta(days=1)):
            person = actor(p, "E", certified_until=until, scopes=scopes)
            error = raised(CertificateMissing, p.people.permit_deed, person, run, now=NOW)
            assert "coordinator" in error.detail
            assert p.people.permit_deed(person, view, now=NOW)
        assert p.people.permit_deed(actor(p, "E", scopes=scopes), run, now=NOW)
    # What is missing for good is said before the proof is asked for.
    late = actor(p, "E", certified_until=None, stepped_up_at=None)
    raised(CertificateMissing, p.people.permit_deed, late, run, now=NOW)


def the_system_has_no_roles(p):
    """Only the exact value is the system: no person becomes it by having its number."""
    system = p.people.SYSTEM
    assert (system.person, system.agency) == (UUID(int=0), UUID(int=0))
    assert system.roles == frozenset()
    likeness = actor(p, person=system.person, agency=system.agency)
    raised(RoleMissing, p.people.permit_deed, likeness, p.people.Deed.SET_UP, now=NOW)
    raised(RoleMissing, p.people.permit_deed, likeness, p.people.Deed.SEARCH_RUN, now=NOW)


def roles_exclude_each_other(p):
    """Try every set of two roles, and some of one and three."""
    role = {letter: p.people.Role(name) for letter, name in ROLES.items()}
    assert len(p.people.EXCLUDE) == len(EXCLUDE)
    for one in ROLES:
        assert p.people.permit_roles([role[one]]).rule == "roles.exclude"
        for other in ROLES:
            if one + other in EXCLUDE or other + one in EXCLUDE:
                error = raised(RolesConflict, p.people.permit_roles, [role[one], role[other]])
                assert error.rule == "roles.exclude"
                first, second = sorted((role[one], role[other]))
                assert f"{first} and {second} at once. Give one" in error.detail
            else:
                assert p.people.permit_roles([role[one], role[other]])
    assert p.people.permit_roles([]).rule == "roles.exclude"
    assert p.people.permit_roles([role["C"], role["T"], role["S"]])
    assert p.people.permit_roles([role["E"], role["S"]])
    raised(RolesConflict, p.people.permit_roles, [role["S"], role["T"], role["I"]])


def training_gates_sign_in(p):
    """Look at who needs training, at its last day and the day after."""
    yesterday = TODAY - timedelta(days=1)
    for letter, name in ROLES.items():
        roles = frozenset({p.people.Role(name)})
        sign_in = p.people.permit_sign_in
        assert sign_in(roles, trained_until=TODAY, today=TODAY).rule == "training.current"
        for until in (None, yesterday):
            if letter in TRAINED:
                error = raised(CertificateMissing, sign_in, roles, trained_until=until, today=TODAY)
                assert error.rule == "training.current"
                said = "is not recorded" if until is None else "ended on 03 May 2026"
                assert said in error.detail
                assert "Ask your coordinator" in error.detail
            else:
                permit = sign_in(roles, trained_until=until, today=TODAY)
                assert permit.rule == "training.current"
    both = frozenset({p.people.Role.COORDINATOR, p.people.Role.STEWARD})
    raised(CertificateMissing, p.people.permit_sign_in, both, trained_until=None, today=TODAY)
    assert frozenset({p.people.Role.EXAMINER}) == p.people.CERTIFICATE_NEEDED


def only_ones_own_agency_and_never_oneself(p):
    """Look at the two small rules that everything else uses."""
    person = actor(p, "S")
    assert p.people.permit_own(person, MINE).rule == "agency.own_only"
    error = raised(NotPermitted, p.people.permit_own, person, THEIRS)
    assert error.rule == "agency.own_only"
    assert p.people.permit_other(person, OTHER, said="no").rule == "same_person"
    error = raised(SamePerson, p.people.permit_other, person, ME, said="Somebody else decides.")
    assert error.detail == "Somebody else decides."
    assert error.rule == "same_person"


def the_words_are_the_products(p):
    """Compare the names of roles and scopes, and the shape of an actor."""
    assert {str(role) for role in p.people.Role} == set(ROLES.values())
    wanted = {"read", "enrol", "cases", "search", "manage", "audit"}
    assert {str(scope) for scope in p.people.Scope} == wanted
    bare = p.people.Actor(person=ME, agency=MINE)
    assert (bare.roles, bare.certified_until) == (frozenset(), None)
    assert (bare.scopes, bare.stepped_up_at) == (None, None)
    assert date(2026, 5, 4) == TODAY


TABLES = (
    the_table_is_the_products,
    every_role_does_its_deeds_and_no_others,
    a_refusal_lists_roles_in_words,
    a_proof_lasts_five_minutes,
    a_certificate_is_in_date,
    the_system_has_no_roles,
    roles_exclude_each_other,
    training_gates_sign_in,
    only_ones_own_agency_and_never_oneself,
    the_words_are_the_products,
)
