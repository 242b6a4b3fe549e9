"""What the peers' workers run: the same as the functions of Work.swift.

A module of its own, so that every peer finds the functions by their names; from a program's main module some would send their code each time.
"""

import os
import time

_blobs = {}


def square(n):
    return n * n


def compute(microseconds):
    """Computes for that much processor time of its own thread, so that time in which the worker does not run does not count."""
    end = time.thread_time_ns() + microseconds * 1000
    turns = 0
    while time.thread_time_ns() < end:
        turns += 1
    return turns


def length(data):
    return len(data)


def length_without_byte(data):
    """How many bytes there are, all of which are read: a byte is looked for that is not there."""
    return len(data) if data.find(b"\1") < 0 else -1


def blob(count):
    """Made once in each worker, so that what is measured is its way back."""
    if count not in _blobs:
        _blobs[count] = b"\7" * count
    return _blobs[count]


def hold(path):
    """Returns when somebody opens the named pipe for writing."""
    with open(path, "rb") as pipe:
        pipe.read()


def pid_after(milliseconds):
    time.sleep(milliseconds / 1000)
    return os.getpid()
