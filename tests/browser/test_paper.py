"""A lead as a page: what it says, at each width and in both themes, and what comes out of a printer."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

import papers
import pypdf
import pytest
from browser.review_page import ADDRESS, review_page
from django.template import engines

from countenance.reports import lead_pdf
from countenance.ui.papers import paper_page

PAGE = engines["django"].get_template


@pytest.fixture
def shown(context):
    one = review_page(context)

    def show(paper):
        one.files["/photos/probe.jpg"] = paper.probe.jpeg
        one.files["/photos/candidate.jpg"] = paper.candidate.jpeg
        page = paper_page(
            paper, probe_href="/photos/probe.jpg", candidate_href="/photos/candidate.jpg"
        )
        case = SimpleNamespace(id="3f0c9f5e-3e0a-4a52-9a86-6a0a7d1f5a10", reference="26-01187")
        said = {"page": page, "case": case}
        one.html = PAGE("leads/paper.html").render(said)
        one.page.goto(ADDRESS + "/")
        one.page.evaluate("document.fonts.ready")
        return one

    yield show
    assert one.desk.violations == []
    assert one.desk.faults == []


def plain(text):
    return " ".join(re.sub(r"[\u200b]", "", text).split())


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_everybody_can_read_it(shown, scheme, width):
    one = shown(papers.paper())
    one.desk.dress(scheme, width)
    assert one.desk.look("lead_paper", scheme, width) == []


def test_the_page_says_what_the_paper_says(shown):
    paper = papers.with_facts(
        mode="identification",
        measured=papers.MEASURED,
        threshold=0.412,
        waiver="By § 4 of the Act.",
    )
    page = plain(shown(paper).page.inner_text("main"))
    pages = pypdf.PdfReader(io.BytesIO(lead_pdf(paper))).pages
    printed = plain(" ".join(one.extract_text() for one in pages))
    words = paper_page(paper, probe_href="", candidate_href="").words
    for said in (
        words.disclaimer,
        words.what_it_is,
        words.disagreements,
        words.waiver,
        *(text for one in words.opinions for text in (one.label, one.sentence, *one.measured)),
        *(text for pair in (*words.limits, *words.found) for text in pair),
        *words.verify,
    ):
        assert plain(said) in page
        assert plain(said).replace(" ", "") in printed.replace(" ", "")


def test_markup_in_names_is_text_on_the_page(shown):
    hostile = '<img src=x onerror="alert(1)"> & #import "x"'
    page = shown(papers.with_facts(agency=hostile)).page
    assert hostile in page.inner_text("main")


def test_a_browser_prints_it_light_on_one_page(shown):
    one = shown(papers.paper())
    one.desk.dress("dark", 1440)
    printed = one.page.pdf(format="A4", prefer_css_page_size=False, print_background=True)
    assert len(pypdf.PdfReader(io.BytesIO(printed)).pages) == 1
    one.page.emulate_media(media="print", color_scheme="dark")
    ink = one.page.evaluate("getComputedStyle(document.querySelector('main')).color")
    lightness = float(re.search(r"oklch\(([\d.]+)", ink).group(1))
    assert lightness < 0.5
    assert not one.page.is_visible(".bar")
    one.desk.picture("lead_paper_print")
