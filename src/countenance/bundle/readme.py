"""The words that each bundle opens with."""

from __future__ import annotations

from typing import Final

README: Final = """\
DISCLOSURE BUNDLE

What this is
  Everything that was done with face recognition in one case, as the agency's program recorded it:
  the photos that were searched with and how they were edited, every search and its answer, also those
  that found nobody, the candidate lists, what each examiner wrote and concluded, the leads, the models
  and their measured error rates, the legal basis, and the entries of the ledger that prove it.

What this is not
  A candidate is not an identification. It is a person whose photo a program found similar to another.
  An investigation list is returned even if the person is not in the gallery. At an operating point nobody
  below a measured threshold is returned; how often strangers are all the same stands beside each search.
  An examiner's conclusion is an opinion. A lead is a hint for further work.
  None of it is probable cause by itself.
  The photos and names are of people, most of whom have nothing to do with the case. Keep them safe, and
  destroy your copy when you are done.

What is where
  manifest.json        every file with its size and SHA-256; the case; the ledger's size and root
  manifest.sig         the signature over the manifest (Ed25519)
  probes/              the photos that were searched with, one .json beside each
  edits.json           how copies of photos were made: part, turn, brightness
  requests.json        who asked for a search, why, and what became of it
  searches/            each search: operating point with what was measured, or list; galleries and their
                       version, candidates, answer
  examinations/        each examination: analysis, checklists, pins, conclusions, and what followed them
  leads/               each lead that was released, and what became of it
  model-cards/         the models that compared
  error-rates.json     how often model and examiners were wrong where the truth was known, as far as measured
  authority/           the legal basis
  ledger/              the entries with their bodies, each with its proof; the root that they lead to

How to verify it, without a network
  Do not unpack it first: the archive itself is checked, byte by byte.
      countenance verify-bundle BUNDLE.zip --key KEY
  Or with a script that shares no code with that program and needs Python and its package
  "cryptography" only: verify_bundle.py, which is in the program's documentation beside the page
  "Disclosure bundle" and short enough to be read before it is run.
      python verify_bundle.py BUNDLE.zip KEY
  KEY is the deployment's public key: 64 digits. Ask the agency for it, or its oversight body, by another
  way than this bundle came. Without it you learn that the bundle is whole, not whose it is.

What cannot be seen from it
  Whether what people wrote is true.
  Whether entries of the case were left out. Ask for the deployment's ledger (an export of it names
  nobody) and check that it has the size and root that manifest.json states.
"""
