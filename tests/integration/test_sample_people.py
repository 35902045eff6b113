"""The evaluation of the sample people, whose photos are searched through the real engine, made again from its file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cli_fixtures
import numpy as np
import pytest
from cli_fixtures import Cli

cli = cli_fixtures.cli
PEOPLE = 102


@pytest.fixture
def real(deployment: Any, tmp_path: Path) -> Iterator[Any]:
    """The deployment with the real engine."""
    from countenance.faces import Engine

    with Engine.open(tmp_path / "models", workers=2) as engine:
        deployment.tools = replace(deployment.tools, engine=engine)
        yield deployment


@pytest.mark.slow
def test_the_evaluation_of_the_sample_people_is_made_again_from_its_file_to_the_last_digit(
    real: Any, cli: Cli, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("evaluated")
    people, file, again = shared_data / "frl-london-512", place / "one.json", place / "two.json"
    groups = _groups(people, place)
    code, made = cli("evaluate", people, "--groups", groups, "--out", file)
    assert code == 0
    numbers = made["numbers"]
    assert (numbers["mated_searches"], numbers["non_mated_searches"]) == (PEOPLE, PEOPLE)
    assert numbers["failures"] == 0
    assert cli("evaluate", "--again", file, as_=[]) == (0, {"same": True})
    assert cli("evaluations", "check", made["id"]) == (0, {"same": True})
    # What is stored in the deployment gives the same file, byte for byte.
    assert cli("evaluations", "show", made["id"], "--out", again)[0] == 0
    assert again.read_bytes() == file.read_bytes()
    trials = json.loads(file.read_bytes())["trials"]
    mated, other = np.array(trials["mated"]), np.array(trials["non_mated"])[:, 0]
    for at in numbers["measured"]:
        assert abs(at["fnir"]["value"] - np.mean(mated < at["threshold"])) < 1e-9
        assert abs(at["fpir"]["value"] - np.mean(other >= at["threshold"])) < 1e-9
    assert "face_gender: female" in {one["group"] for one in numbers["groups"]}


def _groups(people: Path, place: Path) -> Path:
    """Keep gender and ethnicity of the people's own answers: ages are too many groups."""
    head, *rows = (people / "london_info.csv").read_text().splitlines()
    keep = [head.split(",").index(name) for name in ("face_id", "face_gender", "face_eth")]
    lines = [",".join(row.split(",")[i] for i in keep) for row in (head, *rows)]
    target = place / "groups.csv"
    target.write_text("\n".join(lines) + "\n")
    return target
