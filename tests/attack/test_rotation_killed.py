"""Everything rotated with 100,000 photos, killed ten times, while somebody searches."""

import os

import pytest
from homes import Home
from killing_rotation import check, rotated_under_fire

PHOTOS = int(os.environ.get("ROTATION_PHOTOS", "100000"))


@pytest.mark.timeout(7200)
def test_a_rotation_of_a_hundred_thousand_photos_survives_ten_kills_and_searches_go_on(capsys):
    with Home() as home:
        seen = rotated_under_fire(home, photos=PHOTOS, kills=10, longest=30.0, objects=True)
    with capsys.disabled():
        print({key: seen[key] for key in ("seconds", "codes", "last", "searches")})
    check(seen, kills=10)
