"""A passkey device in software, with the browser around it, which can also answer wrongly."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

FLAG = AuthenticatorData.FLAG
PRESENT_AND_VERIFIED = FLAG.UP | FLAG.UV


@dataclass
class Device:
    """One device with one passkey; each attribute can be set to what it should not be."""

    origin: str
    rp_id: str
    counter: int = 0
    flags: int = PRESENT_AND_VERIFIED
    cross_origin: bool = False
    algorithm: int = -7
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: bytes | None = None

    def _client_data(self, kind: Any, challenge: str) -> CollectedClientData:
        return CollectedClientData.create(
            type=kind,
            challenge=websafe_decode(challenge),
            origin=self.origin,
            cross_origin=self.cross_origin,
        )

    def _data(self, credential: AttestedCredentialData | None) -> AuthenticatorData:
        digest = hashes.Hash(hashes.SHA256())
        digest.update(self.rp_id.encode())
        flags = FLAG(self.flags) | (FLAG.AT if credential is not None else FLAG(0))
        made: AuthenticatorData = AuthenticatorData.create(
            digest.finalize(), flags, self.counter, bytes(credential) if credential else b""
        )
        return made

    def make(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer `navigator.credentials.create`."""
        asked = options["publicKey"]
        self.user_handle = websafe_decode(asked["user"]["id"])
        public = ES256.from_cryptography_key(self.key.public_key())  # type: ignore[no-untyped-call] # comes without types
        public[3] = self.algorithm
        credential = AttestedCredentialData.create(Aaguid(bytes(16)), self.credential_id, public)
        made = AttestationObject.create("none", self._data(credential), {})
        kind = CollectedClientData.TYPE.CREATE
        return self._answer(
            clientDataJSON=websafe_encode(self._client_data(kind, asked["challenge"])),
            attestationObject=websafe_encode(made),
        )

    def sign(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer `navigator.credentials.get`."""
        data = self._data(None)
        kind = CollectedClientData.TYPE.GET
        client_data = self._client_data(kind, options["publicKey"]["challenge"])
        signature = self.key.sign(data + client_data.hash, ec.ECDSA(hashes.SHA256()))
        answer = self._answer(
            clientDataJSON=websafe_encode(client_data),
            authenticatorData=websafe_encode(data),
            signature=websafe_encode(signature),
        )
        if self.user_handle is not None:
            answer["response"]["userHandle"] = websafe_encode(self.user_handle)
        return answer

    def _answer(self, **response: str) -> dict[str, Any]:
        return {
            "id": websafe_encode(self.credential_id),
            "rawId": websafe_encode(self.credential_id),
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
        }
