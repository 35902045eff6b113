"""One folder of folded models for all tests of a run, and an engine on it."""

from pathlib import Path

import pytest

from countenance.faces import Engine
from countenance.faces.card import Kind
from countenance.faces.limits import Limits
from countenance.faces.pipeline import Pipeline
from countenance.faces.zoo import make_ready


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_ready(None, Kind.DETECTOR, folder)
    make_ready(None, Kind.EMBEDDER, folder)
    return folder


@pytest.fixture(scope="session")
def pipeline(models) -> Pipeline:
    detector = make_ready(None, Kind.DETECTOR, models)
    return Pipeline(detector, make_ready(None, Kind.EMBEDDER, models))


@pytest.fixture(scope="module")
def engine(models):
    with Engine.open(models, workers=1, limits=Limits(seconds=60)) as opened:
        yield opened


@pytest.fixture(scope="session")
def portraits(shared_data) -> list[Path]:
    return sorted((shared_data / "frl-london-512").glob("*/neutral.jpg"))
