"""Opening a backup with the unseal factor, and verifying every byte of it."""

from __future__ import annotations

from collections.abc import Callable

from countenance.errors import BackupBroken
from countenance.sealing.factors import Factor
from countenance.sealing.keyfile import open_root
from countenance.sealing.keyring import Keyring
from countenance.web.backups import manifest as manifests
from countenance.web.backups.folder import DATABASE, KEY_FILE, MANIFEST, BackupFolder, digest_of
from countenance.web.backups.manifest import Manifest

Notify = Callable[[int, int], None]


def open_backup(folder: BackupFolder, name: str, factor: Factor) -> tuple[Manifest, Keyring]:
    """Return the manifest of a backup, and the keys that came with it; dump and key file are those that it names.

    Raises:
        KeyUnavailable: this is not the right factor.
        BackupBroken: something was changed, or is missing.
    """
    files = folder.files(name)
    root = open_root(files / KEY_FILE, factor)
    try:
        data = (files / MANIFEST).read_bytes()
    except OSError:
        raise BackupBroken(f"The file {MANIFEST} of the backup is missing.") from None
    manifest, keyring = manifests.read(data, root=root)
    for part, file in ((manifest.database, DATABASE), (manifest.key_file, KEY_FILE)):
        if digest_of(files / file) != (part.digest, part.size):
            raise BackupBroken(f"The file {file} of the backup was changed.")
    return manifest, keyring


def verify_objects(folder: BackupFolder, manifest: Manifest, *, notify: Notify) -> None:
    """Read every object of a backup.

    Raises:
        BackupBroken: one is missing, or was changed.
    """
    for number, one in enumerate(manifest.objects, start=1):
        folder.object(one.digest)
        notify(number, len(manifest.objects))
