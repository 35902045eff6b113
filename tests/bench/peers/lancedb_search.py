"""LanceDB: lists (IVF) of codes of one bit (RaBitQ), the nearest compared again by the stored vectors."""

import lancedb
import numpy as np
import pyarrow as pa
from serve_search import CANDIDATES, serve


def build(templates, folder):
    dimensions = templates.shape[1]

    def batches():
        for start in range(0, len(templates), 100_000):
            part = np.ascontiguousarray(templates[start : start + 100_000])
            rows = pa.array(np.arange(start, start + len(part)))
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(part.reshape(-1)), dimensions)
            yield pa.record_batch([rows, vectors], schema=schema)

    vector = pa.list_(pa.float32(), dimensions)
    schema = pa.schema([("row", pa.int64()), ("vector", vector)])
    table = lancedb.connect(folder / "lancedb").create_table("faces", batches(), schema=schema)
    table.create_index(metric="dot", index_type="IVF_RQ", num_bits=1, num_partitions=256)

    def search(probe, setting):
        query = table.search(probe).distance_type("dot").nprobes(setting["lists"])
        found = query.refine_factor(setting["refine"]).limit(CANDIDATES).select(["row"])
        return found.to_arrow()["row"].to_numpy()

    return search


serve(build)
