"""A lead on paper: what it says, what it never says, and that hostile text stays text."""

import ast
import io
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import papers
import pypdf
import pytest
from papers import drawn_face

from countenance.errors import ImageRejected, InputError
from countenance.reports import (
    Certificate,
    Photo,
    Share,
    Size,
    certificate_pdf,
    facts_from_json,
    facts_to_json,
    lead_pdf,
    lead_words,
    pdf,
)
from countenance.reports.words import ALWAYS_A_LIST, BY_HAND, DISCLAIMER, LISTED, NOT_MEASURED

TESTS = Path(papers.__file__).parent


def reader(made):
    return pypdf.PdfReader(io.BytesIO(made))


def text_of(made):
    return "\n".join(page.extract_text() for page in reader(made).pages)


def flat(text):
    """Return text without the spaces that a line break makes or takes."""
    return "".join(text.split()).replace("\N{ZERO WIDTH SPACE}", "")


@pytest.mark.parametrize("size", list(Size))
def test_a_lead_fits_on_one_page(size):
    assert len(reader(lead_pdf(papers.paper(), size=size)).pages) == 1


def test_every_sentence_is_on_the_paper():
    paper = papers.paper()
    text, facts, words = (
        flat(text_of(lead_pdf(paper))),
        paper.facts,
        lead_words(paper.facts, paper.receipt),
    )
    one, two = facts.examiners
    wanted = [
        DISCLAIMER, ALWAYS_A_LIST, facts.number, facts.agency, facts.case, facts.released_by, facts.released_as,
        one.name, one.label, one.sentence, one.note, two.name, two.label, two.sentence,
        "Error measured on 82 pairs with known answers, in 14 examinations.",
        "Of 42 showing two people, 1 concluded to be one person: 0.024 (0.95 interval 0.004 to 0.123).",
        "The examiners differ on 2 of 12 components.", facts.model, facts.model_licence, facts.gallery, "1204311",
        "version 318", "22 Nov 2026, at most 20 candidates, no threshold", facts.authority, facts.authority_section, facts.place, paper.receipt.code,
        paper.receipt.root.hex(), *words.verify, "Page 1 of 1",
        *(part for row in (*words.limits, *facts.probe, *facts.candidate) for part in row),
        *(part for row in facts.components for part in (row.component, *row.answers)),
    ]  # fmt: skip
    assert [said for said in wanted if flat(said) not in text] == []


def test_there_is_no_percentage_near_a_face():
    assert "%" not in text_of(lead_pdf(replace(papers.paper(), facts=papers.at_operating_point())))


def test_the_measured_error_of_a_search_takes_the_place_of_the_plain_sentence():
    made = lead_pdf(replace(papers.paper(), facts=papers.at_operating_point()))
    text = flat(text_of(made))
    assert len(reader(made).pages) == 1
    assert flat(papers.MEASURED) in text
    assert (
        flat("at most 20 candidates, nobody below the operating point, similarity 0.412.") in text
    )
    assert [said for said in (ALWAYS_A_LIST, LISTED, "not measured") if flat(said) in text] == []


def test_an_investigation_list_says_that_it_always_returns_somebody():
    text = flat(text_of(lead_pdf(papers.with_facts(mode="investigation"))))
    assert flat("at most 20 candidates, investigation list") in text
    assert flat(LISTED) in text
    assert flat(ALWAYS_A_LIST) not in text


def test_a_threshold_of_an_older_gallery_is_said_to_be_set_by_hand():
    text = flat(text_of(lead_pdf(papers.with_facts(mode="investigation", threshold=0.3))))
    assert flat(f"Nobody below similarity 0.30 was listed. {BY_HAND}") in text


@pytest.mark.parametrize(("least", "said"), [(0.6, "0.60"), (0.6125, "0.6125"), (-0.05, "-0.05")])
def test_a_threshold_that_nobody_measured_is_printed_as_that(least, said):
    text = flat(text_of(lead_pdf(papers.with_facts(threshold=least))))
    assert flat(f"at most 20 candidates, nobody below similarity {said}") in text
    assert flat(f"Nobody below similarity {said} was listed. {NOT_MEASURED}") in text
    assert flat(ALWAYS_A_LIST) not in text


def test_components_on_which_examiners_differ_come_first():
    words = lead_words(papers.facts(), papers.receipt())
    assert [one.component for one in words.components[:3]] == [
        "Eyebrows",
        "Ears",
        "Face and head outline",
    ]


def test_an_examiner_without_controls_is_said_to_be_unmeasured():
    nothing = Share(wrong=0, of=0, low=0.0, high=1.0)
    one = papers.examiner("K7", false_same=nothing, false_other=nothing)
    text = text_of(lead_pdf(papers.with_facts(examiners=(one, one))))
    assert flat("error has not been measured on pairs with known answers yet") in flat(text)


def test_controls_that_somebody_altered_are_said_to_be_left_out():
    one = papers.examiner("K7")
    text = flat(
        text_of(lead_pdf(papers.with_facts(examiners=(one, papers.examiner("M2", unreadable=2)))))
    )
    assert flat("2 examinations more were altered in the database, and not counted.") in text


def test_a_share_too_small_for_three_decimals_is_not_printed_as_nothing():
    one = papers.examiner("K7", false_same=Share(wrong=1, of=9000, low=0.00002, high=0.0006))
    words = lead_words(papers.facts(examiners=(one, one)), papers.receipt())
    assert "0.000111 (0.95 interval 0.00002 to 0.001)" in " ".join(words.opinions[0].measured)


def test_three_examiners_and_one_under_a_waiver_are_printed():
    three = tuple(papers.examiner(name) for name in ("K7", "P2", "R9"))
    rows = tuple(replace(one, answers=(*one.answers, "Similar")) for one in papers.components())
    assert "Examiner 3" in text_of(lead_pdf(papers.with_facts(examiners=three, components=rows)))
    rows = tuple(replace(one, answers=("Similar",)) for one in papers.components())
    law = "One examiner, under § 4 of the Emergency Act."
    alone = papers.with_facts(examiners=three[:1], components=rows, waiver=law)
    assert law in text_of(lead_pdf(alone))


HOSTILE = [
    '#import "@preview/x:0.1.0": *',
    '#read("/etc/passwd") #sys.inputs.data',
    '"quoted" \\ $x^2$ *bold* _em_ `raw` <label> @ref = heading // comment /* x */',
    "Ána Αλφα Анна Žižek Đặng Łódź",
    "'); drop table leads; --",
    "{% load x %}{{ page }}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_stays_text(text):
    made = text_of(
        lead_pdf(papers.with_facts(agency=text, released_by=text, limits=((text, text),)))
    )
    assert flat(made).count(flat(text)) >= 2


def test_letters_of_right_to_left_scripts_are_printed():
    made = text_of(
        lead_pdf(papers.with_facts(released_by="\u05d3\u05e0\u05d4 \u0645\u0631\u064a\u0645"))
    )
    assert "\u05d3" in made or "\u05d4" in made


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("張偉", "[U+5F35][U+5049]"),
        ("a\u202egpj.exe", "a[U+202E]gpj.exe"),
        ("nul\x00l", "nul[U+0000]l"),
        ("half \ud800", "half [U+D800]"),
        ("smile \U0001f600", "smile [U+1F600]"),
    ],
)
def test_what_no_font_has_or_what_hides_is_shown_as_its_code_point(text, shown):
    assert shown in text_of(lead_pdf(papers.with_facts(case=text)))


def test_a_very_long_name_stays_whole_and_on_the_page():
    long = "W" * 3000
    made = lead_pdf(papers.with_facts(agency=long, case="word " * 400))
    assert text_of(made).count("W") >= len(long)
    assert len(reader(made).pages) > 1
    assert f"Page 2 of {len(reader(made).pages)}" in text_of(made)


def test_the_same_lead_gives_the_same_bytes_on_any_day_and_zone(monkeypatch):
    first = lead_pdf(papers.paper())
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    time.tzset()
    try:
        assert lead_pdf(papers.paper()) == first
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_file_says_that_it_can_be_archived_and_read_aloud():
    made = reader(lead_pdf(papers.paper()))
    metadata = made.xmp_metadata.rdf_root.toxml()
    assert "pdfuaid:part" in metadata
    assert "pdfaid:part" in metadata
    assert made.metadata.title == "Lead 2026-0042"
    assert made.trailer["/Root"]["/Lang"] == "en"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        drawn_face()[:60],
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8" + bytes(2_000_000),
        b"\xff\xd8" + bytes(99),
    ],
)
def test_a_bad_photo_is_refused_in_plain_words(data):
    with pytest.raises(ImageRejected, match="photo on a report"):
        lead_pdf(papers.paper(probe=Photo(jpeg=data)))


def test_a_photo_that_cannot_be_decoded_is_refused():
    frame = bytes.fromhex("ffc00011080010001003012200021101031101")
    scan = bytes.fromhex("ffda000c03010002110311003f00") + b"\x12\x34"
    with pytest.raises(ImageRejected):
        lead_pdf(papers.paper(candidate=Photo(jpeg=b"\xff\xd8" + frame + scan + b"\xff\xd9")))


@pytest.mark.parametrize("crop", [(5000, 0, 10, 10), (0, 0, 0, 10), (-20, 0, 10, 10)])
def test_a_crop_outside_of_the_photo_is_refused(crop):
    with pytest.raises(ImageRejected):
        lead_pdf(papers.paper(probe=Photo(jpeg=drawn_face(), crop=crop)))


WITHOUT_A_FILE = """
import resource, sys
import papers
from countenance.reports import lead_pdf
opened = []
def watch(event, args):
    if event == "open" and len(args) > 2 and args[2] & 3:
        opened.append(args[0])
sys.addaudithook(watch)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
made = lead_pdf(papers.paper())
assert opened == [], opened
sys.stdout.buffer.write(made)
"""


def test_a_report_is_made_where_nothing_can_be_written(tmp_path):
    """The system lets the program write no byte into any file; a pipe takes the report."""
    paths = os.pathsep.join([str(TESTS), *sys.path])
    done = subprocess.run(
        [sys.executable, "-B", "-c", WITHOUT_A_FILE],
        env={"PYTHONPATH": paths, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.stderr == b""
    assert done.stdout == lead_pdf(papers.paper())
    assert list(tmp_path.rglob("*")) == []


def test_such_a_program_would_not_get_away_with_a_file(tmp_path):
    code = (
        "import os, resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); os.write(os.open('face', 65), b'x')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False
    )
    assert b"File too large" in done.stderr
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 0


def test_the_template_takes_nothing_from_the_network_or_elsewhere():
    source = (pdf.TEMPLATES / "report.typ").read_text(encoding="utf-8")
    assert "@preview" not in source
    assert "import" not in source
    assert "read(" not in source
    assert "eval" not in source


def test_the_package_writes_no_file():
    calls = {
        getattr(node.func, "attr", getattr(node.func, "id", ""))
        for path in Path(pdf.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    }
    assert not calls & {"open", "write_bytes", "write_text", "NamedTemporaryFile", "mkdtemp"}


def test_what_was_sealed_is_printed_again_to_the_byte():
    for facts in (
        papers.facts(),
        papers.at_operating_point(),
        papers.facts(threshold=0.6),
    ):
        again = facts_from_json(json.loads(json.dumps(facts_to_json(facts))))
        assert again == facts


@pytest.mark.parametrize(
    "broken", [{}, {"released_at": "x"}, {**facts_to_json(papers.facts()), "examiners": [1]}]
)
def test_what_cannot_be_read_back_is_refused(broken):
    with pytest.raises(InputError):
        facts_from_json(broken)


def test_a_lead_without_a_conclusion_is_not_printed():
    with pytest.raises(InputError):
        papers.facts(examiners=())
    with pytest.raises(InputError):
        papers.facts(examiners=papers.facts().examiners[:1])


def test_the_certificate_of_a_destruction_says_what_is_gone_and_what_is_kept():
    paper = Certificate(
        title="What this search found was destroyed",
        at=papers.AT,
        agency="Harbour City Police",
        rows=(
            ("Rule", "eu-ai-act.authorisation"),
            ("Law", "Regulation (EU) 2024/1689 Art. 26(10)"),
        ),
        destroyed=("The list of candidates", "The template of the probe"),
        kept=("That the search was run, and by whom",),
        receipt=papers.receipt(),
    )
    made = certificate_pdf(paper)
    text = flat(text_of(made))
    for said in (*paper.destroyed, *paper.kept, paper.title, paper.receipt.code, *paper.rows[1]):
        assert flat(said) in text
    assert certificate_pdf(paper) == made


def test_a_report_takes_less_than_two_seconds():
    """Each is another lead of other photos: of the same one Typst remembers how it was set."""
    tones = range(200, 205)
    leads = [
        replace(
            papers.with_facts(number=f"{tone}"), probe=Photo(jpeg=drawn_face(skin=(tone, 160, 130)))
        )
        for tone in tones
    ]
    began = time.perf_counter()
    for lead in leads:
        lead_pdf(lead)
    each = (time.perf_counter() - began) / len(leads)
    print(f"a report takes {each:.3f} s")
    assert each < 2
