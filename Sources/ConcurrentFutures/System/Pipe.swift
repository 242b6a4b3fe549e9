import CSystemShims
import Glibc

/// A pipe; reading does not block, writing does.
func makePipe() throws(SystemError) -> (reading: Descriptor, writing: Descriptor) {
    var ends: [Int32] = [-1, -1]
    try retrying("pipe2") { cf_pipe(&ends) }
    let reading = try Descriptor(owning: ends[0])
    let writing = try Descriptor(owning: ends[1])
    try retrying("fcntl(O_NONBLOCK)") { cf_set_nonblocking(reading.number) }
    return (reading, writing)
}

enum Available {
    case bytes([UInt8])
    case nothingYet
    case end
}

/// Reads what a descriptor that does not block has, at most 16 KiB.
func readAvailable(_ descriptor: Descriptor) -> Available {
    let capacity = 16 * 1024
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
        var result = read(descriptor.number, buffer.baseAddress, capacity)
        while result < 0, errno == EINTR { result = read(descriptor.number, buffer.baseAddress, capacity) }
        failure = result < 0 ? errno : 0
        count = max(0, result)
    }
    if failure == EAGAIN { return .nothingYet }
    return bytes.isEmpty ? .end : .bytes(bytes)
}
