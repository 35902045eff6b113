"""What the sweep at the start keeps: every object that belongs to a row, of whatever kind."""

import uuid
from datetime import date

import factories
import footage_help
import measured
from django.apps import apps

from countenance.apps.agencies import services as agencies
from countenance.apps.agencies.models import VettingDocument
from countenance.apps.cases.models import Authority
from countenance.apps.evaluations.models import KeptTrials
from countenance.apps.galleries import indexing
from countenance.apps.galleries.models import IndexSnapshot, Photo
from countenance.apps.records.objects import get_object
from countenance.apps.records.sealed import ObjectSealedModel
from countenance.apps.searches import evidence
from countenance.apps.searches.models import Probe
from countenance.policy import SYSTEM
from countenance.testing import FakeEngine
from countenance.web.maintenance import sweep_objects

ORDER = b"The founding order, on paper"
KINDS = {
    "VettingDocument",
    "Authority",
    "Photo",
    "StagedPhoto",
    "Probe",
    "Footage",
    "KeptTrials",
    "NonMates",
}
"""The kinds whose rows have an object of their own id."""
WITHOUT = {"Search", "Gallery", "IndexSnapshot", "Examination", "Comparison", "Lead", "Collection"}
"""The kinds with a key of their own, but without such an object."""


def test_every_kind_of_row_with_a_key_of_its_own_is_accounted_for_here():
    kinds = {
        one.__name__
        for one in apps.get_models()
        if issubclass(one, ObjectSealedModel) and one.__module__.startswith("countenance.")
    }
    assert kinds == KINDS | WITHOUT


def test_the_sweep_keeps_what_rows_own_and_deletes_what_none_does(deployment):
    tools = deployment.tools
    agencies.admit_agency(
        SYSTEM,
        name="Vetted agency",
        vetting=agencies.Vetting(
            checked_by="C. Keeper", checked_on=date(2026, 1, 15), what="founding order"
        ),
        documents=[("order.pdf", ORDER)],
        tools=tools,
    )
    source, gallery = factories.make_source(deployment), factories.make_gallery(deployment)
    factories.enrol(deployment, gallery, source, factories.people(["anna", "ben"]))
    indexing.write_snapshot(gallery, tools=tools)
    case = factories.make_case(deployment)
    probe = factories.ask(deployment, case, [gallery], FakeEngine.photo("anna", shot=9))
    derived = evidence.derive_probe(deployment.actor, probe=probe, quarter_turns=1, tools=tools)
    video = footage_help.added(deployment, case=case)
    measured.evaluated(deployment, gallery)
    stray = uuid.uuid4()
    tools.store.put(stray, b"left by a crash")

    assert sweep_objects(tools=tools, grace=-1) == 1

    assert stray not in set(tools.store.ids())
    assert get_object(VettingDocument.objects.select_related("agency").get(), tools=tools) == ORDER
    kept = [*Photo.objects.select_related("gallery"), *Probe.objects.all(), derived, video]
    kept += Authority.objects.all()
    kept += KeptTrials.objects.select_related("evaluation")
    assert all(get_object(one, tools=tools) for one in kept)
    assert len(kept) >= 8
    parts = {uuid.UUID(part) for one in IndexSnapshot.objects.all() for part in one.parts}
    assert parts
    assert parts <= set(tools.store.ids())


def test_the_sweep_deletes_the_bytes_of_a_photo_whose_key_was_destroyed(deployment):
    source, gallery = factories.make_source(deployment), factories.make_gallery(deployment)
    factories.enrol(deployment, gallery, source, factories.people(["anna"]))
    photo = Photo.objects.get()
    # As if the machine stopped between the removal and the deletion.
    Photo.objects.update(
        object_key=None, details=None, content_index=None, removed_at=photo.enrolled_at
    )

    assert sweep_objects(tools=deployment.tools, grace=-1) == 1
    assert photo.pk not in set(deployment.tools.store.ids())
