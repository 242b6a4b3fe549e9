import ConcurrentFutures
import Foundation

// Functions that use more than they may, and others that stay within it.

enum WorkerLimitWork {
    /// The ways in which a task can take more memory than it may.
    enum Appetite: String, Codable, CaseIterable, Sendable {
        /// These take twice as much as they may, bit by bit, and keep it.
        case growingArray, smallObjects, growingString, growingDictionary
        /// Takes all that there is, as fast as it can.
        case manyMappings
        /// These take more at once than there is.
        case hugeArray, hugeData, hugeMalloc

        /// What the error says of it; of what is as fast as it can, that depends on who is faster.
        var sentence: String {
            switch self {
            case .growingArray, .smallObjects, .growingString, .growingDictionary: "it took "
            case .manyMappings: "memoryLimit is "
            case .hugeArray, .hugeData, .hugeMalloc: "it was refused more memory"
            }
        }
    }

    private final class Link {
        var next: Link?
        var room: (Int, Int, Int, Int, Int, Int, Int, Int) = (0, 0, 0, 0, 0, 0, 0, 0)
        init(_ next: Link?) { self.next = next }
    }

    private static let huge = 1 << 40

    /// Never comes to an end where memory is limited to 64 MiB.
    static func eat(_ appetite: Appetite) -> Int {
        switch appetite {
        case .growingArray:
            var numbers: [Int] = []
            while numbers.count < 12_000_000 { numbers.append(numbers.count) }
            keep(numbers)
        case .smallObjects:
            var chain: Link?
            for _ in 0..<1_300_000 { chain = Link(chain) }
            keep(chain)
        case .growingString:
            var text = ""
            while text.utf8.count < 100_000_000 { text += "one more word, then another, and then one more " }
            keep(text)
        case .growingDictionary:
            var numbers: [Int: Int] = [:]
            while numbers.count < 5_000_000 { numbers[numbers.count] = 1 }
            keep(numbers)
        case .manyMappings:
            while true {
                let size = 1 << 20
                let block = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                memset(block!, 1, size)
            }
        case .hugeArray:
            return [UInt8](repeating: 1, count: huge).count
        case .hugeData:
            return Data(count: huge).count
        case .hugeMalloc:
            let block = malloc(huge)
            // As C code does that does not look.
            memset(block ?? UnsafeMutableRawPointer(bitPattern: 64)!, 1, 100)
            return 0
        }
    }

    private static func keep(_ memory: some Any) -> Never {
        withExtendedLifetime(memory) {
            while true { pause() }
        }
    }

    /// Takes so much, touches it, and gives it back.
    static func take(_ mebibytes: Int) -> Int {
        let bytes = [UInt8](repeating: 1, count: mebibytes << 20)
        return bytes.count
    }

    static func trap(_ n: Int) -> Int { fatalError("as usual") }

    /// Is refused memory, and does without.
    static func isRefused(_ n: Int) -> Bool {
        mmap(nil, huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM
    }

    /// Works so long, by the time of this process's processors.
    static func compute(_ milliseconds: Int) -> Int {
        let end = clock() + milliseconds * 1000
        var count = 0
        while clock() < end { count += 1 }
        return count
    }

    static func computeForEver(_ n: Int) -> Int {
        while true { _ = clock() }
    }

    static func computeForEverOnThreads(_ n: Int) -> Int {
        for _ in 0..<2 { Thread.detachNewThread { _ = computeForEver(0) } }
        while true { sleep(100) }
    }

    static func computeDespiteWarning(_ n: Int) -> Int {
        signal(SIGXCPU, SIG_IGN)
        return computeForEver(n)
    }

    static func computeForEverIfSeven(_ n: Int) -> Int { n == 7 ? computeForEver(n) : n * n }

    static func niceness(_ n: Int) -> Int32 { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }
}
