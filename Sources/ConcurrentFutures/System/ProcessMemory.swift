import CSystemShims
import Glibc

/// How much memory a process has, in bytes.
struct ProcessMemory: Equatable {
    /// What is resident and not shared with files: what would be free if the process ended. What a forked process has inherited and not
    /// written to is counted.
    var own: UInt64
    /// What it may write to without sharing it, resident or not: what a limit of data counts, with the stack.
    var data: UInt64

    /// Reads a line of `statm`: in pages the size, what is resident, what of that is of files or shared, code, nothing, data, nothing.
    init?(statm: [UInt8], pageSize: UInt64) {
        var fields: [UInt64] = []
        for field in statm.split(separator: UInt8(ascii: " ")) {
            var number: UInt64 = 0
            for digit in field where digit != UInt8(ascii: "\n") {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
                number = number &* 10 &+ UInt64(digit - UInt8(ascii: "0"))
            }
            fields.append(number)
        }
        guard fields.count == 7 else { return nil }
        // The counts are not taken at one moment.
        own = (fields[1] - min(fields[1], fields[2])) * pageSize
        data = fields[5] * pageSize
    }

    /// Reads the memory of one process again and again.
    final class Reader {
        private let file: Descriptor

        /// - Parameter pid: `nil` for this process.
        /// - Throws: ``SystemError`` if there is no such process, or no `/proc`.
        init(pid: Int32?) throws(SystemError) {
            let path = "/proc/" + (pid.map { "\($0)" } ?? "self") + "/statm"
            file = try Descriptor(owning: try retrying(path) { cf_open(path, O_RDONLY | O_CLOEXEC) })
        }

        /// - Returns: `nil` if the process has ended.
        func read() -> ProcessMemory? {
            withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { bytes in
                let count = pread(file.number, bytes.baseAddress, bytes.count, 0)
                guard count > 0 else { return nil }
                return ProcessMemory(statm: [UInt8](bytes.prefix(count)), pageSize: Self.pageSize)
            }
        }

        private static let pageSize = UInt64(sysconf(Int32(_SC_PAGESIZE)))
    }
}
