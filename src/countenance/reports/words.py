"""The sentences of a lead's report; the PDF and the page take them from here, so that both say the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from countenance.ledger.receipt import Receipt
from countenance.reports.paper import (
    Compared,
    Examiner,
    LeadFacts,
    Rows,
    Share,
)

DISCLAIMER = "Not an identification. Not probable cause by itself."
WHAT_IT_IS = (
    "Trained examiners compared two photos, each for themselves. What they concluded is an opinion "
    "about photos. It can be wrong, and people who are not related can look alike. Find independent "
    "evidence before anything is decided about a person."
)
# Said of searches of before there was a choice of modes, whose leads must print as they did.
ALWAYS_A_LIST = (
    "A list of candidates is always returned, also when the person is not in the gallery. "
    "No error rate of this search has been measured yet."
)
NOT_MEASURED = "How often strangers are at or above it: not measured."
LISTED = (
    "An investigation list always holds the people who look most alike, also when the person is not in the "
    "gallery. So there is no rate of searches that wrongly return somebody: each of them returns somebody."
)
BY_HAND = "That was set by hand, not measured: how often strangers are at or above it is not known."
PROOF = (
    "The disclosure bundle of the case holds the proof; "
    "“countenance verify-bundle” checks it on any machine, without a network."
)
THIN = "\N{NARROW NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """An examiner's conclusion in sentences."""

    heading: str
    label: str
    sentence: str
    note: str
    recorded: str
    measured: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadWords:
    """Everything that stands on a lead's report, in order."""

    title: str
    standing: tuple[str, ...]
    disclaimer: str
    what_it_is: str
    head: Rows
    probe: Rows
    candidate: Rows
    opinions: tuple[Opinion, ...]
    waiver: str
    headings: tuple[str, ...]
    components: tuple[Compared, ...]
    disagreements: str
    found: Rows
    limits: Rows
    receipt: Rows
    verify: tuple[str, ...]
    foot: str


def lead_words(facts: LeadFacts, receipt: Receipt) -> LeadWords:
    """Return what a lead's report says; components on which the examiners differ come first."""
    differing = [one for one in facts.components if one.differs]
    agreeing = [one for one in facts.components if not one.differs]
    word = "".join(f", {one.lower()}" for one in facts.standing[:1])
    return LeadWords(
        title=": ".join((f"Lead {facts.number}", *facts.standing[:1])),
        standing=facts.standing,
        disclaimer=DISCLAIMER,
        what_it_is=WHAT_IT_IS,
        head=(
            ("Agency", facts.agency),
            ("Case", facts.case),
            ("Released", moment(facts.released_at)),
            ("By", f"{facts.released_by}, {facts.released_as}"),
        ),
        probe=facts.probe,
        candidate=facts.candidate,
        opinions=opinions(facts),
        waiver=facts.waiver,
        headings=tuple(f"Examiner {i}" for i in range(1, len(facts.examiners) + 1)),
        components=(*differing, *agreeing),
        disagreements=_disagreements(facts, len(differing)),
        found=_found(facts),
        limits=limits(facts),
        receipt=receipt_rows(receipt),
        verify=verify_words(receipt, facts.portal),
        foot=f"Lead {facts.number}{word}. {DISCLAIMER} Receipt {receipt.code}.",
    )


def opinions(facts: LeadFacts) -> tuple[Opinion, ...]:
    """Return each examiner's conclusion in sentences, with their measured error."""
    return tuple(_opinion(i, one) for i, one in enumerate(facts.examiners, start=1))


def limits(facts: LeadFacts) -> Rows:
    """Return what may not be done with a lead, and by what law."""
    return tuple((said[:1].upper() + said[1:], cited) for said, cited in facts.limits)


def receipt_rows(receipt: Receipt) -> Rows:
    """Return a receipt as pairs of label and text."""
    return (
        ("Receipt", receipt.code),
        ("Ledger entry", count(receipt.index)),
        ("Ledger size", count(receipt.size)),
        ("Root", receipt.root.hex()),
    )


def verify_words(receipt: Receipt, portal: str) -> tuple[str, ...]:
    """Return how a reader checks a receipt."""
    where = (
        f"Enter the receipt {receipt.code} at {portal}: it says whether this entry is on the ledger."
        if portal
        else f"Ask the agency's auditor to look up the receipt {receipt.code} on the ledger."
    )
    return (
        where,
        PROOF,
    )


def moment(value: datetime) -> str:
    """Return a moment as people write it here: 22 Nov 2026, 21:04 UTC."""
    at = value.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def count(value: int) -> str:
    """Return a count with narrow spaces between thousands."""
    return f"{value:,}".replace(",", THIN)


def similarity(value: float) -> str:
    """Return a threshold with two decimals, or as many as were agreed on."""
    whole, decimals = f"{value:.6f}".split(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def _opinion(number: int, one: Examiner) -> Opinion:
    return Opinion(
        heading=f"Examiner {number}: {one.name}",
        label=one.label,
        sentence=one.sentence,
        note=one.note,
        recorded=f"Recorded {moment(one.recorded_at)}",
        measured=_measured(one),
    )


def _altered(controls: int) -> tuple[str, ...]:
    """Say how many controls are left out of a measure because somebody altered them; nothing if none is."""
    if controls == 0:
        return ()
    were = "examination more was" if controls == 1 else "examinations more were"
    return (f"{count(controls)} {were} altered in the database, and not counted.",)


def _measured(one: Examiner) -> tuple[str, ...]:
    """Say what known answers say about an examiner; never as a percentage."""
    pairs = one.false_same.of + one.false_other.of
    altered = _altered(one.unreadable)
    if pairs == 0:
        nothing = "This examiner's error has not been measured on pairs with known answers yet."
        return (nothing, *altered)
    noun = "pair" if pairs == 1 else "pairs"
    where = "examination" if one.controls == 1 else "examinations"
    return (
        f"Error measured on {count(pairs)} {noun} with known answers, in {count(one.controls)} {where}.",
        _said(one.false_same, "showing two people", "concluded to be one person"),
        _said(one.false_other, "showing one person", "concluded to be two people"),
        *altered,
    )


def _said(share: Share, shown: str, wrong: str) -> str:
    if share.of == 0:
        return f"Of pairs {shown}: none tried yet."
    return f"Of {count(share.of)} {shown}, {count(share.wrong)} {wrong}: {_share(share)}."


def _share(share: Share) -> str:
    figure = share.wrong / share.of if share.of else 0.0
    return f"{_figure(figure)} (0.95 interval {_figure(share.low)} to {_figure(share.high)})"


def _figure(value: float) -> str:
    """Return three decimals, and more where three would only show zeros."""
    small = 0 < value < 0.0005  # noqa: PLR2004 # what three decimals round to nothing
    return f"{value:.6f}".rstrip("0") if small else f"{value:.3f}"


def _disagreements(facts: LeadFacts, differing: int) -> str:
    if len(facts.examiners) == 1:
        return "One examiner compared the components of the face."
    if differing == 0:
        return "The examiners gave the same answer for every component."
    noun = "component" if differing == 1 else "components"
    of = f"{differing} of {len(facts.components)} {noun}"
    return f"The examiners differ on {of}. Those stand first."


def _found(facts: LeadFacts) -> Rows:
    place = f"Place on the list: {facts.place}." if facts.place else ""
    asked = f"{facts.asked}, {_least(facts)}." if facts.asked else ""
    search = " ".join(filter(None, (asked, place)))
    size = f"{count(facts.gallery_size)} templates, version {facts.snapshot}"
    return (
        ("Authority", f"{facts.authority} ({facts.authority_section})"),
        *((("Search", search),) if search else ()),
        ("Gallery", f"{facts.gallery}: {size}"),
        ("Model", f"{facts.model}. Licence of the weights: {facts.model_licence}"),
        ("Error of the search", _error(facts)),
    )


def _least(facts: LeadFacts) -> str:
    if facts.measured:
        return f"nobody below the operating point, similarity {similarity(facts.threshold or 0.0)}"
    if facts.threshold is not None:
        return f"nobody below similarity {similarity(facts.threshold)}"
    return "investigation list" if facts.mode else "no threshold"


def _error(facts: LeadFacts) -> str:
    """Say how often the search errs; where nothing was measured, that, and what the list is worth."""
    if facts.measured:
        return facts.measured
    if facts.threshold is None:
        return LISTED if facts.mode else ALWAYS_A_LIST
    how = BY_HAND if facts.mode else NOT_MEASURED
    return f"Nobody below similarity {similarity(facts.threshold)} was listed. {how}"
