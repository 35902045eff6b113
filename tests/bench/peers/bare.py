"""The stages of `countenance.faces` alone, in this process: no pipes, no sealing, no database."""

import os
from pathlib import Path

from serve import serve


def start():
    from countenance.faces.card import Kind
    from countenance.faces.pipeline import Pipeline
    from countenance.faces.zoo import make_ready

    models = Path(os.environ["BENCH_MODELS"])
    pipeline = Pipeline(
        make_ready(None, Kind.DETECTOR, models), make_ready(None, Kind.EMBEDDER, models)
    )
    return lambda path: len(pipeline.analyse(Path(path).read_bytes()).faces)


serve(start)
