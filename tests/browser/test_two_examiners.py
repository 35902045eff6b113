"""The whole way of one search in the browser: asked for, run, examined by two, released as a lead, and disclosed.

Everybody sits at a browser of their own. Each page is looked at in light, dark and at 390 px, and none may
break its policy or keep anybody out. The pictures of the documentation are made here: `make pictures`.
"""

from __future__ import annotations

import io
import re
import zipfile

import pypdf
import pytest
from browser.conftest import Desk, session_cookie
from browser.examiners import (
    CASE,
    GALLERY,
    NAMES,
    SOURCE,
    Examiner,
    keep_pages,
    let_more_wait,
    searched,
)
from drawn import MOLE_AT
from examining import begin

from countenance.apps.leads.models import Lead
from countenance.apps.searches.models import Search
from countenance.testing import FakeEngine

REASON = "Seen at the station on 3 May"
MOLE = "A mole on the left cheek, level with the foot of the nose, half as wide as the iris"
TICKET = "A ticket bought with his card at the station on 3 May"


def ask_for_a_search(ines, crew, tmp_path):
    """Let the investigator add a photo with a bystander, and ask for a search with it."""
    photo = tmp_path / "station.jpg"
    photo.write_bytes(FakeEngine.photo("anna", 9, others=("fay",)))
    ines.desk.go(f"/cases/{crew.case.pk}/search/")
    ines.page.locator("#id_photo").set_input_files(photo)
    ines.look("photo")
    ines.desk.press("Add the photo")
    ines.page.get_by_label("Reason").fill(REASON)
    ines.desk.press("Ask for a search")
    ines.page.get_by_role("heading", name="A search was asked for").wait_for()
    assert ines.page.get_by_role("button", name="Search the gallery").count() == 0


def run_the_search(emre):
    """Let the first examiner run it in three steps; nobody whom it found is shown."""
    emre.desk.go("/requests/")
    emre.page.get_by_role("link", name="Open").first.click()
    emre.page.get_by_label("Face 1").check(force=True)
    emre.page.get_by_label("Number of candidates").fill("4")
    emre.look("face")
    emre.document("choose-a-face", 1340)
    emre.desk.press("Check before searching")
    emre.look("check")
    emre.desk.press("Search the gallery")
    emre.page.wait_for_url("**/searches/**")
    assert re.fullmatch(r"\d+ candidates to examine", emre.desk.heading())
    assert not [name for name in NAMES.values() if name in emre.page.content()]
    emre.look("found")


def examine_first(emre):
    """Let the first examiner write up the probe, then compare, with a note and a pin on the best one."""
    emre.desk.press("Begin the examination")
    emre.page.get_by_role("heading", name="What does the probe show?").wait_for()
    emre.learn()
    emre.answer("clear")
    emre.note("marks", MOLE)
    emre.pin("marks", MOLE_AT)
    emre.saved()
    emre.look("analysis")
    emre.document("analyse-the-probe")
    emre.desk.press("Record the analysis")
    emre.page.get_by_role("heading", name="Candidate A").wait_for()
    for place in range(len(emre.ranks)):
        if emre.is_best():
            emre.answer("similar")
            emre.note("marks", MOLE)
            emre.pin("marks", MOLE_AT)
            emre.page.locator("[name=conclusion][value=same]").check()
            emre.saved()
            emre.look("comparison")
            emre.document("compare-two-faces")
            emre.page.locator("[data-component=marks] summary").click()
            emre.document("conclude", end=".concluding")
        do = emre.compare if place > 1 or emre.is_best() else emre.compare_by_keys
        do(emre.is_best())
    emre.page.get_by_role("heading", name="This examination is recorded").wait_for()
    emre.look("recorded")
    # What the other one will say is nowhere, and neither is a way to it.
    assert emre.page.get_by_role("link", name="Compare the examinations").count() == 0


def secrets_of(found, *people):
    """Return what an examiner must not read while an examination is open."""
    candidates = found.outcome["candidates"]
    return [
        *(one.name for one in people),
        *NAMES.values(),
        *(f"{one['faces'][0]['similarity']:.3f}" for one in candidates),
        *(one["subject"] for one in candidates),
        *(str(one) for one in (found.pk, found.case_id, found.probe_id)),
        *(CASE, GALLERY, SOURCE, REASON, MOLE, "station.jpg", "onclusion on 1", "Rank"),
    ]


def release(sara, found):
    """Let the supervisor read both examinations and release the first candidate."""
    sara.desk.go("/")
    sara.look("supervisor")
    sara.document("inbox", 760)
    sara.desk.go(f"/searches/{found.pk}/consolidation/")
    sara.page.get_by_role("heading", name="Examinations side by side").wait_for()
    assert MOLE in sara.words()
    assert sara.page.get_by_role("link", name="Follow it by another one").count() == 0
    sara.look("consolidation")
    sara.document("examinations-side-by-side", 2140, wide=1240)
    sara.page.get_by_role("link", name="Release candidate 1 as a lead").click()
    sara.look("release")
    sara.desk.press("Release the lead")
    sara.page.wait_for_url("**/leads/**")


def saved(one, press):
    """Return the bytes of what a button saves."""
    with one.page.expect_download() as waited:
        press()
    return waited.value.path().read_bytes()


def take_out(ines, lead):
    """Let the investigator print the lead, and take the photo out once its condition holds."""
    ines.desk.go(f"/leads/{lead.pk}/")
    printed = saved(ines, lambda: ines.desk.press("Save as PDF, A4"))
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(printed)).pages)
    said = " ".join(text.split())
    assert "Not an identification. Not probable cause by itself." in said
    assert "E. E." in said
    assert "N. L." in said
    ask_for_the_photo(ines, lead)
    ines.desk.press("Save the photo")
    ines.page.get_by_text("evidence independent of this search").first.wait_for()
    ines.look("photo_locked")
    ines.desk.go(f"/leads/{lead.pk}/evidence/")
    ines.page.get_by_label("What is it, and where does it come from?").fill(TICKET)
    ines.look("independent")
    ines.desk.press("Record the evidence")
    assert TICKET in ines.words()
    ask_for_the_photo(ines, lead)
    assert saved(ines, lambda: ines.desk.press("Save the photo")).startswith(b"\xff\xd8")


def ask_for_the_photo(ines, lead):
    ines.desk.go(f"/leads/{lead.pk}/photo/")
    ines.page.get_by_label("What is the photo for, and who gets it?").fill(
        "For the file of the prosecutor, who asked for it on 4 May"
    )


@pytest.mark.timeout(560)
def test_from_the_request_to_what_became_of_the_lead(crew, seat, tmp_path):
    ines, sara = seat(crew.investigator), seat(crew.supervisor)
    emre, nora = (seat(one, Examiner) for one in crew.examiners[:2])
    ask_for_a_search(ines, crew, tmp_path)
    run_the_search(emre)
    found = Search.objects.get()
    ines.desk.go(f"/searches/{found.pk}/")
    assert not [name for name in NAMES.values() if name in ines.page.content()]
    ines.look("asked")
    examine_first(emre)

    # Whoever takes what waits does not learn of what it is, nor that somebody was here before.
    nora.desk.go("/examinations/")
    nora.look("list")
    nora.desk.press("Take the next one")
    nora.carry_out()
    hidden = secrets_of(found, crew.examiners[0], crew.investigator, crew.supervisor)
    assert [word for word in hidden for page in nora.read if word in page] == []
    nora.page.get_by_role("link", name="Compare the examinations").click()
    nora.page.get_by_role("heading", name="Examinations side by side").wait_for()
    assert crew.examiners[0].name in nora.words()

    let_more_wait(crew)
    sara.prove()
    release(sara, found)
    sara.look("lead")
    sara.document("lead", 3130, wide=1240)
    lead = Lead.objects.get()
    keep_pages("report", crew, lead)
    ines.prove()
    take_out(ines, lead)
    ines.desk.go(f"/leads/{lead.pk}/outcome/")
    ines.page.get_by_label("It was this person").check()
    ines.look("outcome")
    ines.desk.press("Record it")
    assert "It was this person" in ines.words()
    ines.look("lead_known")

    sara.prove()
    sara.desk.go(f"/cases/{crew.case.pk}/bundle/")
    bundle = saved(sara, lambda: sara.desk.press("Export the bundle"))
    assert "manifest.json" in zipfile.ZipFile(io.BytesIO(bundle)).namelist()


@pytest.mark.timeout(120)
def test_the_faces_of_a_video_are_heads_to_choose_from(crew, seat, tmp_path):
    ines = seat(crew.investigator)
    video = tmp_path / "shop.mp4"
    video.write_bytes(FakeEngine.video("anna", "ben", "cleo", seconds=94))
    ines.desk.go(f"/cases/{crew.case.pk}/video/")
    ines.page.locator("#id_video").set_input_files(video)
    ines.desk.press("Add the video")
    ines.page.get_by_role("button", name="Use this frame").wait_for()
    ines.page.get_by_role("radio").first.check(force=True)
    ines.look("video")
    ines.document("choose-a-frame", 1100, wide=1240)
    ines.desk.press("Use this frame")
    ines.page.wait_for_url("**/probes/**")
    assert ines.page.locator("#photo image").count() == 1


def test_a_draft_is_saved_by_its_button_without_any_script(crew, site, browser):
    examiner, found = crew.actor(crew.examiners[0]), searched(crew)
    one = begin(examiner, search=found, tools=crew.on.tools)
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([session_cookie(site, crew.examiners[0])])
    desk = Desk(context.new_page(), site)
    desk.go(f"/examinations/{one.pk}/")
    desk.page.locator("[name=said-nose][value=clear]").check(force=True)
    desk.press("Save the draft")
    desk.page.get_by_text("Draft saved").wait_for()
    assert desk.page.locator("[name=said-nose][value=clear]").is_checked()
    context.close()
