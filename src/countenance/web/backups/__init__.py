"""Backups: what a deployment needs to be made again elsewhere, sealed as it is at rest, with a signed manifest.

`making` writes one, `opening` reads and verifies one, `restoring` puts one into a new home, `erasures` keeps what
was destroyed since outside of it, and `replaying` destroys that again before the restored deployment serves.
"""
