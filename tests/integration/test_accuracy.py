"""Real photos of 102 people through the real engine and the whole product."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.accuracy import identify, rank_one

from countenance.apps.records import queries as ledger


@pytest.fixture
def real(deployment: Any, tmp_path: Path) -> Iterator[Any]:
    from dataclasses import replace

    from countenance.faces import Engine

    with Engine.open(tmp_path / "models", workers=2) as engine:
        deployment.tools = replace(deployment.tools, engine=engine)
        yield deployment


@pytest.mark.slow
def test_every_person_is_found_at_rank_one_by_another_photo(real: Any, shared_data: Path) -> None:
    found = identify(real, shared_data / "frl-london-512")
    assert len(found) == 102
    assert [one for one in found if one.rank != 1] == []
    assert rank_one(found) == 1.0
    ledger.verify_ledger(real.tools.keyring)
