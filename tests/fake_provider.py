"""An OpenID Connect provider in this process, with keys of its own, that tells any lie it is asked to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

CLIENT_ID, CLIENT_SECRET = "countenance-client", "a-client-secret-to-look-for-in-the-database"
SUB = "A-Subject-To-Look-For-In-The-Database"


class _AnyAlgorithm(JWSRegistry):
    def get_alg(self, name: str) -> Any:
        """Return whatever is asked for."""
        return self.algorithms[name]


@dataclass
class FakeProvider:
    """What it says and how it signs; `claims` replace those of a true ID token, None leaves one out."""

    url: str = ""
    sub: str = SUB
    name: str = "jane.at.work"
    algorithm: str = "RS256"
    key: Any = None
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    jwks: Any = None
    shared_secret: bytes = b""
    redirects: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)
    grants: dict[str, dict[str, str]] = field(default_factory=dict)
    issued: int = 0
    requests: list[str] = field(default_factory=list)
    exchanges: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the keys."""
        self.rsa = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
        self.ec = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
        self.ed = OKPKey.generate_key("Ed25519", {"kid": "ed", "use": "sig"})
        self.key = self.rsa

    def public_keys(self) -> Any:
        """Return the key set that it publishes."""
        return self.jwks or KeySet([self.rsa, self.ec, self.ed]).as_dict(private=False)

    def described(self) -> dict[str, Any]:
        """Return its discovery document."""
        return {
            "issuer": self.url,
            "authorization_endpoint": self.url + "/authorize",
            "token_endpoint": self.url + "/token",
            "jwks_uri": self.url + "/keys",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "authorization_response_iss_parameter_supported": True,
        } | self.metadata

    def come_back(self, url: str) -> dict[str, str]:
        """Let somebody sign in at the address they were sent to; return what the browser brings back."""
        asked = dict(parse_qsl(urlsplit(url).query))
        self.asked.append(asked)
        code = secrets.token_hex(8)
        self.grants[code] = asked
        answer: dict[str, Any] = {"code": code, "state": asked["state"], "iss": self.url}
        return {name: value for name, value in (answer | self.answer).items() if value is not None}

    def exchange(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """Return the tokens for a code, once; None for anything that is not right."""
        asked = self.grants.pop(form.get("code", ""), None)
        self.exchanges.append(form)
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        in_form = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if (
            asked is None
            or not (authorization == f"Basic {basic}" or in_form)
            or asked["code_challenge_method"] != "S256"
            or asked["code_challenge"] != base64.urlsafe_b64encode(challenge).decode().rstrip("=")
            or form["redirect_uri"] != asked["redirect_uri"]
        ):
            return None
        token = self.id_token(asked)
        self.issued += 1
        return {
            "access_token": "never-used",
            "token_type": "Bearer",
            "expires_in": 60,
            "id_token": token,
        }

    def id_token(self, asked: dict[str, str]) -> str:
        """Return an ID token for what was asked, with the lies."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": self.sub,
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "auth_time": now,
            "nonce": asked["nonce"],
            "amr": ["pwd", "mfa"],
            "preferred_username": self.name,
        } | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid} | self.header
        if self.shared_secret:
            # By hand: the library knows a public key when it sees one.
            return _signed_by_hand(header | {"alg": "HS256"}, claims, self.shared_secret)
        return jwt.encode(header, claims, self.key, registry=_AnyAlgorithm())


def _signed_by_hand(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    said = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    return f"{said}.{encoded(hmac.digest(secret, said.encode(), 'sha256'))}"


def unsigned(provider: FakeProvider) -> None:
    """Let a provider sign nothing."""
    provider.algorithm, provider.key = "none", OctKey.generate_key(256)
    provider.header = {"kid": "rsa"}


def signed_with_public_key(provider: FakeProvider) -> None:
    """Let somebody who knows only the public key sign with it as if it were a shared secret."""
    provider.shared_secret = provider.rsa.as_pem(private=False)


def signed_with_shared_secret(provider: FakeProvider) -> None:
    """Let a provider sign with a shared secret, and publish it."""
    provider.algorithm, provider.key = "HS256", OctKey.generate_key(256, {"kid": "shared"})
    provider.jwks = {"keys": [provider.key.as_dict(private=True)]}


@contextmanager
def serving() -> Iterator[FakeProvider]:
    """Serve a provider on a port of this machine."""
    provider = FakeProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            provider.requests.append(path)
            if provider.redirects and path != "/authorize":
                self._send(302, {}, {"Location": provider.url + "/elsewhere"})
            elif path == "/.well-known/openid-configuration":
                self._send(200, provider.described())
            elif path == "/keys":
                self._send(200, provider.public_keys())
            elif path == "/authorize":
                asked = parse_qs(urlsplit(self.path).query)
                back = f"{asked['redirect_uri'][0]}?{urlencode(provider.come_back(self.path))}"
                self._send(302, {}, {"Location": back})
            else:
                self._send(404, {})

        def do_POST(self) -> None:
            provider.requests.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            token = provider.exchange(dict(parse_qsl(body)), self.headers.get("Authorization", ""))
            self._send(200 if token else 400, token or {"error": "invalid_grant"})

        def _send(self, status: int, found: Any, headers: dict[str, str] | None = None) -> None:
            body = json.dumps(found).encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="provider")
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
