"""What is measured of a peer: the probes of Sources/Compare/Probes, with the same work, the same warm-up and the same order of steps."""

import gc
import importlib.metadata
import json
import os
import statistics
import sys
import tempfile
import threading
import time

import processes
import work
from pools import POOLS, Joblib, NoSuchThing, run_all

WORKERS = 2


def warmed_up(make, workers=WORKERS, **options):
    pool = make(workers, **options)
    run_all(pool, work.square, range(100))
    return pool


def round_trip(make, calls):
    """Blocking is all there is, so one figure is set against both of ours."""
    pool = warmed_up(make)
    times = []
    for n in range(calls):
        start = time.perf_counter_ns()
        result = pool.value(pool.submit(work.square, n))
        times.append(time.perf_counter_ns() - start)
        assert result == n * n
    pool.close()
    p50 = statistics.median(times) / 1000
    return {"run": p50, "get": p50}


def submit(make, tasks):
    pool = warmed_up(make)
    start = time.perf_counter()
    total = sum(run_all(pool, work.square, range(tasks)))
    seconds = time.perf_counter() - start
    assert total == sum(n * n for n in range(tasks))
    pool.close()
    return {"submit": tasks / seconds}


def map_items(make, items):
    pool = warmed_up(make)
    best = 0
    for chunk_size in (100, 1_000, 10_000, 100_000):
        start = time.perf_counter()
        total = sum(pool.map(work.square, range(items), chunk_size))
        best = max(best, items / (time.perf_counter() - start))
        assert total == sum(n * n for n in range(items))
    pool.close()
    return {"map": best}


def payload(make, mebibytes):
    pool = warmed_up(make)
    count = mebibytes << 20
    data = b"\7" * count

    def rate(function, argument, check):
        times = []
        for turn in range(6):
            start = time.perf_counter()
            result = pool.value(pool.submit(function, argument))
            assert check(result)
            times.append(time.perf_counter() - start)
        # The first ones meet workers that have not seen that much before.
        return count / statistics.median(times[1:]) / (1 << 30)

    values = {
        "argument": rate(work.length, data, lambda result: result == count),
        "result": rate(work.blob, count, lambda result: len(result) == count and result[-1] == 7),
        "argument-read": rate(work.length_without_byte, data, lambda result: result == count),
        "result-read": rate(work.blob, count, lambda result: work.length_without_byte(result) == count),
    }
    pool.close()
    return values


def pool_up(make, repetitions):
    times = []
    for _ in range(repetitions + 1):
        start = time.perf_counter()
        pool = make(WORKERS)
        assert pool.value(pool.submit(work.square, 3)) == 9
        pool.close()
        times.append(time.perf_counter() - start)
    # Python's fork server is started with the first pool, and then stays: the others do without that.
    return {"poolup": statistics.median(times[1:]) * 1000}


def fresh(make, tasks):
    pool = make(WORKERS, tasks_each=1)
    start = time.perf_counter()
    pids = run_all(pool, work.pid_after, [0] * tasks)
    seconds = time.perf_counter() - start
    assert len(set(pids)) == tasks, "a process ran two tasks"
    pool.close()
    return {"fresh": tasks / seconds}


def queued(make, tasks):
    if make is Joblib:
        raise NoSuchThing
    pool = warmed_up(make)
    with tempfile.TemporaryDirectory() as directory:
        pipe = os.path.join(directory, "pipe")
        os.mkfifo(pipe)
        for _ in range(WORKERS):
            pool.submit(work.hold, pipe)
        handles = [None] * tasks
        gc.collect()
        before = processes.resident_bytes()
        tenth = tasks // 10
        marks = []
        for n in range(tasks):
            if n % tenth == 0:
                marks.append(time.perf_counter())
            handles[n] = pool.submit(work.square, n)
        marks.append(time.perf_counter())
        # Their own threads carry them on into pipes meanwhile; what that takes is held as well.
        time.sleep(0.2)
        after = processes.resident_bytes()
    # Running them all would take longer than everything else: whoever started this ends what is left.
    return {
        "queued": (after - before) / tasks,
        "queued-submit": (marks[-1] - marks[-2]) / (marks[1] - marks[0]),
    }


def scaling(make, tasks):
    def seconds(workers):
        pool = warmed_up(make, workers)
        start = time.perf_counter()
        run_all(pool, work.compute, [1000] * tasks)
        seconds = time.perf_counter() - start
        pool.close()
        return seconds

    return {"scaling": seconds(1) / seconds(2)}


def idle(make, seconds):
    pool = warmed_up(make)
    time.sleep(1)
    pids = [os.getpid()] + processes.descendants()
    own = str(threading.get_native_id())
    before = processes.context_switches(pids)
    time.sleep(seconds)
    after = processes.context_switches(pids)
    count = sum(after[thread] - before[thread] for thread in after if thread in before and thread != own)
    pool.close()
    return {"idle": count}


def memory(make, workers):
    pool = make(workers)
    pids = set()
    for _ in range(20):
        pids.update(run_all(pool, work.pid_after, [200] * workers))
        if len(pids) == workers:
            break
    assert len(pids) == workers, f"only {len(pids)} workers were seen at work"
    values = {"memory": statistics.median(map(processes.private_bytes, pids)) / (1 << 20)}
    pool.close()
    return values


def mixed(make, tasks):
    pool = warmed_up(make)
    start = time.perf_counter()
    run_all(pool, work.compute, [tasks * 1000] + [1000] * tasks)
    seconds = time.perf_counter() - start
    pool.close()
    return {"mixed": seconds}


PROBES = {
    "roundtrip": round_trip,
    "submit": submit,
    "map": map_items,
    "payload": payload,
    "poolup": pool_up,
    "fresh": fresh,
    "queued": queued,
    "scaling": scaling,
    "idle": idle,
    "memory": memory,
    "mixed": mixed,
}


def main():
    if sys.argv[1] == "versions":
        versions = {name: importlib.metadata.version(name) for name in ("loky", "pebble", "joblib")}
        print(json.dumps({"Python": sys.version.split()[0], **versions}))
        return
    peer, probe, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    try:
        answer = {"values": PROBES[probe](POOLS[peer], size)}
    except NoSuchThing:
        answer = {"none": True}
    print(json.dumps(answer), flush=True)
    # Without waiting for tasks that were only to be held.
    os._exit(0)

