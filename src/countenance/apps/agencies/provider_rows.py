"""What stands behind an agency's sign-in provider: its settings, what it says of itself, visits to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings as django_settings

from countenance.apps.agencies import oidc
from countenance.apps.agencies.flows import Visit, waiting
from countenance.apps.agencies.models import Provider, ProviderAccount
from countenance.errors import InputError, NotFound, ProviderUnusable
from countenance.tools import Tools

TOO_LATE = "This took too long, or was sent twice. Begin again."
NO_PROVIDER = (
    "No sign-in of an organisation answers under this code. Check the code with your coordinator, or sign in with your "
    "passkey, or with password and code."
)
METADATA_LASTS = timedelta(minutes=10)
MOST_METADATA = 200

_metadata: dict[str, tuple[datetime, oidc.Metadata]] = {}
_metadata_lock = threading.Lock()


def private_hosts() -> Collection[str]:
    """Return the hosts of providers that the operator of the machine allows private addresses."""
    hosts: Collection[str] = django_settings.PRIVATE_PROVIDERS
    return hosts


def settings_of(row: Provider) -> oidc.Settings:
    """Return what is kept, sealed, of an agency's provider."""
    kept = row.settings
    return oidc.Settings(
        issuer=kept["issuer"],
        client_id=kept["client_id"],
        client_secret=kept["client_secret"],
        acr=tuple(kept["acr"]),
    )


def known(settings: oidc.Settings, *, tools: Tools) -> oidc.Metadata:
    """Return what a provider says of itself, asked for at most every ten minutes."""
    now = tools.clock()
    with _metadata_lock:
        kept = _metadata.get(settings.issuer)
    if kept is not None and kept[0] > now:
        return kept[1]
    found = oidc.discover(settings.issuer, private=private_hosts(), tools=tools)
    with _metadata_lock:
        while len(_metadata) >= MOST_METADATA:
            del _metadata[next(iter(_metadata))]
        _metadata[settings.issuer] = (now + METADATA_LASTS, found)
    return found


def forget_metadata() -> None:
    """Ask every provider anew what it says of itself."""
    with _metadata_lock:
        _metadata.clear()


def begin(
    agency: UUID, person: UUID | None, *, redirect_uri: str, where: str, tools: Tools
) -> tuple[str, str]:
    """Return where to send a browser, and the number under which its visit waits.

    Raises:
        NotFound: the agency does not exist, is suspended, has no provider, or one that does not
            answer: all the same.
    """
    row = Provider.objects.filter(agency_id=agency).select_related("agency").first()
    if row is None or row.agency.suspended:
        raise NotFound(NO_PROVIDER)
    settings = settings_of(row)
    try:
        url, asked = oidc.begin(
            settings,
            known(settings, tools=tools),
            redirect_uri=redirect_uri,
            anew=person is not None,
            tools=tools,
        )
    except InputError:
        raise NotFound(NO_PROVIDER) from None
    visit = Visit(
        agency=agency,
        person=person,
        issuer=settings.issuer,
        client_id=settings.client_id,
        asked=asked,
        where=where,
    )
    return url, waiting.put(visit, tools=tools)


def finish(visit: Visit, answer: Mapping[str, str], *, tools: Tools) -> tuple[oidc.Subject, bytes]:
    """Return whom the agency's own provider vouches for, and by what that account is known here.

    Raises:
        InputError: it is not the one that was asked any more, or its answer is not right.
    """
    row = Provider.objects.filter(agency_id=visit.agency).first()
    settings = None if row is None else settings_of(row)
    if settings is None or (settings.issuer, settings.client_id) != (visit.issuer, visit.client_id):
        raise ProviderUnusable
    subject = oidc.finish(
        settings,
        known(settings, tools=tools),
        visit.asked,
        answer,
        private=private_hosts(),
        tools=tools,
    )
    # As bytes: these names differ by case. Of this agency, so that no other agency's provider, which
    # may well be the same one, opens it.
    named = json.dumps([subject.issuer, settings.client_id, subject.sub]).encode()
    account = tools.keyring.blind_index(named, purpose="provider.subject", agency=visit.agency)
    return subject, account


def index_for(account: bytes, *, agency: UUID, person: UUID, tools: Tools) -> bytes:
    """Return what a row says that links an account with this person; it says so of nobody else.

    So a row that somebody writes or moves in the database opens nothing.
    """
    return tools.keyring.blind_index(
        account + person.bytes, purpose="provider.account", agency=agency
    )


def linked_with(account: bytes, *, agency: UUID, tools: Tools) -> UUID | None:
    """Return the person of the agency who is linked with an account."""
    rows = ProviderAccount.objects.filter(person__agency_id=agency)
    for person, index in rows.values_list("person_id", "subject_index"):
        if bytes(index) == index_for(account, agency=agency, person=person, tools=tools):
            return person
    return None
