"""A process that runs one face pipeline over the photos it is told to, and says how long it took.

Only the standard library: peers run in virtual environments of their own. One JSON line in, such as
`["a.jpg", "b.jpg"]`; one JSON line out, `{"photos", "faces", "seconds", "cpu", "peak"}`. Opening models
and the first photo, given as the argument, are not counted.
"""

import json
import os
import resource
import sys
import time


def serve(start):
    """Open a pipeline on one core and serve until the input ends.

    Args:
        start: opens the models and returns a function from a photo's path to the number of its faces.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    core, warm_up = int(sys.argv[1]), sys.argv[2]
    cores = os.sched_getaffinity(0)
    # Libraries size their pools by this: one process a core is what all are given.
    os.sched_setaffinity(0, {sorted(cores)[core % len(cores)]})
    embed = start()
    embed(warm_up)
    os.sched_setaffinity(0, cores)
    answers.write(json.dumps({"ready": True}) + "\n")
    for line in sys.stdin:
        paths = json.loads(line)
        wall, cpu = time.perf_counter(), time.process_time()
        faces = sum(embed(path) for path in paths)
        answers.write(
            json.dumps(
                {
                    "photos": len(paths),
                    "faces": faces,
                    "seconds": time.perf_counter() - wall,
                    "cpu": time.process_time() - cpu,
                    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                }
            )
            + "\n"
        )
