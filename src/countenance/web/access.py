"""Who may ask for which page: one line for every route, read by the gate before any view runs.

A route that is missing here is refused. GET and HEAD ask for the `read` deed, POST for the `write`
deed; a method without a deed is not answered, unless the route is open to strangers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from countenance.policy import Actor, Deed, Role, may

SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a route asks for.

    Attributes:
        read: the deed of GET and HEAD.
        write: the deed of POST.
        open_to_strangers: nobody needs to be signed in; the deeds are then not judged.
        account: also for a session that a recovery code began, which may do nothing else.
        consumes_step_up: what it did needs a proof of its own the next time.
        loaded_by_pages: no sign that somebody sits there, so it does not put off the idle lock.
    """

    read: Deed | None = None
    write: Deed | None = None
    open_to_strangers: bool = False
    account: bool = False
    consumes_step_up: bool = False
    loaded_by_pages: bool = False

    def deed(self, method: str | None) -> Deed | None:
        """Return what this method asks for; None: it is not answered."""
        if method in SAFE:
            return self.read
        return self.write if method == "POST" else None

    @property
    def methods(self) -> list[str]:
        """Return the methods that are answered."""
        read = [] if self.read is None else sorted(SAFE)
        return read if self.write is None else [*read, "POST"]


def _form(deed: Deed, *, consumes_step_up: bool = False) -> Access:
    """Return the access of a form: whoever may not send it does not see it either."""
    return Access(read=deed, write=deed, consumes_step_up=consumes_step_up)


def _page(deed: Deed) -> Access:
    return Access(read=deed)


def _image(deed: Deed) -> Access:
    return Access(read=deed, loaded_by_pages=True)


_OPEN = Access(open_to_strangers=True)
_ACCOUNT = Access(read=Deed.OWN_ACCOUNT, write=Deed.OWN_ACCOUNT, account=True)

ACCESS: Mapping[str, Access] = {
    "health": _OPEN,
    "unseal": _OPEN,
    "sign_in": _OPEN,
    "sign_in_passkey": _OPEN,
    "provider_code": _OPEN,
    "provider_start": _OPEN,
    "provider_callback": _OPEN,
    "sign_out": Access(write=Deed.OWN_ACCOUNT, account=True),
    "step_up": _ACCOUNT,
    "step_up_passkey": Access(write=Deed.OWN_ACCOUNT, account=True),
    "invitation": _OPEN,
    "invitation_passkey": _OPEN,
    "account": Access(read=Deed.OWN_ACCOUNT, account=True),
    "passkey_new": _ACCOUNT,
    "passkey_options": Access(write=Deed.OWN_ACCOUNT, account=True),
    "app_new": _ACCOUNT,
    "factor_remove": _ACCOUNT,
    "recovery_codes_new": _ACCOUNT,
    "password_change": _ACCOUNT,
    "session_end": Access(write=Deed.OWN_ACCOUNT, account=True),
    "sessions_end": Access(write=Deed.OWN_ACCOUNT, account=True),
    "token_new": _form(Deed.TOKEN_MAKE),
    "token_revoke": Access(write=Deed.OWN_ACCOUNT, account=True),
    "notices_change": Access(write=Deed.OWN_ACCOUNT),
    "provider_link": Access(read=Deed.OWN_ACCOUNT),
    "provider_link_start": Access(read=Deed.OWN_ACCOUNT),
    "provider_link_confirm": _form(Deed.TOKEN_MAKE),
    "provider_unlink": Access(write=Deed.OWN_ACCOUNT, account=True),
    "home": Access(read=Deed.OWN_ACCOUNT, account=True),
    "inbox": _page(Deed.INBOX_READ),
    "cases": _page(Deed.CASE_READ),
    "case_new": _form(Deed.CASE_OPEN),
    "case": _page(Deed.CASE_READ),
    "case_close": _form(Deed.CASE_CLOSE),
    "case_authority": _form(Deed.CASE_OPEN),
    "case_members": _form(Deed.CASE_MEMBERS),
    "case_bundle": _form(Deed.BUNDLE_EXPORT, consumes_step_up=True),
    "case_hold": _form(Deed.CASE_HOLD),
    "case_release": _form(Deed.CASE_HOLD),
    "case_erase": _form(Deed.CASE_ERASE),
    "case_erased": _form(Deed.CASE_ERASE),
    "evidence_certificate": _page(Deed.CASE_READ),
    "evidence_certificate_json": _page(Deed.CASE_READ),
    "evidence_certificate_paper": _page(Deed.CASE_READ),
    "case_widen": _form(Deed.CASE_WIDEN),
    "case_widened": _form(Deed.CASE_WIDEN),
    "authorities": _page(Deed.AUTHORITY_READ),
    "authority_new": _form(Deed.AUTHORITY_PROPOSE),
    "authority": _page(Deed.AUTHORITY_READ),
    "authority_decide": Access(write=Deed.AUTHORITY_DECIDE),
    "authority_document": _page(Deed.AUTHORITY_READ),
    "authority_attach": _form(Deed.AUTHORITY_PROPOSE),
    "authority_revoke": _form(Deed.AUTHORITY_REVOKE),
    "search_new": _form(Deed.EVIDENCE_ADD),
    # Sent by an examiner who goes back from the check, so that what was filled in is kept.
    "probe": _form(Deed.EVIDENCE_VIEW),
    "probe_image": _image(Deed.EVIDENCE_VIEW),
    "probe_derive": Access(write=Deed.EVIDENCE_DERIVE),
    "probe_mark": Access(write=Deed.EVIDENCE_DERIVE),
    "probe_unmark": Access(write=Deed.EVIDENCE_DERIVE),
    "footage_new": _form(Deed.EVIDENCE_ADD),
    "footage": _page(Deed.EVIDENCE_VIEW),
    "footage_face": _image(Deed.EVIDENCE_VIEW),
    "footage_cancel": Access(write=Deed.EVIDENCE_ADD),
    "footage_use": Access(write=Deed.EVIDENCE_ADD),
    "search_ask": Access(write=Deed.SEARCH_ASK),
    "requests": _page(Deed.SEARCH_DECLINE),
    "request_decline": _form(Deed.SEARCH_DECLINE),
    "request_withdraw": Access(write=Deed.SEARCH_ASK),
    "search_check": Access(write=Deed.SEARCH_RUN),
    "search_run": Access(write=Deed.SEARCH_RUN, consumes_step_up=True),
    "searches": _page(Deed.SEARCH_READ),
    "search": _page(Deed.SEARCH_READ),
    "certificate": _page(Deed.SEARCH_READ),
    "certificate_json": _page(Deed.SEARCH_READ),
    "certificate_paper": _page(Deed.SEARCH_READ),
    "search_purge": Access(write=Deed.SEARCH_PURGE),
    "search_examine": Access(write=Deed.EXAMINE),
    "search_close": _form(Deed.SEARCH_CLOSE),
    "consolidation": _page(Deed.EXAMINATIONS_READ),
    "consolidation_photo": _image(Deed.EXAMINATIONS_READ),
    "lead_release": _form(Deed.LEAD_RELEASE),
    "lead_withdraw": _form(Deed.LEAD_WITHDRAW),
    "leads": _page(Deed.LEAD_READ),
    "lead": _page(Deed.LEAD_READ),
    "lead_image": _image(Deed.LEAD_READ),
    "lead_report": Access(write=Deed.LEAD_EXPORT),
    "lead_photo": _form(Deed.LEAD_EXPORT),
    "lead_outcome": _form(Deed.LEAD_OUTCOME),
    "lead_evidence": _form(Deed.LEAD_OUTCOME),
    "examinations": _page(Deed.EXAMINE),
    "examination_next": Access(write=Deed.EXAMINE),
    "controls": _page(Deed.CONTROLS_READ),
    "examination": _form(Deed.EXAMINE),
    "examination_end": _form(Deed.EXAMINE),
    "examination_probe": _image(Deed.EXAMINE),
    "conclusion_follow": _form(Deed.EXAMINE),
    "comparison": _form(Deed.EXAMINE),
    "comparison_photo": _image(Deed.EXAMINE),
    "galleries": _page(Deed.GALLERY_READ),
    "gallery_new": _form(Deed.GALLERY_CREATE),
    "gallery": _page(Deed.GALLERY_READ),
    "gallery_evaluations": _page(Deed.EVALUATION_READ),
    "gallery_evaluate": Access(write=Deed.EVALUATE),
    "gallery_point": _form(Deed.POINT_SET),
    "evaluation": _page(Deed.EVALUATION_READ),
    "evaluation_json": _page(Deed.EVALUATION_READ),
    "evaluation_report": _page(Deed.EVALUATION_READ),
    "point_carry_out": _form(Deed.POINT_SET),
    "enrol": _form(Deed.ENROL),
    "gallery_terms": _form(Deed.GALLERY_TERMS),
    "gallery_grant": _form(Deed.GALLERY_GRANT),
    "enrol_large": _form(Deed.ENROL),
    "gallery_for_case": Access(read=Deed.CASE_READ, write=Deed.APPROVAL_ASK),
    "grant_end": _form(Deed.GALLERY_GRANT),
    "enrolment": _page(Deed.GALLERY_READ),
    "rejects": _page(Deed.GALLERY_READ),
    "source_new": _form(Deed.SOURCE_REGISTER),
    "source": _page(Deed.SOURCE_READ),
    "source_remove": _form(Deed.SOURCE_REMOVE),
    "retention_extend": _form(Deed.RETENTION_EXTEND),
    "erasure_certificate": _page(Deed.SOURCE_READ),
    "erasure_certificate_json": _page(Deed.SOURCE_READ),
    "erasure_certificate_paper": _page(Deed.SOURCE_READ),
    "photo": _page(Deed.PHOTO_VIEW),
    "photo_image": _image(Deed.PHOTO_VIEW),
    "photo_remove": _form(Deed.PHOTO_REMOVE),
    "subject_remove": _form(Deed.PHOTO_REMOVE),
    "face_crop": _image(Deed.PHOTO_VIEW),
    "approvals": _page(Deed.APPROVAL_READ),
    "approval": _page(Deed.APPROVAL_READ),
    "approval_decide": Access(write=Deed.APPROVAL_DECIDE),
    "approval_withdraw": _form(Deed.APPROVAL_ASK),
    # What was approved is a deed of its own, which its service judges.
    "carry_out": Access(read=Deed.APPROVAL_READ, write=Deed.APPROVAL_ASK),
    "glass_break": _form(Deed.GLASS_BREAK),
    "glass_review": _form(Deed.GLASS_REVIEW),
    "people": _page(Deed.PERSON_READ),
    "provider": _form(Deed.OIDC_SET),
    "provider_remove": _form(Deed.OIDC_SET),
    "person_invite": _form(Deed.PERSON_INVITE),
    "person": _page(Deed.PERSON_READ),
    "person_roles": _form(Deed.ROLES_CHANGE),
    "person_training": _form(Deed.TRAINING_RECORD),
    "person_suspend": _form(Deed.PERSON_SUSPEND),
    "person_restore": _form(Deed.PERSON_SUSPEND),
    "person_reinvite": _form(Deed.PERSON_INVITE),
    "invitation_withdraw": _form(Deed.PERSON_INVITE),
    "person_carry_out": _form(Deed.ROLES_CHANGE),
    "set_up": Access(read=Deed.AGENCY_READ, write=Deed.AGENCY_ADMIT),
    "agencies": _page(Deed.AGENCY_READ),
    "agency_new": _form(Deed.AGENCY_ADMIT),
    "agency": _page(Deed.AGENCY_READ),
    "agency_change": _form(Deed.PACK_CHOOSE),
    "agency_suspend": _form(Deed.AGENCY_SUSPEND),
    "agency_restore": _form(Deed.AGENCY_SUSPEND),
    "agency_invite": _form(Deed.PERSON_INVITE),
    "vetting_document": _page(Deed.AGENCY_READ),
    "ledger": _page(Deed.LEDGER_READ),
    "ledger_export": Access(read=Deed.LEDGER_EXPORT, write=Deed.LEDGER_EXPORT),
}
"""The table, by the names in `web/urls.py`; a test compares them."""

NAV: tuple[tuple[str, str, str], ...] = (
    ("Inbox", "inbox", "inbox"),
    ("Cases", "cases", "cases"),
    ("Requests", "requests", "requests"),
    ("Searches", "searches", "searches"),
    ("Examinations", "examinations", "examinations"),
    ("Leads", "leads", "leads"),
    ("Controls", "controls", "controls"),
    ("Galleries", "galleries", "galleries"),
    ("Authorities", "authorities", "authorities"),
    ("Approvals", "approvals", "approvals"),
    ("People", "people", "people"),
    ("Agencies", "agencies", "agencies"),
    ("Ledger", "ledger", "ledger"),
)
"""The main navigation: words, route, and the section by which a page says where it is."""

FIRST_PAGES: tuple[tuple[Role, str], ...] = (
    (Role.CUSTODIAN, "agencies"),
    *((role, "inbox") for role in Role if role != Role.CUSTODIAN),
)
"""Where somebody's work begins: with what waits, but for the custodian, who waits for nobody of an agency."""

ACCOUNT_PAGE = "account"


def may_read(actor: Actor, route: str) -> bool:
    """Say whether a page should be offered to somebody; the gate judges when it is asked for."""
    access = ACCESS.get(route)
    return access is not None and access.read is not None and may(actor, access.read)


def offered(actor: Actor) -> list[tuple[str, str, str]]:
    """Return the part of the navigation that somebody may read."""
    return [one for one in NAV if may_read(actor, one[1])]


def first_page(actor: Actor) -> str:
    """Return the route of the page on which somebody's work begins; their account before any role."""
    wanted = [route for role, route in FIRST_PAGES if role in actor.roles]
    wanted += [route for _, route, _ in offered(actor)]
    return next((route for route in wanted if may_read(actor, route)), ACCOUNT_PAGE)
