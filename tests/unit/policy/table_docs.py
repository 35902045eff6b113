"""The page on policy packs says what the data say: its two tables are written from them.

To write them anew: `python tests/unit/policy/table_docs.py`.
"""

from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "explanation" / "policy-packs.md"
BEGIN, END = "<!-- {}: begin, from the data -->", "<!-- {}: end -->"


def rules_table(p):
    """Return every rule of every pack with its citation."""
    lines = ["| Pack | Rule | What it says | Where it comes from |", "|---|---|---|---|"]
    return lines + [
        f"| {name} | {held.rule.name} | {held.rule.says} | {held.citation} |"
        for name in p.packs.PACKS
        for held in p.packs.terms_of(name).in_order()
    ]


def packs_table(p):
    """Return the packs with their titles and summaries."""
    lines = ["| Pack | Title | What it is for |", "|---|---|---|"]
    return lines + [
        f"| {pack.name} | {pack.title} | {pack.summary} |" for pack in p.packs.PACKS.values()
    ]


def offences_table(p):
    """Return the vocabulary of offences, and which packs list each."""
    lists = {name: dict(p.packs.offences_of(p.packs.terms_of(name))) for name in p.packs.PACKS}
    lines = ["| Code | Offence | On the list of |", "|---|---|---|"]
    return lines + [
        f"| {code} | {label} | {', '.join(name for name, codes in lists.items() if code in codes)} |"
        for code, label in p.packs.OFFENCES.items()
    ]


PARTS = {"packs": packs_table, "rules": rules_table, "offences": offences_table}


def part_of(text, name):
    """Return the lines of a part of the page."""
    return text.split(BEGIN.format(name))[1].split(END.format(name))[0].strip().splitlines()


def the_page_says_what_the_data_say(p):
    """Compare each part of the page with the data."""
    text = PAGE.read_text(encoding="utf-8")
    for name, made in PARTS.items():
        assert part_of(text, name) == made(p), name


TABLES = (the_page_says_what_the_data_say,)


def write(p):
    """Write the parts of the page anew."""
    text = PAGE.read_text(encoding="utf-8")
    for name, made in PARTS.items():
        before, rest = text.split(BEGIN.format(name))
        after = rest.split(END.format(name))[1]
        body = "\n".join(made(p))
        text = f"{before}{BEGIN.format(name)}\n\n{body}\n\n{END.format(name)}{after}"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    from unit.policy.loading import real

    write(real())
