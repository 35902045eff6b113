"""Who may do what, stated once more and apart from the program: what the authorisation matrix expects.

`MAY` is the table of the product's design, role by role. `matrix_routes.ROUTES` says of each page what
reading it and sending it is; nothing here is derived from `web/access.py` or `policy/people.py`.
"""

from __future__ import annotations

from countenance.policy import Role

EVERYBODY = {"account", "token"}
OF_AGENCY = {"inbox", "galleries.read", "approvals.read", "approvals.ask"}

MAY: dict[Role, set[str]] = {
    Role.CUSTODIAN: {
        "agencies.read",
        "agencies.admit",
        "agencies.suspend",
        "people.read",
        "people.invite",
        "people.suspend",
        "ledger.read",
        "ledger.export",
        "witnesses.set",
    },
    Role.COORDINATOR: OF_AGENCY
    | {
        "people.read",
        "people.invite",
        "people.suspend",
        "people.roles",
        "people.provider",
        "authorities.read",
        "authorities.propose",
        "authorities.revoke",
        "approvals.decide",
        "ledger.read",
    },
    Role.STEWARD: OF_AGENCY
    | {
        "sources.read",
        "sources.register",
        "sources.change",
        "galleries.make",
        "galleries.terms",
        "evaluate",
        "evaluations.read",
        "points.set",
        "index.manage",
        "enrol",
        "photos.view",
        "photos.remove",
    },
    Role.INVESTIGATOR: OF_AGENCY
    | {
        "leads.read",
        "leads.export",
        "leads.outcome",
        "authorities.read",
        "authorities.propose",
        "cases.read",
        "cases.open",
        "cases.lead",
        "evidence.add",
        "evidence.view",
        "evidence.derive",
        "search.ask",
        "search.read",
    },
    Role.EXAMINER: OF_AGENCY
    | {
        "evaluations.read",
        "leads.read",
        "authorities.read",
        "cases.read",
        "evidence.view",
        "evidence.derive",
        "search.decline",
        "search.run",
        "search.read",
        "search.close",
        "candidates.view",
        "examine",
        "examinations.read",
        "controls.read",
        "photos.view",
    },
    Role.SUPERVISOR: OF_AGENCY
    | {
        "evaluations.read",
        "leads.read",
        "leads.export",
        "bundles.export",
        "leads.release",
        "leads.withdraw",
        "people.read",
        "authorities.read",
        "authorities.decide",
        "authorities.revoke",
        "approvals.decide",
        "glass.break",
        "sources.read",
        "photos.view",
        "cases.read",
        "cases.lead",
        "evidence.view",
        "search.decline",
        "search.read",
        "search.purge",
        "search.close",
        "candidates.view",
        "examinations.read",
        "cases.hold",
        "cases.erase",
        "ledger.read",
    },
    Role.AUDITOR: OF_AGENCY
    | {
        "evaluations.read",
        "bundles.export",
        "leads.read",
        "people.read",
        "authorities.read",
        "approvals.decide",
        "glass.review",
        "sources.read",
        "cases.read",
        "search.read",
        "examinations.read",
        "controls.read",
        "ledger.read",
        "ledger.export",
    },
}

NEEDS_PROOF = {
    "leads.export",
    "leads.release",
    "leads.withdraw",
    "token",
    "agencies.admit",
    "agencies.suspend",
    "people.invite",
    "people.suspend",
    "people.roles",
    "people.provider",
    "approvals.decide",
    "glass.break",
    "glass.review",
    "authorities.decide",
    "authorities.revoke",
    "sources.change",
    "galleries.terms",
    "index.manage",
    "points.set",
    "search.run",
    "search.purge",
    "bundles.export",
    "cases.hold",
    "cases.erase",
    "ledger.export",
    "witnesses.set",
}
"""What is sent only by somebody who proved within five minutes who they are."""

TRAINED = {Role.STEWARD, Role.INVESTIGATOR, Role.EXAMINER, Role.SUPERVISOR}
"""Whoever works with photos of people does not come in without present training."""

OPEN = {
    "health",
    "unseal",
    "sign_in",
    "sign_in_passkey",
    "provider_code",
    "provider_start",
    "provider_callback",
    "invitation",
    "invitation_passkey",
}
"""What answers a stranger."""

GET_ONLY = {"provider_link_start"}
"""What GET alone begins: asking for its headers begins nothing."""

ABOUT_NOBODY = {"health", "unseal"}
"""What is answered before anybody asks who somebody is."""

IN_RECOVERY = {
    "home",
    "sign_out",
    "step_up",
    "step_up_passkey",
    "account",
    "passkey_new",
    "passkey_options",
    "app_new",
    "factor_remove",
    "recovery_codes_new",
    "password_change",
    "session_end",
    "sessions_end",
    "token_revoke",
    "provider_unlink",
}
"""All that a session may do that a recovery code began."""

IDS_OF_CASES = {"case_id", "footage_id", "lead_id", "probe_id", "request_id", "search_id"}
OF_CASES = {
    "case",
    "case_authority",
    "case_close",
    "case_members",
    "case_widen",
    *(
        "case_bundle",
        "case_hold",
        "case_release",
        "case_erase",
        "evidence_certificate",
        "evidence_certificate_json",
        "evidence_certificate_paper",
    ),
    *("certificate", "certificate_json", "certificate_paper", "gallery_for_case", "glass_break"),
    *("footage", "footage_cancel", "footage_face", "footage_new", "footage_use"),
    *("probe", "probe_derive", "probe_image", "probe_mark", "probe_unmark"),
    "request_decline",
    "request_withdraw",
    "search",
    "search_ask",
    *("lead", "lead_evidence", "lead_image", "lead_outcome", "lead_photo", "lead_release"),
    "lead_withdraw",
    "lead_report",
    *("search_close", "search_examine", "consolidation", "consolidation_photo"),
    "search_check",
    "search_new",
    "search_purge",
    "search_run",
}
"""Pages about one case, its evidence, requests and searches: nobody's whom the case does not concern."""

WORKS_ELSEWHERE = {
    # Theirs alone whose it is, and nobody of the matrix owns one.
    "approval_withdraw",
    "factor_remove",
    "provider_link_confirm",
    "provider_link_start",
    "provider_unlink",
    "request_withdraw",
    "session_end",
    "token_revoke",
    # About what this world has not: an approval of that kind, broken glass, a provider, a purge.
    "carry_out",
    "case_widened",
    "case_erased",
    "evidence_certificate",
    "evidence_certificate_json",
    "evidence_certificate_paper",
    "certificate",
    "certificate_json",
    "certificate_paper",
    "glass_review",
    "person_carry_out",
    "point_carry_out",
    "provider_remove",
    "search_purge",
    "vetting_document",
    "face_crop",  # after a page that showed the face
    "sign_out",  # ends at the sign-in
}
"""Routes that work for nobody in this world although they may; the tests of each make them work."""

ABOUT_AGENCIES = {
    "agency",
    "agency_change",
    "agency_suspend",
    "agency_restore",
    "agency_invite",
    "vetting_document",
}
"""The custodian's pages about every agency: for these no agency is another's."""


def allowed(roles: set[Role], kind: str) -> bool:
    """Say whether somebody with these roles may do this kind of thing."""
    return kind in EVERYBODY or any(kind in MAY[role] for role in roles)
