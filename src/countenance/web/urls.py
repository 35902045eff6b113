"""Routes."""

from __future__ import annotations

from django.urls import path

from countenance.apps.agencies import views as agencies
from countenance.apps.cases import views as cases
from countenance.apps.galleries import enrol_views as enrolment
from countenance.apps.galleries import photo_views as photos
from countenance.apps.galleries import views as galleries
from countenance.apps.searches import case_views as case_pages
from countenance.apps.searches import views as searches
from countenance.web import views

urlpatterns = [
    path("health/", views.health, name="health"),
    path("unseal/", views.unseal, name="unseal"),
    path("sign-in/", agencies.sign_in, name="sign_in"),
    path("sign-out/", agencies.sign_out, name="sign_out"),
    path("", case_pages.cases, name="cases"),
    path("cases/new/", cases.new, name="case_new"),
    path("cases/<uuid:case_id>/", case_pages.case, name="case"),
    path("cases/<uuid:case_id>/close/", cases.close, name="case_close"),
    path("cases/<uuid:case_id>/search/", searches.photo, name="search_new"),
    path("probes/<uuid:probe_id>/", searches.face, name="probe"),
    path("probes/<uuid:probe_id>/image/", searches.probe_image, name="probe_image"),
    path("probes/<uuid:probe_id>/check/", searches.check, name="search_check"),
    path("probes/<uuid:probe_id>/search/", searches.run, name="search_run"),
    path("searches/", case_pages.searches, name="searches"),
    path("searches/<uuid:search_id>/", searches.search, name="search"),
    path("galleries/", galleries.galleries, name="galleries"),
    path("galleries/new/", galleries.gallery_new, name="gallery_new"),
    path("galleries/<uuid:gallery_id>/", galleries.gallery, name="gallery"),
    path("galleries/<uuid:gallery_id>/enrol/", enrolment.enrol, name="enrol"),
    path("enrolments/<uuid:run_id>/", enrolment.enrolment, name="enrolment"),
    path("enrolments/<uuid:run_id>/rejects.csv", enrolment.rejects, name="rejects"),
    path("sources/new/", galleries.source_new, name="source_new"),
    path("sources/<uuid:source_id>/", galleries.source, name="source"),
    path("sources/<uuid:source_id>/remove/", galleries.source_remove, name="source_remove"),
    path("photos/<uuid:photo_id>/", photos.photo, name="photo"),
    path("photos/<uuid:photo_id>/image/", photos.image, name="photo_image"),
    path("photos/<uuid:photo_id>/remove/", photos.photo_remove, name="photo_remove"),
    path("subjects/<uuid:subject_id>/remove/", photos.subject_remove, name="subject_remove"),
    path("faces/<int:face_id>/crop/", photos.crop, name="face_crop"),
    path("ledger/", views.ledger, name="ledger"),
]

handler400 = "countenance.web.views.bad_request"
handler403 = "countenance.web.views.forbidden"
handler404 = "countenance.web.views.not_found"
handler500 = "countenance.web.views.failed"
