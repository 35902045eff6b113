"""What tests of videos share."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import factories

from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import footage
from countenance.apps.searches.footage_rows import Footage
from countenance.testing import FakeEngine
from countenance.tools import NoJobs

VIDEO = FakeEngine.video("anna", "ben")


class AtOnce(NoJobs):
    """A queue that looks through a video when it is asked to."""

    def __init__(self, on: Any) -> None:
        """Take a deployment."""
        self.on = on

    def look_through(self, footage: UUID) -> None:
        """Do it now."""
        looked(self.on, Footage.objects.get(pk=footage))


def prepare(deployment: Any) -> Any:
    """Give a deployment a gallery of two people and a case."""
    source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    factories.enrol(deployment, deployment.gallery, source, factories.people(["anna", "ben"]))
    deployment.case = factories.make_case(deployment)
    return deployment


def added(on: Any, video: bytes = VIDEO, case: Any = None, actor: Any = None) -> Footage:
    """Add a video to the case."""
    return footage.add_footage(
        actor or on.actor,
        case=case or on.case,
        upload=video,
        file_name="shop.mp4",
        tools=on.tools,
    )


def looked(on: Any, one: Footage) -> Footage:
    """Look through a video, as the job does."""
    return footage.look_through(one.added_by.actor, footage=one, tools=on.tools)


def done(on: Any, video: bytes = VIDEO) -> Footage:
    """Add a video and look through it."""
    return looked(on, added(on, video))


def entries(*actions: str) -> list[str]:
    """Return those of these actions that were recorded, in order."""
    rows = LedgerRow.objects.order_by("index").values_list("action", flat=True)
    return [str(one) for one in rows if str(one) in actions]
