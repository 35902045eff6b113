"""Writing a bundle and reading it: the same bytes each time, and a report of what they show."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import bundles
import pytest
from bundle_mutations import members_of, signed, with_json
from bundles import (
    OTHER_SIGNER,
    PUBLIC,
    SIGNER,
    drawn_bundle,
    drawn_contents,
    independent,
    public_of,
    uid,
)

from countenance.bundle import verify, write, write_bundle
from countenance.bundle.contents import Contents, ModelCard
from countenance.errors import BundleBroken, InputError
from countenance.sealing.envelope import Key
from countenance.sealing.keyring import Keyring

VECTORS = Path(__file__).parents[2] / "vectors"
GOLDEN = VECTORS / "measured-bundle.zip"
"""Written by `python tests/bundles.py`; a bundle of version 1 must verify for good."""
OLDER = VECTORS / "bundle.zip"
"""Written when no search said at which operating point it was."""


@pytest.fixture
def contents() -> Contents:
    return drawn_contents()


def written(contents: Contents) -> bytes:
    return write_bundle(contents, sign=SIGNER.sign, public_key=PUBLIC)


def test_the_same_contents_give_the_same_bytes(contents: Contents) -> None:
    assert written(contents) == written(drawn_contents())


def test_the_stored_bundle_verifies_and_is_what_the_writer_writes(
    contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = GOLDEN.read_bytes()
    assert verify(stored, expected_key=PUBLIC).key_expected
    assert independent().verify(stored, PUBLIC.hex())["case"]["reference"] == "26-0001"
    # The words may change; the format must not.
    monkeypatch.setattr(write, "README", members_of(stored)["README.txt"].decode())
    assert written(contents) == stored


def test_a_bundle_of_before_searches_had_operating_points_verifies_still() -> None:
    stored = OLDER.read_bytes()
    assert verify(stored, expected_key=PUBLIC).counts["searches"] == 4
    assert independent().verify(stored, PUBLIC.hex())["counts"]["searches"] == 4


def test_nobody_on_a_list_is_below_the_operating_point_of_its_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, *others = bundles.SEARCHES
    below = bundles.candidate("Bo", "0.409999")
    assert found.candidates is not None
    found = replace(found, candidates=[found.candidates[0], below])
    monkeypatch.setattr(bundles, "SEARCHES", [found, *others])
    with pytest.raises(BundleBroken, match="below its operating point"):
        written(drawn_contents())
    monkeypatch.setattr(write, "verify", lambda *_, **__: None)
    with pytest.raises(ValueError, match="below the point"):
        independent().verify(written(drawn_contents()))


def test_a_subject_of_several_photos_is_judged_by_the_similarity_of_their_fused_template(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, *others = bundles.SEARCHES
    assert found.candidates is not None
    bo = replace(bundles.candidate("Bo", "0.400000", "0.390000"), fused=("0.412345", 2))
    found = replace(found, candidates=[found.candidates[0], bo])
    monkeypatch.setattr(bundles, "SEARCHES", [found, *others])
    data = written(drawn_contents())
    assert verify(data).counts["searches"] == independent().verify(data)["counts"]["searches"]
    ledger = drawn_contents().ledger
    for other in (("0.412346", 2), ("0.412345", 3), None):
        line = replace(bo, fused=other, faces=[*bo.faces])
        if other is None:
            line = replace(line, faces=[(face, "0.410000") for face, _ in bo.faces])
        told = replace(found, candidates=[found.candidates[0], line])
        monkeypatch.setattr(bundles, "SEARCHES", [told, *others])
        contents = replace(drawn_contents(), ledger=ledger)
        with pytest.raises(BundleBroken):
            written(contents)
        with monkeypatch.context() as unchecked:
            unchecked.setattr(write, "verify", lambda *_, **__: None)
            data = written(contents)
        with pytest.raises(ValueError, match=r"search\.concluded differs"):
            independent().verify(data)


def test_another_time_or_signer_gives_other_bytes(contents: Contents) -> None:
    later = replace(contents, made_at=contents.made_at.replace(hour=23))
    other = write_bundle(contents, sign=OTHER_SIGNER.sign, public_key=public_of(OTHER_SIGNER))
    assert len({written(contents), written(later), other}) == 3


def test_the_report_counts_and_says_what_was_and_what_could_not_be_verified() -> None:
    report = verify(drawn_bundle())
    assert (report.case, report.deployment) == ("26-0001", str(uid("deployment")))
    assert report.counts["searches"] == 4
    assert report.counts["negative_searches"] == 1
    assert report.erased == 1
    assert not report.key_expected
    assert any(str(report.ledger_root) in one for one in report.verified)
    assert "Whether the key is the deployment's" in report.not_verified[0]
    assert any("left out" in one for one in report.not_verified)
    known = verify(drawn_bundle(), expected_key=PUBLIC)
    assert not any("Whether the key" in one for one in known.not_verified)
    assert any("which is the key that was expected" in one for one in known.verified)
    json.dumps(known.to_dict())


def test_photos_whose_hash_is_not_on_the_ledger_are_counted(contents: Contents) -> None:
    entries = []
    for one in contents.ledger.entries:
        stated = one.body is not None and b'"sha256"' in one.body
        entries.append(replace(one, salt=None, body=None) if stated else one)
    ledger = replace(contents.ledger, entries=entries)
    report = verify(written(replace(contents, ledger=ledger)))
    assert any("Whether 3 of the photos" in one for one in report.not_verified)


def test_the_key_of_a_deployment_signs_and_its_public_half_verifies(contents: Contents) -> None:
    root, deployment = Key.generate(), uuid4()
    records = Keyring.platform_records(root, deployment)
    keyring = Keyring(root, deployment=deployment, records=records)
    public = keyring.verifying_key()
    data = write_bundle(contents, sign=keyring.signing_key().sign, public_key=public)
    assert verify(data, expected_key=public).public_key == public.hex()
    assert independent().verify(data, public.hex())
    with pytest.raises(BundleBroken, match="another key"):
        verify(data, expected_key=PUBLIC)


def test_what_is_signed_with_a_key_that_is_not_the_one_named_is_not_written(
    contents: Contents,
) -> None:
    with pytest.raises(BundleBroken, match="signature"):
        write_bundle(contents, sign=SIGNER.sign, public_key=public_of(OTHER_SIGNER))


def test_contents_that_contradict_each_other_are_not_written(contents: Contents) -> None:
    with pytest.raises(BundleBroken):
        written(replace(contents, searches=contents.searches[1:]))
    with pytest.raises(InputError):
        written(replace(contents, probes=[*contents.probes, contents.probes[0]]))
    with pytest.raises(InputError):
        written(replace(contents, error_rates={"fpir": object()}))
    twin = ModelCard(id="Drawn 1", card={})
    with pytest.raises(InputError):
        written(replace(contents, model_cards=[*contents.model_cards, twin]))


def test_a_file_cannot_take_the_place_of_its_record(contents: Contents) -> None:
    lead = contents.leads[0]
    assert lead.file is not None
    for suffix in ("json", "../x", "", "toolong"):
        changed = replace(lead, file=replace(lead.file, suffix=suffix))
        with pytest.raises(InputError):
            written(replace(contents, leads=[changed]))


def test_fractions_are_text_and_ids_and_dates_are_written_as_they_are() -> None:
    members = members_of(drawn_bundle())
    assert json.loads(members["error-rates.json"])["model"] == {
        "fnir": "0.080000",
        "fpir": "0.010000",
    }
    authority = json.loads(members[f"authority/{uid('authority')}.json"])
    assert authority["details"]["until"] == "2026-03-04"


def test_the_readme_says_what_it_is_not_and_how_to_verify_it() -> None:
    text = members_of(drawn_bundle())["README.txt"].decode()
    assert "A candidate is not an identification." in text
    assert "countenance verify-bundle" in text
    assert "verify_bundle.py" in text
    assert max(map(len, text.splitlines())) <= 110


def test_an_empty_case_is_a_bundle_too(contents: Contents) -> None:
    empty = replace(
        contents,
        probes=[],
        edits=[],
        requests=[],
        searches=[],
        examinations=[],
        leads=[],
        authorities=[],
        model_cards=[],
        ledger=replace(contents.ledger, entries=[]),
    )
    data = written(empty)
    assert set(verify(data).counts.values()) == {0}
    assert independent().verify(data)


@pytest.mark.parametrize("size", [0, 1, 4, 22, 1000])
def test_what_is_no_archive_is_no_bundle(size: int) -> None:
    for data in (bytes(size), b"PK\x03\x04"[:size] + bytes(max(0, size - 4))):
        with pytest.raises(BundleBroken):
            verify(data)


def test_a_later_version_is_not_read_as_this_one() -> None:
    members = with_json(members_of(drawn_bundle()), "manifest.json", version=2)
    data = signed(members, SIGNER, PUBLIC)
    with pytest.raises(BundleBroken):
        verify(data)
    with pytest.raises(Exception, match="format"):
        independent().verify(data)
