"""A process that answers probes with one search engine, and says how long each took.

Only NumPy beside the engine: peers run in virtual environments of their own. The folder given as the argument
holds `templates.npy` and `probes.npy`, each row of length 1. One JSON line in, such as `{"setting":
{"ef": 64}, "start": 0, "count": 20}`; one out, `{"ms": [...], "cpu": 0.1, "rows": [...]}`, where rows are the
first of the candidates. CPU time is of all that the engine runs in.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

CANDIDATES = 20


def serve(build, cpu=time.process_time):
    """Build an index, say so, and answer until the input ends.

    Args:
        build: takes templates (n × d float32) and a folder for files; returns a function from a probe
            and a setting to the row numbers of its candidates, best first.
        cpu: the CPU seconds that the engine has used so far.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    folder = Path(sys.argv[1])
    began, used = time.perf_counter(), cpu()
    search = build(np.load(folder / "templates.npy", mmap_mode="r"), folder)
    built = {"built_s": time.perf_counter() - began, "built_cpu_s": cpu() - used}
    probes = np.load(folder / "probes.npy")
    answers.write(json.dumps(built) + "\n")
    for line in sys.stdin:
        asked = json.loads(line)
        took, rows, used = [], [], cpu()
        for number in range(asked["start"], asked["start"] + asked["count"]):
            began = time.perf_counter()
            found = search(probes[number % len(probes)], asked["setting"])
            took.append((time.perf_counter() - began) * 1e3)
            rows.append(int(found[0]) if len(found) else -1)
        answers.write(json.dumps({"ms": took, "cpu": cpu() - used, "rows": rows}) + "\n")
