"""Every screen there is: no axe finding, no refused resource, no sideways scroll; and none is forgotten."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
from browser import whole_world
from browser.whole_world import ASKER
from django.urls import get_resolver
from factories import make_gallery

from countenance.apps.agencies import providers, queries
from countenance.policy import Role
from countenance.web import wiring
from countenance.web.access import ACCESS

LOOKS = [("light", 1440), ("dark", 390)]
OTHER_LOOKS = [("dark", 1440), ("light", 390)]
CUSTODIAN, COORDINATOR, STEWARD = str(Role.CUSTODIAN), str(Role.COORDINATOR), str(Role.STEWARD)
EXAMINER, SUPERVISOR, AUDITOR = str(Role.EXAMINER), str(Role.SUPERVISOR), str(Role.AUDITOR)
NOBODY = "nobody"


@dataclass(frozen=True)
class Screen:
    """Who looks at a page; of some routes there is more than one, and each has a name of its own."""

    who: str
    route: str = ""
    main: bool = False


SCREENS: dict[str, Screen] = {
    # Before anybody has signed in.
    "sign_in": Screen(NOBODY, main=True),
    "invitation": Screen(NOBODY),
    "provider_code": Screen(NOBODY),
    # Everybody's own.
    "account": Screen(EXAMINER, main=True),
    "account_new": Screen("no role", "account"),
    "step_up": Screen(ASKER),
    "passkey_new": Screen(ASKER),
    "app_new": Screen(ASKER),
    "factor_remove": Screen(ASKER),
    "recovery_codes_new": Screen(ASKER),
    "password_change": Screen(ASKER),
    "token_new": Screen(ASKER),
    "provider_link": Screen(ASKER),
    # What waits.
    "inbox": Screen(ASKER, main=True),
    "inbox_supervisor": Screen(SUPERVISOR, "inbox", main=True),
    "inbox_empty": Screen("member of the case", "inbox"),
    # Cases, evidence, searches.
    "cases": Screen(ASKER, main=True),
    "cases_examiner": Screen(EXAMINER, "cases"),
    "case": Screen(ASKER, main=True),
    "case_declined": Screen(ASKER, "case"),
    "case_examiner": Screen(EXAMINER, "case"),
    "case_supervisor": Screen(SUPERVISOR, "case"),
    "case_new": Screen(ASKER),
    "case_close": Screen(ASKER),
    "case_bundle": Screen(SUPERVISOR),
    "case_hold": Screen(SUPERVISOR),
    "case_held": Screen(SUPERVISOR, "case"),
    "case_release": Screen(SUPERVISOR),
    "case_erasable": Screen(SUPERVISOR, "case"),
    "case_erasure_asked": Screen(SUPERVISOR, "case"),
    "case_erase": Screen(SUPERVISOR),
    "approval_erasure": Screen(AUDITOR, "approval"),
    "case_erased": Screen(SUPERVISOR),
    "case_erased_early": Screen(SUPERVISOR, "case"),
    "certificate_erased": Screen(AUDITOR, "certificate"),
    "evidence_certificate_erased": Screen(AUDITOR, "evidence_certificate"),
    "case_ended": Screen(AUDITOR, "case"),
    "evidence_certificate": Screen(AUDITOR),
    "case_authority": Screen(ASKER),
    "case_members": Screen(ASKER),
    "case_widen": Screen(ASKER),
    "case_widened": Screen(ASKER),
    "search_new": Screen(ASKER),
    "probe": Screen(EXAMINER, main=True),
    "probe_asked": Screen(ASKER, "probe"),
    "probe_free": Screen(ASKER, "probe"),
    "footage_new": Screen(ASKER),
    "footage": Screen(ASKER, main=True),
    "footage_examiner": Screen(EXAMINER, "footage"),
    "footage_waiting": Screen(ASKER, "footage"),
    "footage_stopped": Screen(ASKER, "footage"),
    "requests": Screen(EXAMINER, main=True),
    "request_decline": Screen(EXAMINER),
    "searches": Screen(EXAMINER),
    "searches_asker": Screen(ASKER, "searches"),
    "search": Screen(EXAMINER, main=True),
    "search_examined": Screen(EXAMINER, "search", main=True),
    "search_close": Screen(SUPERVISOR),
    "search_to_decide": Screen(SUPERVISOR, "search", main=True),
    "search_close_examined": Screen(SUPERVISOR, "search_close"),
    "search_closed": Screen(AUDITOR, "search"),
    "search_closed_asker": Screen(ASKER, "search"),
    "consolidation": Screen(EXAMINER, main=True),
    "consolidation_third": Screen(AUDITOR, "consolidation", main=True),
    # Examinations.
    "examinations": Screen(EXAMINER, main=True),
    "examination": Screen(EXAMINER, main=True),
    "examination_recorded": Screen(EXAMINER, "examination"),
    "examination_end": Screen(EXAMINER),
    "comparison": Screen(EXAMINER, main=True),
    "conclusion_follow": Screen(EXAMINER),
    "controls": Screen(AUDITOR),
    # Leads.
    "leads": Screen(ASKER),
    "lead": Screen(ASKER, main=True),
    "lead_auditor": Screen(AUDITOR, "lead"),
    "lead_destroyed": Screen(AUDITOR, "lead"),
    "lead_photo": Screen(ASKER),
    "lead_outcome": Screen(ASKER),
    "lead_evidence": Screen(ASKER),
    "lead_release": Screen(SUPERVISOR),
    "lead_withdraw": Screen(SUPERVISOR),
    "consolidation_supervisor": Screen(SUPERVISOR, "consolidation"),
    "search_asker": Screen(ASKER, "search"),
    "search_purged": Screen(EXAMINER, "search"),
    "certificate": Screen(AUDITOR),
    # Authorities.
    "authorities": Screen(SUPERVISOR),
    "authority": Screen(SUPERVISOR, main=True),
    "authority_waiting": Screen(SUPERVISOR, "authority"),
    "authority_asker": Screen(ASKER, "authority"),
    "authority_attach": Screen(ASKER),
    "authority_new": Screen(ASKER),
    "authority_revoke": Screen(SUPERVISOR),
    # Galleries, sources, photos.
    "galleries": Screen(STEWARD, main=True),
    "galleries_examiner": Screen(EXAMINER, "galleries"),
    "gallery": Screen(STEWARD, main=True),
    "gallery_measured": Screen(EXAMINER, "gallery"),
    "gallery_evaluations": Screen(STEWARD, main=True),
    "gallery_evaluations_examiner": Screen(EXAMINER, "gallery_evaluations"),
    "gallery_point": Screen(STEWARD, main=True),
    "evaluation": Screen(AUDITOR, main=True),
    "evaluation_selftest": Screen(STEWARD, "evaluation"),
    "point_carry_out": Screen(STEWARD),
    "gallery_new": Screen(STEWARD),
    "gallery_terms": Screen(STEWARD),
    "gallery_grant": Screen(STEWARD),
    "gallery_for_case": Screen(ASKER),
    "grant_end": Screen(STEWARD),
    "enrol": Screen(STEWARD),
    "enrol_large": Screen(STEWARD),
    "enrolment": Screen(STEWARD),
    "source": Screen(STEWARD),
    "source_new": Screen(STEWARD),
    "source_remove": Screen(STEWARD),
    "retention_extend": Screen(STEWARD),
    "erasure_certificate": Screen(STEWARD),
    "photo": Screen(STEWARD),
    "photo_remove": Screen(STEWARD),
    "subject_remove": Screen(STEWARD),
    "carry_out": Screen(STEWARD),
    # Approvals.
    "approvals": Screen(SUPERVISOR, main=True),
    "approval": Screen(SUPERVISOR, main=True),
    "approval_approved": Screen(STEWARD, "approval"),
    "approval_point": Screen(SUPERVISOR, "approval"),
    "approval_withdraw": Screen(ASKER),
    "glass_break": Screen(SUPERVISOR),
    # People and agencies.
    "people": Screen(COORDINATOR, main=True),
    "people_auditor": Screen(AUDITOR, "people"),
    "person": Screen(COORDINATOR),
    "person_new": Screen(COORDINATOR, "person"),
    "person_invite": Screen(COORDINATOR),
    "person_roles": Screen(COORDINATOR),
    "person_training": Screen(COORDINATOR),
    "person_suspend": Screen(COORDINATOR),
    "person_restore": Screen(COORDINATOR),
    "person_reinvite": Screen(COORDINATOR),
    "person_carry_out": Screen(COORDINATOR),
    "provider": Screen(COORDINATOR),
    "provider_remove": Screen(COORDINATOR),
    "invitation_withdraw": Screen(COORDINATOR),
    "agencies": Screen(CUSTODIAN, main=True),
    "agency": Screen(CUSTODIAN),
    "agency_new": Screen(CUSTODIAN),
    "agency_change": Screen(CUSTODIAN),
    "agency_suspend": Screen(CUSTODIAN),
    "agency_restore": Screen(CUSTODIAN),
    "agency_invite": Screen(CUSTODIAN),
    # Oversight.
    "ledger": Screen(AUDITOR, main=True),
    "ledger_coordinator": Screen(COORDINATOR, "ledger"),
    "ledger_export": Screen(AUDITOR),
}
LATER = {"glass_review", "provider_callback", "provider_link_confirm", "set_up", "unseal"}
"""What needs more than its address, or changes every other page, so it is looked at last."""
NO_SCREENS = {
    "health": "answers JSON",
    "home": "goes on to the page where somebody's work begins, which is looked at itself",
    "provider_start": "goes on to the provider of somebody's organisation",
    "provider_link_start": "goes on to the provider of somebody's organisation",
    "sign_in_passkey": "answers scripts, which post to it",
    "invitation_passkey": "answers scripts, which post to it",
    "authority_document": "a download",
    "vetting_document": "a download",
    "certificate_json": "a download",
    "certificate_paper": "a download",
    "erasure_certificate_json": "a download",
    "erasure_certificate_paper": "a download",
    "evidence_certificate_json": "a download",
    "evidence_certificate_paper": "a download",
    "evaluation_json": "a download",
    "evaluation_report": "a download",
    "rejects": "a download",
    "probe_image": "a picture",
    "footage_face": "a picture",
    "photo_image": "a picture",
    "examination_probe": "a picture",
    "lead_image": "a picture",
    "comparison_photo": "a picture",
    "consolidation_photo": "a picture",
    "face_crop": "a picture",
}


def parameters():
    """Return every route with the names of what its address takes."""
    found = get_resolver().url_patterns
    return {one.name: re.findall(r"<\w+:(\w+)>", str(one.pattern)) for one in found}


def test_no_screen_is_forgotten():
    looked_at = {screen.route or name for name, screen in SCREENS.items()} | LATER
    answers_get = {
        route for route, access in ACCESS.items() if access.read or access.open_to_strangers
    }
    assert looked_at | set(NO_SCREENS) == answers_get
    assert not looked_at & set(NO_SCREENS)


class Round:
    """Goes from screen to screen and keeps what is wrong."""

    def __init__(self, desk, world):
        self.desk, self.world, self.takes = desk, world, parameters()
        self.wrong, self.who = [], None

    def become(self, who):
        if who != self.who:
            self.desk.page.context.clear_cookies()
            self.who = who
            if who != NOBODY:
                self.desk.sign_in(self.world.people[who])

    def look(self, name, screen, looks):
        self.become(screen.who)
        route = screen.route or name
        path = self.world.path(name, route, self.takes[route])
        answer = self.desk.page.goto(self.desk.site.url + path)
        if answer.status != 200 or self.desk.page.get_by_role("heading", level=1).count() != 1:
            self.wrong.append(f"{name}: status {answer.status}, {self.desk.heading()}")
        if screen.who != NOBODY and "Demonstration keys" not in self.desk.page.inner_text("body"):
            self.wrong.append(f"{name}: does not say that its keys are for demonstration")
        self.as_shown(name, looks)

    def as_shown(self, name, looks):
        for scheme, width in looks:
            self.desk.dress(scheme, width)
            self.wrong += self.desk.look(name, scheme, width)


@pytest.mark.timeout(900)
def test_every_screen_is_accessible_and_fits(make_desk, site, monkeypatch):
    on, desk = site.deployment, make_desk()
    world = whole_world.build(on)
    rounds = Round(desk, world)
    for name, screen in sorted(SCREENS.items(), key=lambda pair: pair[1].who):
        rounds.look(name, screen, LOOKS + OTHER_LOOKS if screen.main else LOOKS)
    # The last step of a search has no address of its own.
    rounds.become(EXAMINER)
    desk.go(world.path("probe", "probe", ["probe_id"]))
    desk.press("Check before searching")
    rounds.as_shown("search_check", LOOKS)
    # A form that came back, with everything that is missing said.
    rounds.become(STEWARD)
    desk.go("/sources/new/")
    desk.page.locator("main form").evaluate("form => { form.noValidate = true; }")
    desk.press("Register the source")
    desk.page.get_by_role("alert").wait_for()
    rounds.as_shown("form_errors", LOOKS)
    desk.go("/no/such/page/")
    rounds.as_shown("not_found", LOOKS)
    desk.go("/agencies/")
    rounds.as_shown("not_permitted", LOOKS)
    found = SimpleNamespace(issuer="https://login.example.org", name="Ivo Investigator")
    monkeypatch.setattr(providers, "found", lambda *_, **__: found)
    rounds.look("provider_link_confirm", Screen(ASKER), LOOKS)
    rounds.become(NOBODY)
    desk.go("/sign-in/callback/")
    rounds.as_shown("provider_callback", LOOKS)
    world.more["glass_review"] = {"approval_id": whole_world.break_glass(on, world).pk}
    rounds.look("glass_review", Screen(AUDITOR), LOOKS)
    monkeypatch.setattr(queries, "admitted", list)
    rounds.look("set_up", Screen(CUSTODIAN), LOOKS)
    wiring.seal()
    desk.go("/anything/")
    assert desk.heading() == "Countenance is sealed"
    rounds.as_shown("unseal", LOOKS)
    assert rounds.wrong == []


@pytest.mark.timeout(400)
def test_every_list_is_accessible_and_says_the_next_step_when_there_is_nothing_yet(make_desk, site):
    on, desk = site.deployment, make_desk()
    everybody = whole_world.newcomers(on)
    steward = replace(everybody[STEWARD].actor, stepped_up_at=on.tools.clock())
    gallery = make_gallery(replace(on, actor=steward))
    rounds = Round(desk, whole_world.World(everybody, {"gallery_id": gallery.pk}))
    for name, route, who, said in (
        ("cases", "cases", "investigator", "A case begins with"),
        ("cases_examiner", "cases", EXAMINER, "An investigator opens"),
        ("searches", "searches", EXAMINER, "No search has been run"),
        ("requests", "requests", EXAMINER, "An investigator asks"),
        ("authorities", "authorities", SUPERVISOR, "proposes them"),
        ("approvals", "approvals", SUPERVISOR, "Nothing waits on you"),
        ("gallery", "gallery", STEWARD, ""),
        ("enrol", "enrol", STEWARD, ""),
        ("galleries", "galleries", EXAMINER, ""),
        ("people", "people", COORDINATOR, "No invitation is pending"),
    ):
        rounds.look(f"empty_{name}", Screen(who, route), LOOKS)
        assert said in desk.page.inner_text("main"), name
    assert rounds.wrong == []


def test_the_foot_says_who_and_the_last_receipt(desk):
    desk.go("/ledger/")
    foot = desk.page.locator("footer").inner_text()
    assert "Signed in as Test Person" in foot
    assert "receipt" in foot
    newest = desk.page.locator("tbody tr").first.inner_text()
    assert foot.split("receipt ")[1].split(",")[0] in newest


def test_the_skip_link_leads_past_the_navigation(desk):
    desk.page.keyboard.press("Tab")
    assert desk.page.evaluate("document.activeElement.textContent") == "Skip to content"
    desk.page.keyboard.press("Enter")
    desk.page.wait_for_url("**/#main")


def test_the_tests_would_see_a_refused_style_and_an_inaccessible_page(desk):
    desk.go("/")
    assert desk.axe() == []
    desk.page.evaluate("""() => {
      const style = document.createElement("style");
      style.textContent = "body { color: inherit }";
      document.head.append(style);
      document.querySelector("main").append(document.createElement("img"), document.createElement("select"));
      const lazy = document.createElement("img");
      lazy.loading = "lazy"; lazy.alt = "Far below"; lazy.src = "/no/such/picture/";
      lazy.style.marginTop = "9000px";
      document.querySelector("main").append(lazy);
    }""")
    desk.picture("fetched")
    for _ in range(1000):  # each is told of by a message of its own
        if desk.violations and len(desk.faults) > 1:
            break
        desk.page.wait_for_timeout(20)
    assert any("style-src" in one for one in desk.violations)
    assert any("Content Security Policy" in one for one in desk.faults)
    assert any("404" in one and "picture" in one for one in desk.faults)
    assert {finding.split(":")[0] for finding in desk.axe()} >= {"image-alt", "select-name"}
    desk.violations.clear()
    desk.faults.clear()
