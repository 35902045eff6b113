"""`countenance gallery`, `countenance photo` and `countenance subject`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from countenance.cli import output
from countenance.cli.certificate import To, erased, permit
from countenance.cli.options import AsJson, Commands, GalleryName, Reason, shown_with
from countenance.cli.session import unsealed
from countenance.policy import Deed

if TYPE_CHECKING:
    from countenance.apps.galleries.models import Gallery, Photo

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The gallery's name.")]


@shown_with('countenance gallery create "Missing persons"', deed=Deed.GALLERY_CREATE)
def create(name: NameArgument, as_json: AsJson = False) -> None:
    """Create an empty gallery; its templates will all be of the present model."""
    with unsealed() as session:
        from countenance.apps.galleries import services

        gallery = services.create_gallery(session.actor, name=name, tools=session.tools)
        output.result(described(gallery), f"Created the gallery “{gallery.name}”.")


@shown_with("countenance gallery list", "countenance gallery list --json", deed=Deed.GALLERY_READ)
def list_(as_json: AsJson = False) -> None:
    """List the galleries with how much each holds, and those that other agencies granted to yours."""
    with unsealed() as session:
        from countenance.apps.galleries import grants, queries

        galleries = [described(gallery) for gallery in queries.galleries(session.actor)]
        granted = [
            {
                "id": str(one.gallery),
                "name": one.name,
                "owner": one.owner,
                "kinds": sorted(one.kinds),
                "until": one.until.isoformat(),
            }
            for one in grants.granted_to(session.actor, tools=session.tools)
        ]
    rows = [(g["name"], g["subjects"], g["photos"], g["faces"], g["model"]) for g in galleries]
    columns = ("Gallery", "#Subjects", "#Photos", "#Faces", "Model")
    shown = [output.table("", columns, rows)]
    if granted:
        lent = [(g["name"], g["owner"], ", ".join(g["kinds"]), g["until"]) for g in granted]
        heading = ("Granted gallery", "Owner", "For searches of the kind", "Until")
        shown.append(output.table("", heading, lent))
    output.result({"galleries": galleries, "granted": granted}, *shown)


@shown_with('countenance gallery show "Missing persons"', deed=Deed.GALLERY_READ)
def show(name: NameArgument, as_json: AsJson = False) -> None:
    """Show one gallery, its enrolments and how far each came."""
    with unsealed() as session:
        from countenance.apps.galleries import queries

        gallery = session.gallery(name)
        value = described(gallery)
        value["enrolments"] = [
            {
                "id": str(run.pk),
                "source": run.source.name,
                "started_at": run.started_at.isoformat(),
                "finished": run.finished_at is not None,
                "photos": run.photos,
                "faces": run.faces,
                "enrolled": run.enrolled,
                "skipped": run.skipped,
                "rejected": run.rejected,
            }
            for run in queries.runs(gallery)
        ]
    rows = [
        (
            r["started_at"][:16],
            r["source"],
            r["photos"],
            r["enrolled"],
            r["skipped"],
            r["rejected"],
            "finished" if r["finished"] else "not finished",
        )
        for r in value["enrolments"]
    ]
    columns = ("Enrolment", "Source", "#Photos", "#Enrolled", "#Skipped", "#Rejected", "")
    summary = f"{value['name']}: {value['subjects']} subjects, {value['photos']} photos, {value['faces']} faces."
    output.result(value, summary, output.table("", columns, rows))


def described(gallery: Gallery) -> dict[str, Any]:
    """Return a gallery as an object for `--json`."""
    from countenance.apps.galleries import queries

    counts = queries.counts(gallery)
    return {
        "id": str(gallery.pk),
        "name": gallery.name,
        "model": gallery.model,
        "subjects": counts["subject"],
        "photos": counts["photo"],
        "faces": counts["face"],
        "created_at": gallery.created_at.isoformat(),
        "closed": gallery.closed_at is not None,
    }


@shown_with('countenance photo list --gallery "Missing persons" --limit 20', deed=Deed.GALLERY_READ)
def list_photos(
    gallery: GalleryName,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="How many at most, newest first.")
    ] = 50,
    skip: Annotated[int, typer.Option(min=0, help="How many of the newest to leave out.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List the photos of a gallery, newest first."""
    with unsealed() as session:
        from countenance.apps.galleries import queries

        found = queries.photos(session.gallery(gallery))
        photos = [_photo(photo) for photo in found[skip : skip + limit]]
        total = found.count()
    rows = [(p["id"], p["subject"], p["path"], p["faces"], p["source"]) for p in photos]
    shown = output.table("", ("Photo", "Subject", "Path", "#Faces", "Source"), rows)
    output.result({"photos": photos, "total": total}, shown, f"{len(photos)} of {total} photos.")


@shown_with(
    'countenance photo remove 6b1c… --reason "asked for by the person"', deed=Deed.PHOTO_REMOVE
)
def remove_photo(
    photo: Annotated[
        UUID, typer.Argument(help="The photo's id; `countenance photo list` shows it.")
    ],
    reason: Reason,
    certificate: To = None,
    as_json: AsJson = False,
) -> None:
    """Remove one photo: its templates leave the index, its key is destroyed. This cannot be undone."""
    permit(certificate)
    with unsealed() as session:
        from countenance.apps.galleries import queries, services

        found = queries.photo(session.actor, photo)
        services.remove_photo(session.actor, photo=found, reason=reason, tools=session.tools)
        erased(session, photo, certificate, "Removed the photo.")


@shown_with('countenance subject list --gallery "Missing persons"', deed=Deed.GALLERY_READ)
def list_subjects(
    gallery: GalleryName,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    skip: Annotated[int, typer.Option(min=0, help="How many to leave out at the start.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List the named subjects of a gallery with how many photos each has."""
    with unsealed() as session:
        from countenance.apps.galleries import queries

        found = queries.subjects(session.gallery(gallery))
        subjects = [
            {"id": str(one.pk), "subject": one.label, "photos": one.photo_count}  # type: ignore[attr-defined] # annotated by the query
            for one in found[skip : skip + limit]
        ]
        total = found.count()
    rows = [(s["subject"], s["photos"], s["id"]) for s in subjects]
    shown = output.table("", ("Subject", "#Photos", "Id"), rows)
    output.result(
        {"subjects": subjects, "total": total}, shown, f"{len(subjects)} of {total} subjects."
    )


@shown_with(
    'countenance subject remove anna --gallery "Missing persons" --reason "asked for by the person"',
    deed=Deed.PHOTO_REMOVE,
)
def remove_subject(
    subject: Annotated[str, typer.Argument(help="The subject's name in the gallery, or its id.")],
    gallery: GalleryName,
    reason: Reason,
    certificate: To = None,
    as_json: AsJson = False,
) -> None:
    """Remove a subject with all its photos; templates and keys are destroyed. This cannot be undone."""
    permit(certificate)
    with unsealed() as session:
        from countenance.apps.galleries import queries, services
        from countenance.errors import NotFound

        one = session.gallery(gallery)
        try:
            found = queries.subject_by_label(one, subject, tools=session.tools)
        except NotFound:
            if not _is_id(subject):
                raise
            found = queries.subject(session.actor, UUID(subject))
        services.remove_subject(session.actor, subject=found, reason=reason, tools=session.tools)
        erased(session, found.pk, certificate, "Removed the subject and all its photos.")


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _photo(photo: Photo) -> dict[str, Any]:
    details = photo.details or {}
    return {
        "id": str(photo.pk),
        "subject": photo.subject.label,
        "path": details.get("path"),
        "external_id": details.get("external_id") or None,
        "faces": sum(face.removed_version is None for face in photo.faces.all()),
        "source": photo.source.name,
        "enrolled_at": photo.enrolled_at.isoformat(),
    }


GALLERY: Commands = {"create": create, "list": list_, "show": show}
PHOTO: Commands = {"list": list_photos, "remove": remove_photo}
SUBJECT: Commands = {"list": list_subjects, "remove": remove_subject}
