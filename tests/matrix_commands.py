"""What each command does, and what a token does that is for reading only: the matrix of the command line."""

from __future__ import annotations

COMMANDS: dict[str, str] = {
    "inbox": "inbox",
    "enrol": "enrol",
    "search": "search.run",
    "result": "candidates.view",
    "verify-ledger": "ledger.read",
    "source add": "sources.register",
    "source list": "sources.read",
    "source remove": "sources.change",
    "gallery create": "galleries.make",
    "gallery list": "galleries.read",
    "gallery show": "galleries.read",
    "photo list": "galleries.read",
    "photo remove": "photos.remove",
    "subject list": "galleries.read",
    "subject remove": "photos.remove",
    "authority propose": "authorities.propose",
    "authority list": "authorities.read",
    "authority show": "authorities.read",
    "authority attach": "authorities.propose",
    "authority document": "authorities.read",
    "case open": "cases.open",
    "case list": "cases.read",
    "case authority": "cases.open",
    "case members": "cases.lead",
    "case close": "cases.lead",
    "case add-evidence": "evidence.add",
    "case ask": "search.ask",
    "approval list": "approvals.read",
    "approval show": "approvals.read",
    "approval ask": "approvals.ask",
    "approval withdraw": "approvals.ask",
    "agency list": "agencies.read",
    "agency admit": "agencies.admit",
    "agency suspend": "agencies.suspend",
    "agency restore": "agencies.suspend",
    "person list": "people.read",
    "person invite": "people.invite",
    "person suspend": "people.suspend",
    "person restore": "people.suspend",
    "person training": "people.roles",
    "ledger export": "ledger.export",
}
"""What each command does; those that need only the machine are in `cli.app.MACHINE_ONLY`."""

READ_SCOPE = {
    "inbox",
    "galleries.read",
    "sources.read",
    "authorities.read",
    "cases.read",
    "approvals.read",
}
"""What a token does that is for reading only."""
