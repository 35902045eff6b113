"""What tests of bundles need: one exported as a request does it, accepted by both verifiers, and opened."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any
from uuid import UUID

from bundles import independent
from examining import Bench, examine
from factories import acting

from countenance.apps.leads import bundling
from countenance.apps.leads import services as leads
from countenance.apps.records.sealed import using_keyring
from countenance.bundle import verify
from countenance.examination.scale import Conclusion
from countenance.policy import Actor, Role

SAME, OTHER = Conclusion.SAME, Conclusion.OTHER


def bundle(made: Bench, actor: Actor, *, tools: Any = None, case: Any = None) -> bytes:
    """Export with the actor's own keys only, as a request does; both verifiers accept it."""
    own = (tools or made.on.tools).of(actor)
    with using_keyring(own.keyring):
        data = bundling.export_bundle(actor, case=case or made.case, tools=own)
    report = verify(data, expected_key=made.on.tools.keyring.verifying_key())
    assert independent().verify(data, report.public_key)["counts"] == report.counts
    return data


def members(data: bytes) -> dict[str, Any]:
    """Return the JSON members by name, and the other ones as bytes."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        raw = {name: archive.read(name) for name in archive.namelist()}
    return {name: json.loads(one) if name.endswith(".json") else one for name, one in raw.items()}


def entries(data: bytes) -> list[dict[str, Any]]:
    """Return the lines of the ledger's part, each with its entry opened."""
    lines = members(data)["ledger/entries.jsonl"].decode().splitlines()
    return [{**line, "entry": json.loads(line["entry"])} for line in map(json.loads, lines)]


def auditor(made: Bench) -> Actor:
    return acting(made.on, Role.AUDITOR)


def examined(made: Bench) -> None:
    for one in (made.first, made.second):
        examine(one, made.search, tools=made.on.tools, concluding=about_first)


def lead_of(made: Bench) -> Any:
    subject = UUID(made.search.outcome["candidates"][0]["subject"])
    supervisor = acting(made.on, Role.SUPERVISOR)
    return leads.release_lead(supervisor, search=made.search, subject=subject, tools=made.on.tools)


def about_first(comparison: Any) -> Conclusion:
    return SAME if comparison.about["rank"] == 1 else OTHER
