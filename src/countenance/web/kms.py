"""Clients of key management services: AWS KMS, Google Cloud KMS, and the transit engine of OpenBao and Vault.

Each wraps and unwraps one secret of 32 bytes, with the deployment's id as context that the service
authenticates. Which version of its key wrapped stands in what it returns, so that rotating the key there needs
nothing here. What a service says is never shown: it can repeat what it was sent.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import httpx

from countenance.errors import KeyUnavailable
from countenance.sealing.factors import KeyService

if TYPE_CHECKING:
    from collections.abc import Iterator

    from countenance.config import KmsSettings

GOOGLE: Final = "https://cloudkms.googleapis.com"
METADATA: Final = "http://metadata.google.internal"
_TOKEN_PATH: Final = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105 # an address
_LARGEST: Final = 65_536


class Transit:
    """The transit secrets engine of OpenBao or Vault; `key` is `mount/name`."""

    kind: Final = "transit"

    def __init__(self, settings: KmsSettings) -> None:
        """Take address, token and key from the settings; nothing is asked yet."""
        self.key = settings.key
        mount, _, name = settings.key.rpartition("/")
        self._mount, self._name = mount or "transit", name
        self._address = settings.address.rstrip("/")
        self._token = settings.token
        self._timeout, self._trusted = settings.timeout, settings.trusted

    def wrap(self, secret: bytes, *, context: Mapping[str, str]) -> bytes:
        """Return the secret, wrapped by the newest version of the key.

        Raises:
            KeyUnavailable: it does not answer, or refuses.
        """
        data = self._ask("encrypt", {"plaintext": _text(secret)}, context)
        return _field(data, "ciphertext").encode()

    def unwrap(self, wrapped: bytes, *, context: Mapping[str, str]) -> bytes:
        """Return a secret that any version of the key wrapped in this context.

        Raises:
            KeyUnavailable: it does not answer, or refuses.
        """
        data = self._ask("decrypt", {"ciphertext": wrapped.decode("ascii", "replace")}, context)
        return _bytes(_field(data, "plaintext"))

    def _ask(self, verb: str, body: dict[str, str], context: Mapping[str, str]) -> dict[str, Any]:
        token = self._token.get_secret_value() if self._token else ""
        url = f"{self._address}/v1/{quote(self._mount)}/{verb}/{quote(self._name, safe='')}"
        sent = body | {"associated_data": _text(_canonical(context))}
        with _asking(self._timeout, self._trusted) as http:
            answer = http.post(url, json=sent, headers={"X-Vault-Token": token})
            return _object(_read(answer).get("data"))


class Google:
    """Google Cloud KMS; `key` is `projects/…/locations/…/keyRings/…/cryptoKeys/…`."""

    kind: Final = "gcp-kms"

    def __init__(self, settings: KmsSettings) -> None:
        """Take key and token from the settings; without a token the machine's own is asked for."""
        self.key = settings.key
        self._address = (settings.address or GOOGLE).rstrip("/")
        self._metadata = (settings.metadata or METADATA).rstrip("/")
        self._token = settings.token
        self._timeout, self._trusted = settings.timeout, settings.trusted

    def wrap(self, secret: bytes, *, context: Mapping[str, str]) -> bytes:
        """Return the secret, wrapped by the primary version of the key.

        Raises:
            KeyUnavailable: it does not answer, or refuses, or what it wrapped was garbled on the way.
        """
        data = self._ask("encrypt", {"plaintext": _text(secret)}, context)
        return _bytes(_field(data, "ciphertext"))

    def unwrap(self, wrapped: bytes, *, context: Mapping[str, str]) -> bytes:
        """Return a secret that any version of the key wrapped in this context.

        Raises:
            KeyUnavailable: it does not answer, or refuses.
        """
        data = self._ask("decrypt", {"ciphertext": _text(wrapped)}, context)
        return _bytes(_field(data, "plaintext"))

    def _ask(self, verb: str, body: dict[str, str], context: Mapping[str, str]) -> dict[str, Any]:
        url = f"{self._address}/v1/{quote(self.key)}:{verb}"
        sent = body | {"additionalAuthenticatedData": _text(_canonical(context))}
        with _asking(self._timeout, self._trusted) as http:
            token = self._token.get_secret_value() if self._token else self._machines_token(http)
            answer = http.post(url, json=sent, headers={"Authorization": f"Bearer {token}"})
            return _read(answer)

    def _machines_token(self, http: httpx.Client) -> str:
        answer = http.get(self._metadata + _TOKEN_PATH, headers={"Metadata-Flavor": "Google"})
        return _field(_read(answer), "access_token")


class Aws:
    """AWS KMS, through botocore, which signs and finds the credentials; `key` is the key's ARN or alias."""

    kind: Final = "aws-kms"

    def __init__(self, settings: KmsSettings) -> None:
        """Make the client.

        Raises:
            KeyUnavailable: botocore is not installed, or the settings name no region.
        """
        try:
            import botocore.config
            import botocore.exceptions
            import botocore.session
        except ImportError:
            raise KeyUnavailable(
                "AWS KMS needs botocore: install requirements/kms.txt into this environment."
            ) from None
        self.key = settings.key
        self._failed = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)
        limits = botocore.config.Config(
            connect_timeout=settings.timeout,
            read_timeout=settings.timeout,
            retries={"total_max_attempts": 2, "mode": "standard"},
        )
        region = settings.key.split(":")[3] if settings.key.startswith("arn:") else None
        try:
            self._client = botocore.session.get_session().create_client(
                "kms",
                region_name=region,
                endpoint_url=settings.address or None,
                config=limits,
                verify=settings.trusted or None,
            )
        except (*self._failed, IndexError, ValueError):
            raise KeyUnavailable("AWS KMS needs a region and credentials.") from None

    def wrap(self, secret: bytes, *, context: Mapping[str, str]) -> bytes:
        """Return the secret, wrapped by the newest material of the key.

        Raises:
            KeyUnavailable: it does not answer, or refuses.
        """
        found = self._ask(self._client.encrypt, Plaintext=secret, EncryptionContext=dict(context))
        return _blob(found, "CiphertextBlob")

    def unwrap(self, wrapped: bytes, *, context: Mapping[str, str]) -> bytes:
        """Return a secret that any material of the key wrapped in this context.

        Raises:
            KeyUnavailable: it does not answer, or refuses.
        """
        ask = self._client.decrypt
        found = self._ask(ask, CiphertextBlob=wrapped, EncryptionContext=dict(context))
        return _blob(found, "Plaintext")

    def _ask(self, call: Any, **given: Any) -> dict[str, Any]:
        try:
            return dict(call(KeyId=self.key, **given))
        except self._failed as error:
            response = getattr(error, "response", None) or {}
            raise _refused(str(response.get("Error", {}).get("Code", ""))) from None
        except (AttributeError, KeyError, TypeError, ValueError):
            # What botocore makes of an answer that no service gives.
            raise _unreadable() from None


CLIENTS: Final = {one.kind: one for one in (Transit, Google, Aws)}


def client(settings: KmsSettings) -> KeyService:
    """Return the client of the service that the settings name.

    Raises:
        KeyUnavailable: what it needs is not installed.
    """
    return CLIENTS[settings.service](settings)


@contextmanager
def _asking(timeout: float, trusted: str) -> Iterator[httpx.Client]:
    """Return a client that follows nothing and trusts no proxy; what goes wrong is said without its content."""
    try:
        # The environment is not asked for a proxy: the secret is in the body.
        with httpx.Client(
            timeout=timeout, trust_env=False, follow_redirects=False, verify=_trust(trusted)
        ) as http:
            yield http
    except httpx.HTTPError as error:
        raise KeyUnavailable(
            f"The key management service does not answer ({type(error).__name__})."
        ) from None


def _trust(trusted: str) -> Any:
    if not trusted:
        return True
    import ssl

    try:
        return ssl.create_default_context(cafile=trusted)
    except OSError:
        raise KeyUnavailable("COUNTENANCE_KMS__TRUSTED cannot be read.") from None


def _read(answer: httpx.Response) -> dict[str, Any]:
    """Return what was answered, if it is a good answer of a sensible size."""
    if answer.status_code != httpx.codes.OK:
        raise _refused(f"status {answer.status_code}")
    if len(answer.content) > _LARGEST:
        raise _unreadable()
    try:
        return _object(json.loads(answer.content))
    except ValueError:
        raise _unreadable() from None


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unreadable()
    return value


def _field(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise _unreadable()
    return value


def _blob(found: Mapping[str, Any], name: str) -> bytes:
    value = found.get(name)
    if not isinstance(value, bytes):
        raise _unreadable()
    return value


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise _unreadable() from None


def _canonical(context: Mapping[str, str]) -> bytes:
    return json.dumps(dict(context), sort_keys=True, separators=(",", ":")).encode()


def _refused(why: str) -> KeyUnavailable:
    return KeyUnavailable(f"The key management service refused: {why or 'without a reason'}.")


def _unreadable() -> KeyUnavailable:
    return KeyUnavailable("The key management service answered something else than it should.")
