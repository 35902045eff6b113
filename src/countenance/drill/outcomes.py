"""What came of a change to a row; words that need no database, so that the thieves know them too."""

from __future__ import annotations

REFUSED = "refused when it is read"
FOUND = "found by comparing the rows with the ledger"
BY_RECEIPT = "found by whoever kept a newer receipt"
ACCEPTED = "accepted"
OPENED = "opened as something else"
