"""Leads to print, with faces that are drawn and nobody's."""

import io
from dataclasses import replace
from datetime import UTC, datetime

from PIL import Image, ImageDraw

from countenance.examination.components import Answer, Component
from countenance.examination.scale import Conclusion
from countenance.ledger.receipt import Receipt
from countenance.policy.packs import lead_limits, terms_of
from countenance.policy.packs.results import LIMIT_WORDS
from countenance.reports import (
    Compared,
    Examiner,
    LeadFacts,
    LeadPaper,
    Photo,
    Share,
)

AT = datetime(2026, 11, 22, 21, 4, tzinfo=UTC)


def drawn_face(*, wide=900, high=1200, skin=(212, 164, 130), mole=True):
    """Draw a face as a JPEG; eyes at a third of the width."""
    picture = Image.new("RGB", (wide, high), (150, 158, 168))
    draw = ImageDraw.Draw(picture)
    middle, unit = wide / 2, wide / 10
    top = high * 0.18
    draw.rectangle((middle - unit, top + 5 * unit, middle + unit, high), fill=(186, 140, 108))
    draw.ellipse(
        (middle - 2.6 * unit, top - unit, middle + 2.6 * unit, top + 3 * unit), fill=(44, 36, 32)
    )
    draw.ellipse((middle - 2.3 * unit, top, middle + 2.3 * unit, top + 6.4 * unit), fill=skin)
    for side in (-1, 1):
        x, y = middle + side * unit, top + 2.6 * unit
        draw.ellipse((x - 0.5 * unit, y - 0.2 * unit, x + 0.5 * unit, y + 0.2 * unit), fill="white")
        draw.ellipse(
            (x - 0.18 * unit, y - 0.18 * unit, x + 0.18 * unit, y + 0.18 * unit), fill=(60, 42, 30)
        )
        draw.line(
            (x - 0.7 * unit, y - 0.6 * unit, x + 0.7 * unit, y - 0.6 * unit),
            fill=(44, 36, 32),
            width=12,
        )
    draw.line(
        (middle, top + 2.6 * unit, middle - 0.3 * unit, top + 4 * unit),
        fill=(160, 110, 82),
        width=8,
    )
    draw.line(
        (middle - unit, top + 5 * unit, middle + unit, top + 5 * unit), fill=(150, 80, 78), width=16
    )
    if mole:
        draw.ellipse(
            (middle + unit, top + 4.2 * unit, middle + 1.2 * unit, top + 4.4 * unit),
            fill=(60, 40, 30),
        )
    return as_jpeg(picture)


def as_jpeg(picture, **options):
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=88, **options)
    return target.getvalue()


def receipt():
    path = tuple(bytes([i]) * 32 for i in range(5))
    return Receipt(
        index=4711, leaf=bytes(range(32)), size=5002, root=bytes(range(32, 64)), path=path
    )


def examiner(name, conclusion=Conclusion.SAME, **changes):
    words = {
        "name": name,
        "label": conclusion.label,
        "sentence": conclusion.sentence,
        "recorded_at": AT,
        "false_same": Share(wrong=1, of=42, low=0.0042, high=0.1232),
        "false_other": Share(wrong=3, of=40, low=0.0258, high=0.1986),
        "controls": 14,
    }
    return Examiner(**{**words, **changes})


def components(differing=(Component.EYEBROWS, Component.EARS)):
    other = {Component.LINES: Answer.CANNOT.label}
    return tuple(
        Compared(
            component=one.label,
            answers=(
                other.get(one, Answer.SIMILAR.label),
                Answer.DIFFERENT.label
                if one in differing
                else other.get(one, Answer.SIMILAR.label),
            ),
        )
        for one in Component
    )


def facts(**changes):
    limits = lead_limits(terms_of("detroit-williams"))
    said = {
        "number": "2026-0042",
        "agency": "Harbour City Police, Missing Persons Unit",
        "case": "26-01187",
        "released_at": AT,
        "released_by": "S. Lindqvist",
        "released_as": "supervisor",
        "probe": (
            ("Evidence", "Still of the ticket hall camera, 14 Nov 2026"),
            ("Added by", "M. Osei, investigator"),
            ("SHA-256", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        ),
        "candidate": (
            ("Subject", "HC-2019-03317"),
            ("Photo", "Booking photo, 3 May 2019"),
            ("Source", "County booking photos 2015 to 2024, Harbour County Sheriff"),
            ("Lawful basis", "County code § 12-4; agreement of 1 Feb 2025"),
            ("Kept until", "1 Feb 2030"),
        ),
        "examiners": (
            examiner(
                "K7",
                Conclusion.SAME_STRONG,
                note="The mole beside the nose has the same place and size.",
            ),
            examiner("P2"),
        ),
        "components": components(),
        "model": "SFace 2021-12 (OpenCV Zoo)",
        "model_licence": "Apache-2.0",
        "gallery": "Booking photos",
        "gallery_size": 1_204_311,
        "snapshot": "318",
        "asked": "22 Nov 2026, at most 20 candidates",
        "place": "3rd of 20 candidates",
        "authority": "Warrant 26-W-0931 of 12 Nov 2026, aggravated assault",
        "authority_section": "MCL 750.81a",
        "limits": tuple((LIMIT_WORDS[limit], citation) for limit, citation in limits.items()),
        "portal": "the agency's public page, under “Check a lead or receipt”",
    }
    return LeadFacts(**{**said, **changes})


MEASURED = (
    "At this setting about 3 in 1,000 searches for people who are not in this gallery of 1,204,311 return somebody "
    "(between 2 in 1,000 and 4 in 1,000), and about 41 in 1,000 for people who are in it do not return them (between "
    "37 in 1,000 and 46 in 1,000). Extrapolated from a labelled sample of 10,000 people among 9,999 on 2 November 2026."
)


def at_operating_point(**changes):
    """Return the facts of a lead from a search at a measured operating point."""
    return facts(mode="identification", measured=MEASURED, threshold=0.412, **changes)


def paper(**changes):
    said = {
        "facts": facts(),
        "probe": Photo(jpeg=drawn_face(), crop=(150, 180, 600, 700)),
        "candidate": Photo(jpeg=drawn_face(skin=(206, 158, 126)), crop=(150, 180, 600, 700)),
        "receipt": receipt(),
    }
    return LeadPaper(**{**said, **changes})


def with_facts(**changes):
    return replace(paper(), facts=facts(**changes))
