"""A mail server in this process that keeps what it is given, with a certificate of its own."""

from __future__ import annotations

import ipaddress
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class FakeMail:
    """What it does with whom, and what it was told.

    Attributes:
        starttls: it offers to encrypt.
        refuses: addresses that it does not take.
        broken: it takes nothing from anybody.
        lines: every line that clients said before they were encrypted.
        mails: (address, text) of each mail taken, and whether it came encrypted.
    """

    port: int = 0
    certificate: Path = Path()
    starttls: bool = True
    broken: bool = False
    refuses: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    mails: list[tuple[str, str, bool]] = field(default_factory=list)

    @property
    def addresses(self) -> list[str]:
        """Return to whom mails were sent."""
        return [address for address, _, _ in self.mails]


class _Handler(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        """Speak as much SMTP as a client needs."""
        mail: FakeMail = self.server.mail
        encrypted, to = False, ""
        self._say("220 test")
        while line := self.rfile.readline().decode().strip():
            if not encrypted:
                mail.lines.append(line)
            verb = line.split(" ", maxsplit=1)[0].upper()
            if verb == "EHLO":
                offers = ["STARTTLS"] if mail.starttls and not encrypted else []
                self._say("250-test", *(f"250-{one}" for one in offers), "250 8BITMIME")
            elif verb == "STARTTLS":
                self._say("220 go on")
                self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb")
                encrypted = True
            elif verb == "MAIL":
                self._say("451 not now" if mail.broken else "250 ok")
            elif verb == "RCPT":
                to = line.partition("<")[2].partition(">")[0]
                self._say("550 no such address" if to in mail.refuses else "250 ok")
            elif verb == "DATA":
                self._say("354 go on")
                mail.mails.append((to, self._text(), encrypted))
                self._say("250 ok")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def finish(self) -> None:
        """Close the encrypted connection too, which the server does not know of."""
        super().finish()
        self.connection.close()

    def _text(self) -> str:
        lines = []
        while (line := self.rfile.readline().decode()) != ".\r\n":
            lines.append(line)
        return "".join(lines)

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())
        self.wfile.flush()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def mail_server(place: Path) -> Iterator[FakeMail]:
    """Run a mail server on this machine."""
    certificate, key = _certificate(place)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.mail = FakeMail(port=server.server_address[1], certificate=certificate)  # type: ignore[attr-defined]
        server.context = context  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.mail  # type: ignore[attr-defined]
        finally:
            server.shutdown()


def _certificate(place: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = place / "mail.crt", place / "mail.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths
