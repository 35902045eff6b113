"""Passkeys: what browsers are asked, and what is believed of their answers.

The arithmetic is `fido2`'s. Challenges are kept in the memory of the one serving process, work once
and for five minutes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where the web app is reached: a passkey works there and nowhere else.

    Attributes:
        rp_id: the host name, without port.
        origin: scheme, host and port, as a browser writes it (`https://example.org:8443`).
        name: what the browser shows.
    """

    rp_id: str
    origin: str
    name: str = "Countenance"
