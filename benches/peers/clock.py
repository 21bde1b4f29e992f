"""Works once for each line of the input, and prints its seconds as a line of JSON.

CPU seconds are those of the whole process. The end of the input is answered with the process's
peak memory, and the score of a trained model. `forward` does alone, after each work and timed
apart, what the work asked of the model, and answers how many rows that were.
"""

import json
import resource
import sys
import time


def each_line(work, score=None, forward=None):
    answer = None
    for _ in sys.stdin:
        start_wall, start = time.perf_counter(), time.process_time()
        answer = work()
        cpu, wall = time.process_time() - start, time.perf_counter() - start_wall
        line = {"cpu": cpu, "wall": wall}
        if forward:
            start = time.process_time()
            line["model_rows"] = forward()
            line["forward"] = time.process_time() - start
        print(json.dumps(line), flush=True)
    # Before the score, which is no part of the work.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"peak_kib": peak, "score": score(answer) if score else None}), flush=True)
