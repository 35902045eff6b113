"""Counting failed tries by address, alike for addresses that nobody has; those to step up, by person.

Apart, because anybody can fail with an address that they know: that must not stop who is signed in.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from countenance.apps.agencies.models import SignInTries
from countenance.tools import Tools, utc_now

SIGN_IN_TRIES = 5
LOCK_TIME = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(days=1)


def lock(email: str, *, tools: Tools) -> SignInTries:
    """Return the tries of an address, locked, so that those at the same time are counted one by one."""
    return _lock(tools.keyring.blind_index(email.strip(), purpose="sign_in.address"), tools=tools)


def lock_steps(person: UUID, *, tools: Tools) -> SignInTries:
    """Return, locked likewise, the tries of somebody who is signed in to prove once more who they are."""
    return _lock(tools.keyring.blind_index(str(person), purpose="step_up.person"), tools=tools)


def _lock(index: bytes, *, tools: Tools) -> SignInTries:
    SignInTries.objects.bulk_create(
        [SignInTries(address_index=index, tried_at=tools.clock())],
        update_conflicts=True,
        unique_fields=["address_index"],
        update_fields=["tried_at"],
    )
    return SignInTries.objects.select_for_update(no_key=True).get(address_index=index)


def is_locked(tries: SignInTries, *, tools: Tools) -> bool:
    """Say whether no try counts at present."""
    return tries.locked_until is not None and tries.locked_until > tools.clock()


def count(tries: SignInTries, *, right: bool, tools: Tools) -> bool:
    """Write down how a try ended, and say whether it was the one that locks."""
    locks = False
    if right:
        tries.failed, tries.locked_until = 0, None
    elif not is_locked(tries, tools=tools):
        tries.failed += 1
        locks = tries.failed >= SIGN_IN_TRIES
        if locks:
            tries.failed, tries.locked_until = 0, tools.clock() + LOCK_TIME
    tries.save(update_fields=("failed", "locked_until"))
    return locks


def forget_old() -> None:
    """Delete the tries that no longer matter."""
    SignInTries.objects.filter(tried_at__lt=utc_now() - FORGOTTEN_AFTER).delete()
