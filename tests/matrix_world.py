"""Two agencies, a person for each role, and one real object of every kind in each agency."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import factories
import lifelike
from django.conf import settings as django_settings
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest
from examining import begin, examine

from countenance.apps.agencies import inviting, sessions, tokens
from countenance.apps.agencies import services as agencies
from countenance.apps.agencies.models import Agency, Factor, Person, SignInSession
from countenance.apps.approvals import exporting
from countenance.apps.approvals import services as approvals
from countenance.apps.cases import services as cases
from countenance.apps.cases.models import Case
from countenance.apps.galleries import grants
from countenance.apps.galleries import services as galleries
from countenance.apps.galleries.models import Face, Photo, Subject
from countenance.apps.leads import services as leads
from countenance.apps.leads.models import Lead
from countenance.apps.searches import footage
from countenance.apps.searches.footage_rows import Footage
from countenance.apps.searches.models import SearchRequest
from countenance.examination.scale import Conclusion
from countenance.policy import SYSTEM, Actor, Role, Scope, SearchKind
from countenance.policy.approvals import ApprovalKind
from countenance.testing import FakeEngine

LATE = "2199-12-31"
SEVERAL = "coordinator, steward and supervisor"
NO_ROLE = "no role"
MEMBER = "member of the case"
"""An investigator whom the case concerns; the one who is only called that belongs to none."""
PEOPLE: dict[str, set[Role]] = {
    **{str(role): {role} for role in Role},
    NO_ROLE: set(),
    MEMBER: {Role.INVESTIGATOR},
    SEVERAL: {Role.COORDINATOR, Role.STEWARD, Role.SUPERVISOR},
}


@dataclass
class World:
    """What the matrix needs: people of agency A by role, ids of its objects and of B's."""

    on: Any
    people: dict[str, Person]
    own: dict[str, Any]
    others: dict[str, Any]

    def ids(self, route: str, *, own: bool) -> dict[str, Any]:
        """Return the ids that a route takes; of some kinds there is another one for some routes."""
        ids = self.own if own else self.others
        return ids | ids[INSTEAD].get(route, {})

    def key(self, person: Person, *, stepped_up: bool = True, recovery: bool = False) -> str:
        """Return the cookie of a new session."""
        request = HttpRequest()
        request.session = sessions.SessionStore()
        login(request, person, backend=django_settings.AUTHENTICATION_BACKENDS[0])
        if stepped_up:
            sessions.stepped_up(request.session, self.on.tools.clock())
        if recovery:
            request.session[sessions.RECOVERY] = True
        request.session.save()
        return str(request.session.session_key)


def build(deployment: Any) -> World:
    """Make the world."""
    tools = deployment.tools
    custodial = agencies.admit_agency(
        SYSTEM, name="Custodians", listed=False, custodial=True, tools=tools
    )
    people = {
        name: _person(
            custodial if Role.CUSTODIAN in roles else deployment.agency, name, roles, tools
        )
        for name, roles in PEOPLE.items()
    }
    stranger = factories.other_agency(deployment)
    other = SimpleNamespace(
        tools=tools,
        actor=stranger,
        agency=Agency.objects.get(pk=stranger.agency),
        person=Person.objects.select_related("agency").get(pk=stranger.person),
        examiner=_actor(stranger, Role.EXAMINER, tools),
        supervisor=_actor(stranger, Role.SUPERVISOR, tools),
    )
    third = agencies.admit_agency(SYSTEM, name="Third agency", tools=tools)
    made = World(deployment, people, {}, {})
    made.own = _objects(made, deployment, third, examiner=_now(people[str(Role.EXAMINER)], tools))
    cases.change_members(
        deployment.actor,
        case=Case.objects.get(pk=made.own["case_id"]),
        members=[people[MEMBER].pk],
        tools=tools,
    )
    made.others = _objects(made, other, third, examiner=other.examiner)
    return made


def _person(agency: Any, name: str, roles: set[Role], tools: Any) -> Person:
    person = agencies.add_person(
        SYSTEM,
        agency=agency,
        name=name,
        email=f"{uuid4().hex}@example.org",
        password=None,
        roles=roles,
        tools=tools,
    )
    person.standing |= {"trained_until": LATE, "certified_until": LATE}
    person.save()
    return Person.objects.select_related("agency").get(pk=person.pk)


def _actor(of: Any, role: Role, tools: Any) -> Any:
    return _now(_person(Agency.objects.get(pk=of.agency), f"Other {role}", {role}, tools), tools)


def _now(person: Person, tools: Any) -> Actor:
    """Return somebody who proved just now who they are."""
    return replace(person.actor, stepped_up_at=tools.clock())


INSTEAD = "instead"
"""Under this name the ids are that single routes take instead."""
PARTS = {"rank": 1, "which": "probe", "letter": "A", "number": 1}
"""What routes say of a part of something rather than by an id."""


def _objects(world: World, on: Any, third: Any, *, examiner: Actor) -> dict[str, Any]:
    """Return the id of one object of each kind, by the names that routes give them.

    Args:
        world: what they are part of.
        on: somebody of the agency whose they are.
        third: another agency, to which a gallery is granted.
        examiner: whose the examinations are.
    """
    tools = on.tools
    source = factories.make_source(on)
    gallery = factories.make_gallery(on)
    run = factories.enrol(on, gallery, source, factories.people(["anna", "ben"]))
    case = factories.make_case(on)
    search = factories.search(on, case, [gallery], FakeEngine.photo("anna", shot=9))
    probe = factories.ask(on, case, [gallery], FakeEngine.photo("ben", shot=9))
    case.refresh_from_db()
    photo = Photo.objects.filter(gallery=gallery).first()
    assert photo is not None
    approval = exporting.ask_for_bodies(
        on.actor, reason="The court of Ourtown ordered it on 3 May", tools=tools
    )
    face = Face.objects.filter(gallery=gallery).first()
    request = SearchRequest.objects.filter(probe=probe).first()
    assert face is not None
    assert request is not None
    return {
        **_account(world, on),
        **_examinations(on, search, examiner),
        INSTEAD: _begun(on, case, gallery, examiner),
        "lead_id": _lead(on, case, gallery).pk,
        **PARTS,
        "source_id": source.pk,
        "erased_id": _erased(on),
        "gallery_id": gallery.pk,
        "evaluation_id": _evaluation(on, gallery),
        "run_id": run.pk,
        "photo_id": photo.pk,
        "subject_id": Subject.objects.filter(gallery=gallery).values_list("pk", flat=True)[0],
        "face_id": face.pk,
        "grant_id": grant_to(on, gallery, third),
        "case_id": case.pk,
        "authority_id": case.authority_id,
        "probe_id": probe.pk,
        "footage_id": _footage(on, case).pk,
        "request_id": request.pk,
        "search_id": search.pk,
        "approval_id": approval.pk,
        "document_id": uuid4(),
    }


def _erased(on: Any) -> UUID:
    """Remove a source, and return the id under which its certificate is found."""
    source = factories.make_source(on, "To be erased")
    galleries.remove_source(
        on.actor, source=source, reason="Its owner asked for it", tools=on.tools
    )
    return UUID(str(source.pk))


def _evaluation(on: Any, gallery: Any) -> UUID:
    """Measure a gallery and return the evaluation's id; nothing is searched differently for it."""
    found = lifelike.trials(on.tools.engine.model, people=40, groups=False)
    return lifelike.evaluated(on, gallery, found=found).pk


def _account(world: World, on: Any) -> dict[str, Any]:
    """Return the ids of somebody, of all that an account has, and of an invitation."""
    tools = on.tools
    invitation, secret = inviting.invite_person(
        on.actor, name="Nina New", email=f"{uuid4().hex}@example.org", tools=tools
    )
    world.key(on.person)
    token, _ = tokens.make_token(
        on.actor, name="t", scopes=[Scope.READ], lasts=timedelta(days=1), tools=tools
    )
    factories.give_app(on.person, tools)
    session = SignInSession.objects.filter(person=on.person).first()
    assert session is not None
    return {
        "agency_id": on.actor.agency,
        "person_id": on.person.pk,
        "invitation_id": invitation.pk,
        "secret": secret,
        "session_id": session.pk,
        "token_id": token.pk,
        "factor_id": Factor.objects.get(person=on.person).pk,
    }


def _footage(on: Any, case: Any) -> Footage:
    """Add a video to a case and look through it."""
    data = FakeEngine.video("anna", "ben")
    one = footage.add_footage(
        on.actor, case=case, upload=data, file_name="shop.mp4", tools=on.tools
    )
    return footage.look_through(on.actor, footage=one, tools=on.tools)


def _lead(on: Any, case: Any, gallery: Any) -> Lead:
    """Release a lead of a search that two people who are nobody of the matrix examined."""
    found = factories.search(on, case, [gallery], FakeEngine.photo("anna", shot=12))
    for _ in range(2):
        examine(
            factories.acting(on, Role.EXAMINER),
            found,
            tools=on.tools,
            concluding=lambda _: Conclusion.SAME,
        )
    found.refresh_from_db()
    return leads.release_lead(
        factories.acting(on, Role.SUPERVISOR),
        search=found,
        subject=UUID(found.outcome["candidates"][0]["subject"]),
        tools=on.tools,
    )


def _examinations(on: Any, search: Any, examiner: Actor) -> dict[str, Any]:
    """Have a search examined by this examiner and another, who agree; return the first one's ids."""
    for one in (examiner, factories.acting(on, Role.EXAMINER)):
        examine(one, search, tools=on.tools, concluding=lambda _: Conclusion.SAME)
    mine = search.examinations.get(examiner_id=examiner.person)
    row = next(one for one in mine.comparisons.all() if one.about["letter"] == PARTS["letter"])
    return {"examination_id": mine.pk, "comparison_id": row.pk}


def _begun(on: Any, case: Any, gallery: Any, examiner: Actor) -> dict[str, dict[str, Any]]:
    """Let this examiner run searches, and begin to examine one; return which routes are about these."""
    fresh, open_ = (
        factories.search(
            SimpleNamespace(**{**vars(on), "examiner": examiner}),
            case,
            [gallery],
            FakeEngine.photo("anna", shot=shot),
        )
        for shot in (21, 22)
    )
    begun = begin(examiner, search=open_, tools=on.tools)
    return {
        "search_examine": {"search_id": fresh.pk},
        "search_close": {"search_id": fresh.pk},
        "examination_end": {"examination_id": begun.pk},
    }


def grant_to(on: Any, gallery: Any, grantee: Any) -> UUID:
    """Grant a gallery to another agency, as a second person agreed, and return the id of the grant."""
    wanted: dict[str, Any] = {"kinds": [SearchKind.MISSING], "until": date(2199, 12, 31)}
    asked = approvals.ask(
        on.actor,
        kind=ApprovalKind.GALLERY_GRANT,
        subject=gallery.pk,
        summary="Grant it",
        payload=grants.payload(gallery=gallery, grantee=grantee.pk, **wanted),
        reason="They look for the same missing people as we do",
        tools=on.tools,
    )
    approvals.decide(
        on.supervisor,
        approval=asked,
        approve=True,
        reason="They look for the same missing people",
        tools=on.tools,
    )
    return grants.grant_gallery(
        on.actor, gallery=gallery, grantee=grantee, **wanted, tools=on.tools
    ).pk


@contextmanager
def undone() -> Iterator[None]:
    """Undo whatever is written within, also what services commit."""
    block = transaction.atomic()
    block._from_testcase = True  # as Django's own tests do, so that services may begin within
    with block:
        yield
        transaction.set_rollback(True)
