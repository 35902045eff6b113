"""Terms, longer retention and large enrolments: asked for by one person, agreed by another, then done."""

from __future__ import annotations

from datetime import date
from typing import Any

import factories
import pytest

from countenance.apps.approvals import services as approvals
from countenance.apps.galleries import enrolment, terms
from countenance.apps.galleries.models import Gallery, Source
from countenance.apps.records.models import LedgerRow
from countenance.errors import ApprovalNeeded, InputError, SourceClosed
from countenance.policy.approvals import ApprovalKind


def approve(on: Any, kind: ApprovalKind, subject: Any, payload: dict[str, Any]) -> None:
    asked = approvals.ask(
        on.actor,
        kind=kind,
        subject=subject,
        summary="what is asked",
        payload=payload,
        reason="The archive board decided so in its meeting of May",
        tools=on.tools,
    )
    approvals.decide(
        on.supervisor,
        approval=asked,
        approve=True,
        reason="The minutes of the meeting say the same",
        tools=on.tools,
    )


def last_action() -> str:
    return LedgerRow.objects.order_by("-index").values_list("action", flat=True)[0]


def test_terms_change_only_as_a_second_person_approved(deployment: Any) -> None:
    gallery = factories.make_gallery(deployment)
    wanted = {"sensitive": True}
    with pytest.raises(ApprovalNeeded):
        terms.change_terms(deployment.actor, gallery=gallery, **wanted, tools=deployment.tools)
    assert last_action() == "action.refused"
    approve(deployment, ApprovalKind.GALLERY_TERMS, gallery.pk, terms.terms_payload(**wanted))
    with pytest.raises(ApprovalNeeded):
        terms.change_terms(
            deployment.actor, gallery=gallery, sensitive=False, tools=deployment.tools
        )
    terms.change_terms(deployment.actor, gallery=gallery, **wanted, tools=deployment.tools)
    assert last_action() == "gallery.terms_changed"
    changed = Gallery.objects.get(pk=gallery.pk)
    assert changed.sensitive
    assert changed.facts.sensitive
    # An approval is for once.
    with pytest.raises(ApprovalNeeded):
        terms.change_terms(deployment.actor, gallery=gallery, **wanted, tools=deployment.tools)


def test_a_threshold_that_was_set_by_hand_stays_in_force_when_other_terms_change(
    deployment: Any,
) -> None:
    gallery = factories.make_gallery(deployment)
    gallery.terms = {"sensitive": False, "threshold": "0.4000"}
    gallery.save(update_fields=("terms",))
    wanted = {"sensitive": True}
    approve(deployment, ApprovalKind.GALLERY_TERMS, gallery.pk, terms.terms_payload(**wanted))
    terms.change_terms(deployment.actor, gallery=gallery, **wanted, tools=deployment.tools)
    changed = Gallery.objects.get(pk=gallery.pk)
    assert (changed.sensitive, changed.threshold, changed.point) == (True, 0.4, None)


def test_photos_are_kept_for_longer_only_as_a_second_person_approved(deployment: Any) -> None:
    source = factories.make_source(deployment)
    until = date(2299, 1, 1)
    with pytest.raises(ApprovalNeeded):
        terms.extend_retention(deployment.actor, source=source, until=until, tools=deployment.tools)
    assert Source.objects.get().retention_until == date(2199, 12, 31)
    approve(
        deployment,
        ApprovalKind.RETENTION_EXTENSION,
        source.pk,
        {"until": until.isoformat()},
    )
    with pytest.raises(InputError):
        terms.extend_retention(
            deployment.actor, source=source, until=date(2100, 1, 1), tools=deployment.tools
        )
    terms.extend_retention(deployment.actor, source=source, until=until, tools=deployment.tools)
    kept = Source.objects.get()
    assert kept.retention_until == until
    kept.check_links()
    assert last_action() == "retention.extended"


def test_a_removed_source_is_not_kept_for_longer(deployment: Any) -> None:
    from countenance.apps.galleries import services

    source = factories.make_source(deployment)
    services.remove_source(
        deployment.actor, source=source, reason="asked for", tools=deployment.tools
    )
    with pytest.raises(SourceClosed):
        terms.extend_retention(
            deployment.actor, source=source, until=date(2299, 1, 1), tools=deployment.tools
        )


def test_a_large_enrolment_needs_an_approval_whether_announced_or_not(
    deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolment, "LARGE_ENROLMENT", 3)
    source, gallery = factories.make_source(deployment), factories.make_gallery(deployment)
    photos = factories.people(["anna", "ben"], shots=[1, 2])
    arguments: dict[str, Any] = {"gallery": gallery, "source": source, "tools": deployment.tools}
    for total in (4, None, 1):
        with pytest.raises(ApprovalNeeded):
            enrolment.enrol(deployment.actor, incoming=photos, total=total, **arguments)
    approve(deployment, ApprovalKind.LARGE_ENROLMENT, gallery.pk, {"source": str(source.pk)})
    run = enrolment.enrol(deployment.actor, incoming=photos, total=4, **arguments)
    assert run.enrolled == 4
    small = factories.people(["cleo"], shots=[1])
    assert enrolment.enrol(deployment.actor, incoming=small, total=1, **arguments).enrolled == 1


def test_an_enrolment_ends_when_its_starter_lost_the_role_or_was_suspended(deployment: Any) -> None:
    from countenance.apps.galleries.models import StagedPhoto

    source, gallery = factories.make_source(deployment), factories.make_gallery(deployment)
    uploads = [(one, one.read()) for one in factories.people(["anna"], shots=[1, 2])]
    for change in ({"roles": []}, {"suspended": True}):
        run = enrolment.start_enrolment(
            deployment.actor,
            gallery=gallery,
            source=source,
            total=2,
            uploads=uploads,
            tools=deployment.tools,
        )
        person = deployment.person
        before = person.standing
        person.standing = {**before, **change}
        person.save()
        run.started_by = person
        ended = enrolment.enrol_staged(person.actor, run=run, tools=deployment.tools)
        assert ended.finished_at is not None
        assert ended.enrolled == 0
        assert not StagedPhoto.objects.exists()
        person.standing = before
        person.save()
