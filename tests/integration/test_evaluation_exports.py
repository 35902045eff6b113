"""What leaves the program of an evaluation in the browser is on the ledger."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import lifelike
import measuring
from clients import client_of
from django.urls import reverse
from factories import acting

from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import unseal_body
from countenance.policy import Role


def test_each_download_is_on_the_ledger_with_the_hash_of_what_left(deployment: Any) -> None:
    gallery = measuring.filled(deployment, measuring.names(4), (1, 2))
    client = client_of(deployment, acting(deployment, Role.STEWARD))
    one = lifelike.evaluated(deployment, gallery)
    for route, what in (("evaluation_json", "numbers"), ("evaluation_report", "report")):
        answer = client.get(reverse(route, args=[one.pk]))
        row = LedgerRow.objects.order_by("-index")[0]
        assert (row.action, row.about) == ("evaluation.exported", one.pk)
        _, body = unseal_body(row, keyring=deployment.tools.keyring) or (b"", b"")
        sha256 = hashlib.sha256(answer.content).hexdigest()
        assert json.loads(body)["facts"] == {"what": what, "sha256": sha256}
