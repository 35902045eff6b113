"""Erasing again what was erased since a backup, with the very services that erased it, before anything is served.

The ledger of the lost deployment is continued first, as it was; then each of its entries that destroyed something, or
only took power away, is repeated on what the backup brought back. Each repetition is an entry of its own. An interrupted one goes on.
What was altered before the backup may not open: it holds back nothing else, and nothing is served until somebody says why all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.db.models import QuerySet

from countenance.apps.agencies import repeating as agencies
from countenance.apps.approvals import repeating as approvals
from countenance.apps.galleries import repeating as galleries
from countenance.apps.records import checkpoints, restoring, witnessed
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.queries import head
from countenance.config import Config
from countenance.errors import NotFound, ReasonMissing, SealBroken
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM
from countenance.tools import Tools
from countenance.web.backups import erasures, marks
from countenance.web.backups.groups import BY_HAND, LIFTED, REPEATED, Repeat
from countenance.web.backups.marks import Mark

_INVITATION, _APPROVAL = Action.INVITATION_WITHDRAWN, Action.APPROVAL_WITHDRAWN

Notify = Callable[[int, int], None]
Left = dict[str, list[str]]

NARROWED: Mapping[Action, Repeat] = {
    Action.GALLERY_TERMS_CHANGED: galleries.begin_terms_again,
    Action.PASSWORD_CHANGED: agencies.lock_password_again,
}
"""What is not done again, as what it set is lost, but narrows what the backup had; people are told of it all the same."""


def replay(
    settings: Config, mark: Mark, *, place: Path | None, reason: str, tools: Tools, notify: Notify
) -> dict[str, object]:
    """Continue the ledger, erase again, and take away the mark; return what was done.

    Args:
        settings: where the home is.
        mark: what it was restored from.
        place: where the list of erasures is; None: it is lost.
        reason: why there is none, in words; or why to serve although something could not be repeated, once
            an earlier run said what.
        tools: all keys.
        notify: told how many erasures are done, of how many.

    Raises:
        ReasonMissing: there is no list, and nobody says why.
        ErasureListBroken: the list was changed, or is not of this deployment.
        SealBroken: something does not open and was not repeated, everything else was; the mark stays.
    """
    told = head() != mark.head
    if not told:
        _continue(mark, place=place, reason=reason, tools=tools)
    begun = restoring.continued_at(mark.backup)
    if begun is None:
        raise NotFound("The ledger says nothing of this restore.")
    since = LedgerRow.objects.filter(index__gte=mark.head.size, index__lt=begun.index)
    _keep_witnesses(mark, since, begun=begun.index, tools=tools)
    left: Left = {}
    repeated = _repeat(since, left=left, tools=tools, notify=notify)
    withdrawn = _withdraw(mark, begun=begun.index, left=left, tools=tools)
    if left and not (told and reason.strip()):
        raise _unfinished(left)
    by_hand = Counter(since.filter(action__in=map(str, BY_HAND)).values_list("action", flat=True))
    named = {str(one): [str(pk) for pk in _about(since, one)] for one in BY_HAND}
    restoring.note_repeated(
        SYSTEM,
        backup=mark.backup,
        repeated=repeated,
        by_hand=by_hand,
        withdrawn=withdrawn,
        not_repeated=left,
        reason=reason,
        tools=tools,
    )
    tools.shelf.clear()
    marks.remove(settings)
    return {
        "backup": str(mark.backup),
        "entries": begun.index - mark.head.size,
        "known_size": begun.index,
        "repeated": dict(sorted(repeated.items())),
        **{f"{what}_withdrawn": count for what, count in withdrawn.items()},
        "not_repeated": left,
        "by_hand": dict(sorted(by_hand.items())),
        "by_hand_about": {action: ids for action, ids in sorted(named.items()) if ids},
        "known_until": (_last(since) or mark.made_at).isoformat(),
    }


def _withdraw(mark: Mark, *, begun: int, left: Left, tools: Tools) -> dict[str, int]:
    """Withdraw what was open in the backup, and return how much of it was, also by an earlier run.

    What was used since is in no entry, and with a lost list nothing is.
    """
    failed: dict[Action, list[str]] = {_INVITATION: [], _APPROVAL: []}
    agencies.withdraw_open_invitations(SYSTEM, failed=failed[_INVITATION], tools=tools)
    approvals.withdraw_open(SYSTEM, since=mark.made_at, failed=failed[_APPROVAL], tools=tools)
    left.update({str(action): ids for action, ids in failed.items() if ids})
    now = LedgerRow.objects.filter(index__gt=begun)
    return {
        "invitations": now.filter(action=str(_INVITATION)).count(),
        "approvals": now.filter(action=str(_APPROVAL)).count(),
    }


def _continue(mark: Mark, *, place: Path | None, reason: str, tools: Tools) -> None:
    if place is None and not reason.strip():
        raise ReasonMissing(
            "Say in words why there is no list of what was erased since the backup."
        )
    found = None if place is None else erasures.read(place, since=mark.head, keyring=tools.keyring)
    restoring.continue_ledger(
        SYSTEM,
        backup=mark.backup,
        made_at=mark.made_at,
        head=mark.head,
        taken_from="lost" if found is None else found.kind,
        heads={} if found is None else found.heads,
        entries=() if found is None else found.entries,
        reason=reason,
        tools=tools,
    )


def _keep_witnesses(mark: Mark, since: QuerySet[LedgerRow], *, begun: int, tools: Tools) -> None:
    """Set the backup's witnesses anew where the lost ledger had set others, whose row is in no backup."""
    changed = str(Action.WITNESSES_CHANGED)
    done = LedgerRow.objects.filter(index__gt=begun, action=changed).exists()
    if not done and since.filter(action=changed).exists():
        kept = witnessed.policy_now(before=mark.head.size).policy
        checkpoints.keep_witnesses(SYSTEM, policy=kept, tools=tools)


def _about(since: QuerySet[LedgerRow], action: Action) -> list[UUID]:
    """Return what entries of an action are about, each once."""
    found = since.filter(action=str(action), about__isnull=False).values_list("about", flat=True)
    return [one for one in found.order_by("about").distinct() if one]


def _try(service: Repeat, action: Action, about: UUID, *, left: Left, tools: Tools) -> int:
    """Repeat one, and return how much that was; note it among what is left if it does not open."""
    try:
        return service(SYSTEM, about=about, tools=tools)
    except SealBroken:
        left.setdefault(str(action), []).append(str(about))
        return 0


def _unfinished(left: Left) -> SealBroken:
    said = "; ".join(f"{action} {one}" for action, ids in sorted(left.items()) for one in ids)
    return SealBroken(
        f"Not done again, because what stands in the backup was altered and does not open: {said}. Everything else was "
        "done again. Restore an older backup into another empty home; or run this once more with --reason to say in words why "
        "to serve all the same.",
        not_repeated=left,
    )


def _repeat(
    since: QuerySet[LedgerRow], *, left: Left, tools: Tools, notify: Notify
) -> dict[str, int]:
    """Do again what these entries did, in their order, but for what others lifted; return how much, by action."""
    for action, service in NARROWED.items():
        for about in _about(since, action):
            _try(service, action, about, left=left, tools=tools)
    wanted = since.filter(action__in=map(str, REPEATED), about__isnull=False).order_by("index")
    lifts = since.filter(action__in=map(str, LIFTED.values())).order_by("index")
    lifted = {(action, about): index for action, about, index in _named(lifts)}
    todo = [
        (Action(action), about)
        for action, about, index in _named(wanted)
        if lifted.get((str(LIFTED.get(Action(action))), about), -1) < index
    ]
    done: Counter[str] = Counter()
    for number, (action, about) in enumerate(todo, start=1):
        done[str(action)] += _try(REPEATED[action], action, about, left=left, tools=tools)
        notify(number, len(todo))
    return {action: count for action, count in done.items() if count}


def _named(rows: QuerySet[LedgerRow]) -> list[tuple[str, UUID, int]]:
    """Return action, id of what it was about, and index, of the entries that name something."""
    found = rows.values_list("action", "about", "index")
    return [(action, about, index) for action, about, index in found if about]


def _last(since: QuerySet[LedgerRow]) -> datetime | None:
    return since.order_by("-index").values_list("at", flat=True).first()
