"""The archive has one spelling, and other programs read it."""

from __future__ import annotations

import io
import zipfile
from uuid import UUID

import pytest
from bundle_mutations import raw

from countenance.bundle.archive import MOST_MEMBERS, is_name, pack, unpack
from countenance.errors import BundleBroken, InputError

ID = UUID(int=7)
MEMBERS = {
    "manifest.json": b"{}",
    "README.txt": b"words",
    f"probes/{ID}.jpg": bytes(range(256)),
    f"probes/{ID}.json": b"{}",
    "ledger/entries.jsonl": b"",
    "model-cards/sface-2021dec.json": b"{}",
}


def test_what_is_packed_is_unpacked_in_the_order_of_names() -> None:
    found = unpack(pack(MEMBERS))
    assert {name: bytes(body) for name, body in found.items()} == MEMBERS
    assert list(found) == sorted(MEMBERS)


def test_the_order_in_which_members_are_given_does_not_matter() -> None:
    assert pack(dict(reversed(MEMBERS.items()))) == pack(MEMBERS)


def test_another_program_reads_the_same_with_dates_and_permissions_that_never_change() -> None:
    with zipfile.ZipFile(io.BytesIO(pack(MEMBERS))) as opened:
        assert opened.testzip() is None
        assert {one.filename: opened.read(one) for one in opened.infolist()} == MEMBERS
        assert {one.date_time for one in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {one.external_attr >> 16 for one in opened.infolist()} == {0o100600}
        assert {one.compress_type for one in opened.infolist()} == {zipfile.ZIP_STORED}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../README.txt",
        "/README.txt",
        "readme.txt",
        "probes",
        "probes/",
        f"probes/../probes/{ID}.json",
        f"probes/{ID}",
        f"probes/{ID}.jpg/x",
        f"probes/{str(ID).upper().replace('0', 'A')}.json",
        f"photos/{ID}.jpg",
        f"searches/{ID}.jpg",
        f"probes/{ID}.jpg\n",
        f"probes/{ID}.j\u0660g",
        "model-cards/.json",
        "model-cards/../x.json",
        "model-cards/a/b.json",
        "C:\\x.json",
    ],
)
def test_no_member_has_another_name(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(InputError):
        pack({name: b""})
    if name.isascii():
        with pytest.raises(BundleBroken):
            unpack(raw([(name, b"")]))


def test_every_single_bit_counts() -> None:
    data = pack(MEMBERS)
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BundleBroken):
            unpack(bytes(changed))


@pytest.mark.parametrize("size", range(0, 1200, 7))
def test_a_cut_archive_is_none(size: int) -> None:
    data = pack(MEMBERS)
    with pytest.raises(BundleBroken):
        unpack(data[: min(size, len(data) - 1)])


def test_nothing_stands_before_between_or_behind_the_members() -> None:
    data = pack(MEMBERS)
    second = data.index(b"PK\x03\x04", 4)
    for changed in (data + b"\0", b"\0" + data, data[:second] + b"\0" + data[second:], data + data):
        with pytest.raises(BundleBroken):
            unpack(changed)


def test_an_order_of_its_own_or_a_doubled_name_is_refused() -> None:
    one, other = ("README.txt", b"1"), ("manifest.json", b"2")
    unpack(raw([one, other]))
    for members in ([other, one], [one, one], []):
        with pytest.raises(BundleBroken):
            unpack(raw(members))


def test_a_bomb_is_refused_before_anything_grows() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("README.txt", bytes(10_000_000))
    assert len(made.getvalue()) < 20_000
    with pytest.raises(BundleBroken):
        unpack(made.getvalue())
    # A header that claims four gigabytes gets what there is.
    data = bytearray(pack({"README.txt": b"x"}))
    data[18:26] = b"\xff" * 8
    with pytest.raises(BundleBroken):
        unpack(bytes(data))


def test_too_many_members_are_refused() -> None:
    with pytest.raises(InputError):
        pack({f"probes/{UUID(int=n)}.json": b"" for n in range(MOST_MEMBERS + 1)})
