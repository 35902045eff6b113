"""Stand-ins for key management services, which speak their protocols and check what they are sent.

They authenticate the context as the real ones do, keep several versions of a key, and can be told to refuse, to
dawdle, or to answer nonsense.
"""

import base64
import json
import os
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "s.a-token-of-the-stand-in"
ACCESS, SECRET, REGION = "AKIDSTANDIN", "a secret access key", "eu-test-1"
ARN = f"arn:aws:kms:{REGION}:000000000000:key/1f0e"
GOOGLE_KEY = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
TRANSIT_KEY = "transit/countenance"


class FakeKms:
    """One key with its versions, and what was asked."""

    def __init__(self):
        self.versions = [AESGCM.generate_key(256)]
        self.requests = []
        self.status = None
        self.delay = 0.0
        self.nonsense = None
        self.url = ""

    def rotate(self):
        self.versions.append(AESGCM.generate_key(256))

    def wrap(self, secret, bound):
        nonce = os.urandom(12)
        sealed = AESGCM(self.versions[-1]).encrypt(nonce, secret, bound)
        return bytes([len(self.versions)]) + nonce + sealed

    def unwrap(self, wrapped, bound):
        try:
            key = self.versions[wrapped[0] - 1]
            return AESGCM(key).decrypt(wrapped[1:13], wrapped[13:], bound)
        except (InvalidTag, IndexError, ValueError):
            return None

    def transit(self, path, headers, body):
        if headers.get("X-Vault-Token") != TOKEN:
            return 403, {"errors": ["permission denied"]}
        verb, _, name = path.removeprefix("/v1/transit/").partition("/")
        if name != "countenance":
            return 400, {"errors": ["encryption key not found"]}
        bound = base64.b64decode(body["associated_data"])
        if verb == "encrypt":
            wrapped = self.wrap(base64.b64decode(body["plaintext"]), bound)
            text = base64.b64encode(wrapped).decode()
            return 200, {"data": {"ciphertext": f"vault:v{wrapped[0]}:{text}"}}
        _, version, text = body["ciphertext"].split(":")
        plain = self.unwrap(base64.b64decode(text), bound)
        if plain is None or version != f"v{base64.b64decode(text)[0]}":
            return 400, {"errors": ["cipher: message authentication failed"]}
        return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}

    def google(self, path, headers, body):
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": {"status": "UNAUTHENTICATED"}}
        name, _, verb = path.removeprefix("/v1/").rpartition(":")
        if name != GOOGLE_KEY:
            return 404, {"error": {"status": "NOT_FOUND"}}
        bound = base64.b64decode(body["additionalAuthenticatedData"])
        if verb == "encrypt":
            wrapped = self.wrap(base64.b64decode(body["plaintext"]), bound)
            made = {"name": f"{name}/cryptoKeyVersions/{wrapped[0]}"}
            return 200, made | {"ciphertext": base64.b64encode(wrapped).decode()}
        plain = self.unwrap(base64.b64decode(body["ciphertext"]), bound)
        if plain is None:
            return 400, {"error": {"status": "INVALID_ARGUMENT"}}
        return 200, {"plaintext": base64.b64encode(plain).decode()}

    def aws(self, headers, raw):
        if not self.signed_rightly(headers, raw):
            return 400, {"__type": "IncompleteSignature"}
        body = json.loads(raw)
        if body["KeyId"] != ARN:
            return 400, {"__type": "NotFoundException"}
        bound = json.dumps(body["EncryptionContext"], sort_keys=True).encode()
        if headers["X-Amz-Target"] == "TrentService.Encrypt":
            wrapped = self.wrap(base64.b64decode(body["Plaintext"]), bound)
            return 200, {"CiphertextBlob": base64.b64encode(wrapped).decode(), "KeyId": ARN}
        plain = self.unwrap(base64.b64decode(body["CiphertextBlob"]), bound)
        if plain is None:
            return 400, {"__type": "InvalidCiphertextException"}
        return 200, {"Plaintext": base64.b64encode(plain).decode(), "KeyId": ARN}

    def signed_rightly(self, headers, raw):
        """Sign what came as AWS does, with the secret that belongs to the access key, and compare."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        given = headers.get("Authorization", "")
        if f"Credential={ACCESS}/" not in given:
            return False
        names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        sent = {name: headers[name] for name in names if name != "host"}
        again = AWSRequest(method="POST", url=self.url + "/", data=raw, headers=sent)
        again.context["timestamp"] = headers["X-Amz-Date"]
        auth = SigV4Auth(Credentials(ACCESS, SECRET), "kms", REGION)
        text = auth.string_to_sign(again, auth.canonical_request(again))
        return given.endswith("Signature=" + auth.signature(text, again))


@contextmanager
def serving():
    """Serve a stand-in on a port of this machine."""
    kms = FakeKms()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            kms.requests.append(self.path)
            right = self.headers.get("Metadata-Flavor") == "Google"
            self._send(200 if right else 403, {"access_token": TOKEN} if right else {})

        def do_POST(self):
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            kms.requests.append(raw)
            time.sleep(kms.delay)
            if kms.status is not None:
                self._send(kms.status, {"errors": ["it repeats what it was sent: " + raw.decode()]})
                return
            path = unquote(urlsplit(self.path).path)
            if "X-Amz-Target" in self.headers:
                status, found = kms.aws(self.headers, raw)
            elif "X-Vault-Token" in self.headers:
                status, found = kms.transit(path, self.headers, json.loads(raw))
            else:
                status, found = kms.google(path, self.headers, json.loads(raw))
            self._send(status, found)

        def _send(self, status, found):
            body = json.dumps(found).encode() if kms.nonsense is None else kms.nonsense
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # whoever asked did not wait

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="kms")
    thread.start()
    kms.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield kms
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
