import CSystemShims
import Glibc

/// What this process has open, and its standard streams.
extension CurrentProcess {
    /// Closes all descriptors but the standard streams and those named, which are in ascending order.
    static func closeDescriptors(except kept: [Int32]) throws(SystemError) {
        assert(zip(kept, kept.dropFirst()).allSatisfy { $0 < $1 }, "what is to be kept is not in order")
        var next: UInt32 = 3
        for number in kept where number >= 3 {
            let last = UInt32(number) - 1
            if last >= next { try retrying("close_range") { cf_close_range(next, last) } }
            next = UInt32(number) + 1
        }
        try retrying("close_range") { cf_close_range(next, UInt32.max) }
    }

    /// Opens `/dev/null` for each standard stream that is missing.
    static func fillStandardStreams() {
        for number in Int32(0)...2 where cf_is_open(number) == 0 {
            _ = cf_open("/dev/null", O_RDWR)
        }
    }

    static func readStandardInputFromNothing() {
        let null = cf_open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard null >= 0 else { return }
        dup2(null, 0)
        if null > 2 { close(null) }
    }

    /// Makes a descriptor the standard error.
    static func redirectStandardError(to descriptor: Descriptor) {
        dup2(descriptor.number, 2)
    }

    /// A line that was printed is not lost if the process is killed.
    static func bufferStandardOutputByLine() {
        setvbuf(cf_stdout(), nil, _IOLBF, 0)
    }

    static func flushStandardStreams() {
        fflush(nil)
    }

    /// For what a process has to say before it ends; whether anybody can read it does not matter.
    static func writeToStandardError(_ text: String) {
        var text = text
        text.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
    }
}
