"""The engine behind Django's sessions: a row for each signed-in browser, sealed, and none for strangers.

The cookie holds a random key, the row its hash. Key and beginning stand in the sealed content as well,
so that nobody who writes to the database can give a session to another browser or lengthen it.
"""

from __future__ import annotations

import hashlib
import secrets
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.db import DatabaseError, transaction

from countenance.apps.agencies.models import Person, SignInSession
from countenance.tools import utc_now

IDLE = timedelta(minutes=15)
LONGEST = timedelta(hours=8)
NOTED_AT_MOST_EVERY = timedelta(minutes=1)
KEY_BYTES = 32
AT_ONCE = ("proved_at", "proved_by")
"""What `put` and `forget` write at once: a slow request with an older content does not bring it back."""


def hash_of(key: str) -> bytes:
    """Return what is kept of a cookie's key."""
    return hashlib.sha256(key.encode()).digest()


class SessionStore(SessionBase):
    """One session. `row_id` is its number for its owner; None as long as nobody signed in."""

    def __init__(self, session_key: str | None = None) -> None:
        """Start with the key of a cookie, if there is one; nothing is read yet."""
        super().__init__(session_key)
        self._row: SignInSession | None = None
        self._stored: dict[str, Any] = {}

    @property
    def row_id(self) -> UUID | None:
        """Return the id of the session's row."""
        self._content()
        return None if self._row is None else self._row.pk

    def load(self) -> dict[str, Any]:
        """Return the content of the session, empty if it has ended."""
        row = self._find(utc_now())
        if row is None:
            self._session_key = None
            return {}
        self._row = row
        content: dict[str, Any] = row.data["content"]
        self._stored = deepcopy(content)
        return content

    def _find(self, now: datetime) -> SignInSession | None:
        key = self.session_key
        if key is None:
            return None
        row = (
            SignInSession.objects.filter(
                key_hash=hash_of(key), seen_at__gt=now - IDLE, ends_at__gt=now
            )
            .select_related("person__agency")
            .first()
        )
        if row is None:
            return None
        sealed = row.data
        its_own = (
            sealed["key"] == hash_of(key).hex()
            and datetime.fromisoformat(sealed["began"]) > now - LONGEST
            and sealed["content"].get(SESSION_KEY) == str(row.person_id)
        )
        return row if its_own else None

    def _content(self) -> dict[str, Any]:
        """Return the content, read now if it was not."""
        return self._session  # type: ignore[attr-defined,no-any-return] # the stubs do not know it

    def exists(self, session_key: str) -> bool:
        """Say whether a session has this key."""
        return SignInSession.objects.filter(key_hash=hash_of(session_key)).exists()

    def create(self) -> None:
        """Take a new key; a row is made when somebody has signed in."""
        self._session_key = secrets.token_urlsafe(KEY_BYTES)
        self._row, self._stored = None, {}
        self.modified = True

    def cycle_key(self) -> None:
        """Take a new key; the old one works no more, and the limits stay."""
        self._content()
        self._session_key = secrets.token_urlsafe(KEY_BYTES)
        self.modified = True
        if self._row is not None:
            self.save()

    def save(self, must_create: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 # Django's
        """Write the session of somebody who signed in.

        Raises:
            UpdateError: it was ended meanwhile; nothing brings it back.
        """
        content = self._content()
        if SESSION_KEY not in content:
            return
        if self.session_key is None:
            self._session_key = secrets.token_urlsafe(KEY_BYTES)
        if self._row is None:
            self._insert(content, utc_now())
        else:
            self._update(self._row, content, utc_now())
        self._stored = deepcopy(content)

    def _insert(self, content: dict[str, Any], now: datetime) -> None:
        row = SignInSession(
            person=Person.objects.select_related("agency").get(pk=content[SESSION_KEY]),
            signed_in_at=now,
            seen_at=now,
            ends_at=now + LONGEST,
        )
        self._fill(row, content)
        row.save(force_insert=True)
        self._row = row

    def _update(self, row: SignInSession, content: dict[str, Any], now: datetime) -> None:
        same = content == self._stored and bytes(row.key_hash) == self._hash()
        if same and now - row.seen_at < NOTED_AT_MOST_EVERY:
            return
        row.seen_at = now
        fields = ["seen_at"]
        try:
            with transaction.atomic():
                if not same:
                    # Otherwise the content stays as it is there: this request may hold an older one.
                    self._fill(row, self._merged(row, content))
                    fields += ["key_hash", "data"]
                row.save(update_fields=fields, force_update=True)
        except DatabaseError:
            raise UpdateError from None

    def _merged(self, row: SignInSession, content: dict[str, Any]) -> dict[str, Any]:
        """Return the content with what is written at once as it is there now, unless it is dropped here."""
        there = _locked(row.pk)
        if there is None:
            raise UpdateError
        dropped = {name for name in AT_ONCE if name in self._stored and name not in content}
        merged = {name: value for name, value in content.items() if name not in AT_ONCE}
        present = there.data["content"]
        return merged | {
            name: present[name] for name in AT_ONCE if name in present and name not in dropped
        }

    def _fill(self, row: SignInSession, content: dict[str, Any]) -> None:
        row.key_hash = self._hash()
        row.data = {
            "key": self._hash().hex(),
            "began": row.signed_in_at.isoformat(),
            "content": deepcopy(content),
        }

    def _hash(self) -> bytes:
        return hash_of(self.session_key or "")

    def is_empty(self) -> bool:
        """Say whether no cookie is needed: nobody signed in here, or the session was ended meanwhile."""
        if self.session_key is None:
            return True
        content = getattr(self, "_session_cache", None)
        if content is None:
            return False
        if self.modified and self._row is not None:
            return not SignInSession.objects.filter(pk=self._row.pk).exists()
        return SESSION_KEY not in content

    def delete(self, session_key: str | None = None) -> None:
        """End the session of a key, this one's unless another is named."""
        key = session_key or self.session_key
        if key is not None:
            SignInSession.objects.filter(key_hash=hash_of(key)).delete()

    def flush(self) -> None:
        """End the session and forget its content."""
        super().flush()
        self._row, self._stored = None, {}

    @classmethod
    def clear_expired(cls) -> None:
        """Delete the sessions that have ended by time."""
        now = utc_now()
        SignInSession.objects.filter(ends_at__lte=now).delete()
        SignInSession.objects.filter(seen_at__lte=now - IDLE).delete()


def end_all(person: UUID, *, but: UUID | None = None) -> int:
    """End every session of a person, within the transaction of a service; return how many."""
    rows = SignInSession.objects.filter(person_id=person)
    if but is not None:
        rows = rows.exclude(pk=but)
    return rows.delete()[0]


def _locked(row_id: UUID) -> SignInSession | None:
    return (
        SignInSession.objects.select_for_update(no_key=True, of=("self",))
        .select_related("person")
        .filter(pk=row_id)
        .first()
    )


def put(row_id: UUID, values: dict[str, str]) -> None:
    """Write things of `AT_ONCE` together into the content of a session, if that was not ended meanwhile."""
    with transaction.atomic():
        row = _locked(row_id)
        if row is not None:
            sealed = row.data
            sealed["content"] |= values
            row.data = sealed
            row.save(update_fields=("data",))


def forget(row_id: UUID, name: str) -> bool:
    """Remove one thing from the content of a session at once, and say whether it was there."""
    with transaction.atomic():
        row = _locked(row_id)
        if row is None or name not in row.data["content"]:
            return False
        sealed = row.data
        del sealed["content"][name]
        row.data = sealed
        row.save(update_fields=("data",))
        return True
