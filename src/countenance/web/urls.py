"""Routes."""

from __future__ import annotations

from django.urls import path

from countenance.apps.agencies import account_views as account
from countenance.apps.agencies import agency_views as admission
from countenance.apps.agencies import approval_views as approvals
from countenance.apps.agencies import inviting_views as inviting
from countenance.apps.agencies import joining_views as joining
from countenance.apps.agencies import people_views as people
from countenance.apps.agencies import provider_sign_in_views as sign_in_with
from countenance.apps.agencies import provider_views as provider
from countenance.apps.agencies import setup_views as setup
from countenance.apps.agencies import views as agencies
from countenance.apps.cases import authority_views as authorities
from countenance.apps.cases import holding_views as holding
from countenance.apps.cases import views as cases
from countenance.apps.evaluations import point_views as points
from countenance.apps.evaluations import views as evaluations
from countenance.apps.examinations import consolidation_views as consolidating
from countenance.apps.examinations import follow_views as following
from countenance.apps.examinations import image_views as examination_images
from countenance.apps.examinations import list_views as examination_lists
from countenance.apps.examinations import overview_views as examining
from countenance.apps.examinations import views as examinations
from countenance.apps.galleries import certificate_views as erasures
from countenance.apps.galleries import enrol_views as enrolment
from countenance.apps.galleries import photo_views as photos
from countenance.apps.galleries import terms_views as terms
from countenance.apps.galleries import views as galleries
from countenance.apps.leads import bundle_views as bundling
from countenance.apps.leads import views as leads
from countenance.apps.searches import case_views as case_pages
from countenance.apps.searches import edit_views as edits
from countenance.apps.searches import erasing_views as erasing
from countenance.apps.searches import evidence_views as evidence
from countenance.apps.searches import footage_views as footage
from countenance.apps.searches import purge_views as purging
from countenance.apps.searches import request_views as requests
from countenance.apps.searches import views as searches
from countenance.web import frame, inbox, ledger_views, views

urlpatterns = [
    path("health/", views.health, name="health"),
    path("unseal/", views.unseal, name="unseal"),
    path("sign-in/", agencies.sign_in, name="sign_in"),
    path("sign-in/passkey/", agencies.sign_in_passkey, name="sign_in_passkey"),
    path("sign-in/with/", sign_in_with.code, name="provider_code"),
    path("sign-in/with/<uuid:agency_id>/", sign_in_with.start, name="provider_start"),
    path("sign-in/callback/", sign_in_with.callback, name="provider_callback"),
    path("sign-out/", agencies.sign_out, name="sign_out"),
    path("step-up/", agencies.step_up, name="step_up"),
    path("step-up/passkey/", agencies.step_up_passkey, name="step_up_passkey"),
    path("invitation/<str:secret>/", joining.invitation, name="invitation"),
    path("invitation/<str:secret>/passkey/", joining.invitation_passkey, name="invitation_passkey"),
    path("account/", account.account, name="account"),
    path("account/passkeys/new/", account.passkey_new, name="passkey_new"),
    path("account/passkeys/options/", account.passkey_options, name="passkey_options"),
    path("account/app/", account.app_new, name="app_new"),
    path("account/keys/<uuid:factor_id>/remove/", account.factor_remove, name="factor_remove"),
    path("account/recovery-codes/", account.recovery_codes_new, name="recovery_codes_new"),
    path("account/password/", account.password_change, name="password_change"),
    path("account/sessions/<uuid:session_id>/end/", account.session_end, name="session_end"),
    path("account/sessions/end-others/", account.sessions_end, name="sessions_end"),
    path("account/tokens/new/", account.token_new, name="token_new"),
    path("account/tokens/<uuid:token_id>/revoke/", account.token_revoke, name="token_revoke"),
    path("account/provider/", provider.link, name="provider_link"),
    path("account/notices/", account.notices_change, name="notices_change"),
    path("account/provider/start/", provider.link_start, name="provider_link_start"),
    path("account/provider/confirm/", provider.link_confirm, name="provider_link_confirm"),
    path("account/provider/unlink/", provider.unlink, name="provider_unlink"),
    path("", frame.home, name="home"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("cases/", case_pages.cases, name="cases"),
    path("cases/new/", cases.new, name="case_new"),
    path("cases/<uuid:case_id>/", case_pages.case, name="case"),
    path("cases/<uuid:case_id>/close/", cases.close, name="case_close"),
    path("cases/<uuid:case_id>/authority/", cases.authority, name="case_authority"),
    path("cases/<uuid:case_id>/hold/", holding.hold, name="case_hold"),
    path("cases/<uuid:case_id>/release/", holding.release, name="case_release"),
    path("cases/<uuid:case_id>/erase/", erasing.erase, name="case_erase"),
    path("approvals/<uuid:approval_id>/erase/", erasing.erased, name="case_erased"),
    path("cases/<uuid:case_id>/bundle/", bundling.case_bundle, name="case_bundle"),
    path(
        "cases/<uuid:case_id>/certificate/",
        purging.evidence_certificate,
        name="evidence_certificate",
    ),
    path(
        "cases/<uuid:case_id>/certificate.json",
        purging.evidence_certificate_json,
        name="evidence_certificate_json",
    ),
    path(
        "cases/<uuid:case_id>/certificate.pdf",
        purging.evidence_certificate_paper,
        name="evidence_certificate_paper",
    ),
    path("cases/<uuid:case_id>/members/", cases.members, name="case_members"),
    path("cases/<uuid:case_id>/widen/", cases.widen, name="case_widen"),
    path("approvals/<uuid:approval_id>/widen/", cases.widened, name="case_widened"),
    path("authorities/", authorities.authorities, name="authorities"),
    path("authorities/new/", authorities.authority_new, name="authority_new"),
    path("authorities/<uuid:authority_id>/", authorities.authority, name="authority"),
    path(
        "authorities/<uuid:authority_id>/decide/",
        authorities.authority_decide,
        name="authority_decide",
    ),
    path(
        "authorities/<uuid:authority_id>/document/",
        authorities.authority_document,
        name="authority_document",
    ),
    path(
        "authorities/<uuid:authority_id>/document/add/",
        authorities.authority_attach,
        name="authority_attach",
    ),
    path(
        "authorities/<uuid:authority_id>/revoke/",
        authorities.authority_revoke,
        name="authority_revoke",
    ),
    path("cases/<uuid:case_id>/search/", evidence.photo, name="search_new"),
    path("cases/<uuid:case_id>/video/", footage.footage_new, name="footage_new"),
    path("videos/<uuid:footage_id>/", footage.footage, name="footage"),
    path("videos/<uuid:footage_id>/stop/", footage.footage_cancel, name="footage_cancel"),
    path("videos/<uuid:footage_id>/use/", footage.footage_use, name="footage_use"),
    path("videos/<uuid:footage_id>/faces/<int:number>/", footage.footage_face, name="footage_face"),
    path("probes/<uuid:probe_id>/", evidence.probe, name="probe"),
    path("probes/<uuid:probe_id>/image/", evidence.probe_image, name="probe_image"),
    path("probes/<uuid:probe_id>/derive/", edits.derive, name="probe_derive"),
    path("probes/<uuid:probe_id>/mark/", edits.mark, name="probe_mark"),
    path("probes/<uuid:probe_id>/unmark/", edits.unmark, name="probe_unmark"),
    path("probes/<uuid:probe_id>/ask/", evidence.ask, name="search_ask"),
    path("probes/<uuid:probe_id>/check/", searches.check, name="search_check"),
    path("probes/<uuid:probe_id>/search/", searches.run, name="search_run"),
    path("requests/", requests.requests, name="requests"),
    path("requests/<uuid:request_id>/decline/", requests.decline, name="request_decline"),
    path("requests/<uuid:request_id>/withdraw/", requests.withdraw, name="request_withdraw"),
    path("searches/", case_pages.searches, name="searches"),
    path("searches/<uuid:search_id>/", searches.search, name="search"),
    path("searches/<uuid:search_id>/certificate/", purging.certificate, name="certificate"),
    path(
        "searches/<uuid:search_id>/certificate.json",
        purging.certificate_json,
        name="certificate_json",
    ),
    path(
        "searches/<uuid:search_id>/certificate.pdf",
        purging.certificate_paper,
        name="certificate_paper",
    ),
    path("searches/<uuid:search_id>/purge/", purging.purge, name="search_purge"),
    path("searches/<uuid:search_id>/examine/", examining.begin, name="search_examine"),
    path("searches/<uuid:search_id>/close/", examining.close, name="search_close"),
    path(
        "searches/<uuid:search_id>/consolidation/",
        consolidating.consolidation,
        name="consolidation",
    ),
    path(
        "searches/<uuid:search_id>/consolidation/<int:rank>.jpg",
        consolidating.consolidation_photo,
        name="consolidation_photo",
    ),
    path("searches/<uuid:search_id>/release/<int:rank>/", leads.lead_release, name="lead_release"),
    path("leads/", leads.leads, name="leads"),
    path("leads/<uuid:lead_id>/", leads.lead, name="lead"),
    path("leads/<uuid:lead_id>/report.pdf", leads.lead_report, name="lead_report"),
    path("leads/<uuid:lead_id>/withdraw/", leads.lead_withdraw, name="lead_withdraw"),
    path("leads/<uuid:lead_id>/photo/", leads.lead_photo, name="lead_photo"),
    path("leads/<uuid:lead_id>/outcome/", leads.lead_outcome, name="lead_outcome"),
    path("leads/<uuid:lead_id>/evidence/", leads.lead_evidence, name="lead_evidence"),
    path("leads/<uuid:lead_id>/<str:which>.jpg", leads.lead_image, name="lead_image"),
    path("examinations/", examination_lists.examinations, name="examinations"),
    path("examinations/next/", examination_lists.examination_next, name="examination_next"),
    path("examinations/controls/", examining.controls, name="controls"),
    path("examinations/<uuid:examination_id>/", examinations.examination, name="examination"),
    path("examinations/<uuid:examination_id>/give-up/", examinations.end, name="examination_end"),
    path(
        "examinations/<uuid:examination_id>/probe.jpg",
        examination_images.probe_image,
        name="examination_probe",
    ),
    path(
        "examinations/<uuid:examination_id>/follow/<uuid:comparison_id>/",
        following.follow,
        name="conclusion_follow",
    ),
    path(
        "examinations/<uuid:examination_id>/<str:letter>/",
        examinations.comparison,
        name="comparison",
    ),
    path(
        "examinations/<uuid:examination_id>/<str:letter>/<int:number>.jpg",
        examination_images.candidate_image,
        name="comparison_photo",
    ),
    path("galleries/", galleries.galleries, name="galleries"),
    path("galleries/new/", galleries.gallery_new, name="gallery_new"),
    path("galleries/<uuid:gallery_id>/", evaluations.gallery, name="gallery"),
    path(
        "galleries/<uuid:gallery_id>/evaluations/",
        evaluations.evaluations,
        name="gallery_evaluations",
    ),
    path(
        "galleries/<uuid:gallery_id>/evaluate/",
        evaluations.gallery_evaluate,
        name="gallery_evaluate",
    ),
    path(
        "galleries/<uuid:gallery_id>/operating-point/", points.gallery_point, name="gallery_point"
    ),
    path("evaluations/<uuid:evaluation_id>/", evaluations.evaluation, name="evaluation"),
    path(
        "evaluations/<uuid:evaluation_id>/numbers.json",
        evaluations.evaluation_json,
        name="evaluation_json",
    ),
    path(
        "evaluations/<uuid:evaluation_id>/report.pdf",
        evaluations.evaluation_report,
        name="evaluation_report",
    ),
    path(
        "approvals/<uuid:approval_id>/operating-point/",
        points.point_carry_out,
        name="point_carry_out",
    ),
    path("galleries/<uuid:gallery_id>/enrol/", enrolment.enrol, name="enrol"),
    path("galleries/<uuid:gallery_id>/terms/", terms.gallery_terms, name="gallery_terms"),
    path("galleries/<uuid:gallery_id>/grant/", terms.gallery_grant, name="gallery_grant"),
    path("galleries/<uuid:gallery_id>/large/", terms.enrol_large, name="enrol_large"),
    path(
        "galleries/<uuid:gallery_id>/for-case/<uuid:case_id>/",
        cases.gallery_for_case,
        name="gallery_for_case",
    ),
    path("grants/<uuid:grant_id>/end/", terms.grant_end, name="grant_end"),
    path("sources/<uuid:source_id>/extend/", terms.retention_extend, name="retention_extend"),
    path("approvals/<uuid:approval_id>/carry-out/", terms.carry_out, name="carry_out"),
    path("enrolments/<uuid:run_id>/", enrolment.enrolment, name="enrolment"),
    path("enrolments/<uuid:run_id>/rejects.csv", enrolment.rejects, name="rejects"),
    path("sources/new/", galleries.source_new, name="source_new"),
    path("sources/<uuid:source_id>/", galleries.source, name="source"),
    path("sources/<uuid:source_id>/remove/", galleries.source_remove, name="source_remove"),
    path("erasures/<uuid:erased_id>/", erasures.page, name="erasure_certificate"),
    path("erasures/<uuid:erased_id>/json/", erasures.as_json, name="erasure_certificate_json"),
    path("erasures/<uuid:erased_id>/pdf/", erasures.paper, name="erasure_certificate_paper"),
    path("photos/<uuid:photo_id>/", photos.photo, name="photo"),
    path("photos/<uuid:photo_id>/image/", photos.image, name="photo_image"),
    path("photos/<uuid:photo_id>/remove/", photos.photo_remove, name="photo_remove"),
    path("subjects/<uuid:subject_id>/remove/", photos.subject_remove, name="subject_remove"),
    path("faces/<int:face_id>/crop/", photos.crop, name="face_crop"),
    path("approvals/", approvals.approvals, name="approvals"),
    path("approvals/<uuid:approval_id>/", approvals.approval, name="approval"),
    path("approvals/<uuid:approval_id>/decide/", approvals.decide, name="approval_decide"),
    path("approvals/<uuid:approval_id>/withdraw/", approvals.withdraw, name="approval_withdraw"),
    path("approvals/<uuid:approval_id>/review/", approvals.review, name="glass_review"),
    path("cases/<uuid:case_id>/break-glass/", approvals.break_glass, name="glass_break"),
    path("people/", people.people, name="people"),
    path("people/provider/", provider.provider, name="provider"),
    path("people/provider/remove/", provider.remove, name="provider_remove"),
    path("people/invite/", inviting.invite, name="person_invite"),
    path("people/<uuid:person_id>/", people.person, name="person"),
    path("people/<uuid:person_id>/roles/", people.roles, name="person_roles"),
    path("people/<uuid:person_id>/training/", people.training, name="person_training"),
    path("people/<uuid:person_id>/suspend/", people.suspend, name="person_suspend"),
    path("people/<uuid:person_id>/restore/", people.restore, name="person_restore"),
    path("people/<uuid:person_id>/reinvite/", inviting.reinvite, name="person_reinvite"),
    path(
        "invitations/<uuid:invitation_id>/withdraw/", inviting.withdraw, name="invitation_withdraw"
    ),
    path("approvals/<uuid:approval_id>/for-person/", people.carry_out, name="person_carry_out"),
    path("set-up/", setup.set_up, name="set_up"),
    path("agencies/", admission.agencies, name="agencies"),
    path("agencies/new/", admission.agency_new, name="agency_new"),
    path("agencies/<uuid:agency_id>/", admission.agency, name="agency"),
    path("agencies/<uuid:agency_id>/change/", admission.change, name="agency_change"),
    path("agencies/<uuid:agency_id>/suspend/", admission.suspend, name="agency_suspend"),
    path("agencies/<uuid:agency_id>/restore/", admission.restore, name="agency_restore"),
    path("agencies/<uuid:agency_id>/invite/", admission.invite_first, name="agency_invite"),
    path("vetting/<uuid:document_id>/", admission.vetting_document, name="vetting_document"),
    path("ledger/", ledger_views.ledger, name="ledger"),
    path("ledger/export/", views.ledger_export, name="ledger_export"),
]

handler400 = "countenance.web.views.bad_request"
handler403 = "countenance.web.views.forbidden"
handler404 = "countenance.web.views.not_found"
handler500 = "countenance.web.views.failed"
