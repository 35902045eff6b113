"""pgvector in the project's own PostgreSQL: every row compared, or a graph (HNSW) of half precision.

The second argument says which; the project's interpreter runs this, as it brings the server.
"""

import sys
import tempfile
from pathlib import Path

import psutil
import psycopg
from serve_search import CANDIDATES, serve

from countenance.web.postgres import LocalPostgres
from countenance.web.postgres_server import ROLE

home = tempfile.TemporaryDirectory(prefix="bench-pgvector-")
server = LocalPostgres(Path(home.name))
server.ensure_running()
# The product's role may not create extensions, and nobody can log in as who may: the server does it alone.
cluster = server._server
cluster.stop()
single = (cluster.bin / "postgres", "--single", "-j", "-D", cluster.cluster, ROLE)
cluster._ask(*single, text="create extension vector;\n\n")
connection = psycopg.connect(server.ensure_running(), autocommit=True)
backend = psutil.Process(connection.info.backend_pid)


def cpu():
    used = backend.cpu_times()
    return used.user + used.system


def spelled(vector):
    return "[" + ",".join(f"{number:.7g}" for number in vector.tolist()) + "]"


def build(templates, _):
    dimensions = templates.shape[1]
    connection.execute("set maintenance_work_mem = '2GB'")
    # One worker: what is compared is CPU time, and each engine answers on one thread.
    connection.execute("set max_parallel_workers_per_gather = 0")
    connection.execute("set max_parallel_maintenance_workers = 0")
    connection.execute("set jit = off")
    connection.execute(f"create unlogged table faces (row bigint, template halfvec({dimensions}))")
    with connection.cursor().copy("copy faces from stdin") as copy:
        for row, template in enumerate(templates):
            copy.write_row((row, spelled(template)))
    if sys.argv[2] == "hnsw":
        connection.execute(
            "create index on faces using hnsw (template halfvec_ip_ops) "
            "with (m = 16, ef_construction = 64)"
        )
    connection.execute("vacuum analyze faces")

    def search(probe, setting):
        if sys.argv[2] == "hnsw":
            connection.execute(f"set hnsw.ef_search = {int(setting['ef'])}")
        found = connection.execute(
            f"select row from faces order by template <#> %s::halfvec({dimensions}) limit {CANDIDATES}",
            (spelled(probe),),
        )
        return [row for (row,) in found]

    return search


try:
    serve(build, cpu)
finally:
    connection.close()
    server.destroy()
    home.cleanup()
