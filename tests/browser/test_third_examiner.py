"""Two examiners who disagree: one follows the own conclusion, or a third looks, each in the browser."""

from __future__ import annotations

import pytest
from browser.examiners import Examiner, disagreed

from countenance.examination.scale import Conclusion


def side_by_side(one, found):
    one.desk.go(f"/searches/{found.pk}/consolidation/")
    one.page.get_by_role("heading", name="Examinations side by side").wait_for()


@pytest.mark.timeout(400)
def test_a_third_examiner_decides_without_knowing_that_two_disagree(crew, seat):
    found = disagreed(crew)
    sara = seat(crew.supervisor)
    side_by_side(sara, found)
    assert "The examiners disagree" in sara.words()
    assert sara.page.get_by_role("link", name="Release candidate").count() == 0
    sara.look("disagreed")
    tomas = seat(crew.examiners[2], Examiner)
    tomas.desk.go("/examinations/")
    tomas.desk.press("Take the next one")
    tomas.carry_out()
    before = [one.name for one in crew.examiners[:2]]
    unread = [*before, "The nose is the same", "disagree", "third", str(found.pk)]
    assert [word for word in unread for page in tomas.read if word in page] == []
    side_by_side(sara, found)
    assert "The examiners disagree" not in sara.words()
    assert all(one.name in sara.words() for one in crew.examiners)
    sara.look("third")
    sara.page.get_by_role("link", name="Release candidate 1 as a lead").click()
    # What is printed is read before it is released.
    assert Conclusion.OTHER.label in sara.words()
    sara.look("release")
    sara.desk.press("Release the lead")
    sara.page.wait_for_url("**/leads/**")
    # Who came to another conclusion is printed too.
    assert all(initials in sara.words() for initials in ("E. E.", "N. L.", "T. O."))
    assert Conclusion.OTHER.label in sara.words()
    sara.look("lead_disagreed")


@pytest.mark.timeout(300)
def test_a_disagreement_is_settled_side_by_side(crew, seat):
    found = disagreed(crew)
    emre = seat(crew.examiners[0])
    side_by_side(emre, found)
    # Where they disagree comes first, with its photos.
    assert emre.page.locator("main h2").first.inner_text() == "Candidate 1"
    assert emre.page.locator("[data-pair] figcaption").all_inner_texts() == ["Probe", "Candidate 1"]
    emre.page.get_by_role("link", name="on candidate 1").click()
    # The whole checklist is there, as it was said before.
    assert emre.page.locator("[name=said-mouth][value=similar]").is_checked()
    emre.page.locator("[name=said-nose][value=different]").check(force=True)
    emre.page.locator("[name=conclusion][value=other]").check()
    emre.page.get_by_label("What do you see differently now").fill("The bridge of the nose differs")
    emre.look("follow")
    emre.desk.press("Record the new conclusion")
    emre.page.get_by_role("heading", name="Examinations side by side").wait_for()
    assert "The bridge of the nose differs" in emre.words()
    assert "The examiners disagree" not in emre.words()
    emre.look("settled")
