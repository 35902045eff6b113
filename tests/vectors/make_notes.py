"""Makes `notes.json`: keys, notes, checkpoints and cosignatures that must never change.

    PYTHONPATH=tests python tests/vectors/make_notes.py > tests/vectors/notes.json

The first one is from outside: key, text and signature of the test suite of Go's golang.org/x/mod/sumdb/note.
Ed25519 gives one signature only, so ours has to be the same byte by byte. The others are of fixed keys (32
times the same byte) and were checked with docs/reference/verify_ledger.py, which shares no code with ours.
"""

from __future__ import annotations

import json
import sys

from ledger_help import LOG_KEY, WITNESS_KEYS, Written

GO = {
    "from": "golang.org/x/mod/sumdb/note, note_test.go",
    "seed": "810a1402d5146c8d84f2443330f54080ebf98ee17d9c74f6252fc5d5c7283173",
    "key": "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    "note": "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJ"
    "nAM=\n",
}


def vectors() -> dict[str, object]:
    """Return all of them."""
    ledger = Written(300)
    sizes = (1, 2, 7, 256, 257, 300)
    return {
        "how": (__doc__ or "").split("\n\n")[-1].replace("\n", " ").strip(),
        "go": GO,
        "log_key": str(LOG_KEY),
        "witness_keys": [str(one) for one in WITNESS_KEYS],
        "checkpoints": [
            {"size": size, "note": str(ledger.signed(size, cosigned=True))} for size in sizes
        ],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n")
