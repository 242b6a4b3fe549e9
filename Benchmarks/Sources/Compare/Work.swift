// What workers run: the same as the functions of Peers/work.py.

import Glibc

func square(_ n: Int) -> Int { n * n }

/// Computes for that much processor time of its own thread, so that time in which the worker does not run does not count.
///
/// - Parameter microseconds: how long.
func compute(_ microseconds: Int) -> Int {
    let end = threadNanoseconds() + microseconds * 1000
    var turns = 0
    while threadNanoseconds() < end { turns += 1 }
    return turns
}

private func threadNanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

func length(_ bytes: [UInt8]) -> Int { bytes.count }

/// How many bytes there are, all of which are read: a byte is looked for that is not there.
func lengthWithoutByte(_ bytes: [UInt8]) -> Int {
    bytes.withUnsafeBytes { memchr($0.baseAddress!, 1, $0.count) == nil ? $0.count : -1 }
}

func same(_ bytes: [UInt8]) -> [UInt8] { bytes }

/// Made once in each worker, so that what is measured is its way back.
func blob(_ count: Int) -> [UInt8] {
    if lastBlob.count != count { lastBlob = [UInt8](repeating: 7, count: count) }
    return lastBlob
}

/// A worker runs one task at a time.
nonisolated(unsafe) private var lastBlob: [UInt8] = []

/// Returns when somebody opens the named pipe for writing.
func hold(_ path: String) -> Int {
    let descriptor = open(path, O_RDONLY)
    close(descriptor)
    return 0
}

func pid(afterMilliseconds milliseconds: Int) -> Int32 {
    usleep(UInt32(milliseconds) * 1000)
    return getpid()
}
