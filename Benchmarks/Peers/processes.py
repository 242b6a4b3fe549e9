"""What the system says of processes, as ProcessFacts.swift reads it."""

import os


def descendants():
    """The numbers of all processes that come from this one."""
    children = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        children.setdefault(parent, []).append(int(entry))
    found = []
    waiting = [os.getpid()]
    while waiting:
        new = children.get(waiting.pop(), [])
        found += new
        waiting += new
    return found


def context_switches(pids):
    """How often each thread was given a processor or lost it, by its number."""
    counts = {}
    for pid in pids:
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        for thread in threads:
            try:
                with open(f"/proc/{pid}/task/{thread}/status") as file:
                    counts[thread] = sum(int(line.split()[1]) for line in file if "voluntary_ctxt_switches" in line)
            except OSError:
                continue
    return counts


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def private_bytes(pid):
    """Memory that is this process's alone."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private_")) * 1024
