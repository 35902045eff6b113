"""What tests of backups share: making one, and verifying it with what unseals the home."""

from __future__ import annotations

from typing import Any

import factories

from countenance import config
from countenance.sealing.factors import FileFactor
from countenance.web.backups import making, opening
from countenance.web.backups.folder import BackupFolder


def prepared(deployment: Any, folder: Any) -> Any:
    """Give a deployment a gallery with four photos, and a folder for its backups."""
    deployment.source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    people = factories.people(["anna", "ben"], shots=[1, 2])
    factories.enrol(deployment, deployment.gallery, deployment.source, people)
    deployment.folder = BackupFolder(folder)
    return deployment


def quiet(done: int, total: int) -> None:
    assert 0 < done <= total


def make(on: Any, notify: Any = quiet) -> making.Made:
    return making.back_up(on.folder, config.current(), tools=on.tools, notify=notify)


def factor() -> FileFactor:
    return FileFactor(config.current().file_factor)


def verify(on: Any, made: making.Made) -> None:
    manifest, keyring = opening.open_backup(on.folder, made.name, factor())
    assert manifest == made.manifest
    assert keyring.deployment == on.tools.keyring.deployment
    opening.verify_objects(on.folder, manifest, notify=quiet)
