"""What else than the law says that a case is still needed, so that its clocks do not destroy anything.

The apps that know are above this one, so they tell it: from their `AppConfig.ready`. The leads app keeps
what a lead stands on for as long as the lead is open:

    from countenance.apps.cases import keeping

    keeping.register(has_open_lead)
"""

from __future__ import annotations

from collections.abc import Callable

from countenance.apps.cases.models import Case

Keeps = Callable[[Case], bool]

_keepers: list[Keeps] = []


def register(keeps: Keeps) -> None:
    """Ask this function too, inside the transaction that would destroy; True keeps everything of the case."""
    if keeps not in _keepers:
        _keepers.append(keeps)


def is_kept(case: Case) -> bool:
    """Say whether somebody still needs what there is of a case."""
    return any(keeps(case) for keeps in _keepers)
