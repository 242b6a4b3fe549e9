import CAllocationCount
import FuzzTargets
import Glibc

/// One target's inputs, and what became of them.
struct FuzzRun {
    private let target: any FuzzTarget
    private let pool: [[UInt8]]
    private let seed: UInt64

    private var done = 0
    private var accepted = 0
    private var mostPerByte = 0.0
    private var mostBytes = 0
    private var mostNanoseconds = 0
    private let start = ContinuousClock.now
    private(set) var isSound = true

    /// What an input may cost besides what it costs for its length: an error and what it says, the tables that the
    /// standard library makes of types that it sees for the first time.
    private static let baseBytes = 64 * 1024
    private static let baseNanoseconds = 20_000_000
    /// A type that tries what a value might be has some errors made for each of its values, and each error tells the
    /// path to it: as long as the value is deep, which the stack bounds. That was seen to take 3000.
    private static let nanosecondsPerByte = 10_000
    /// After so many seconds without 1024 inputs more the process is ended: one of them would take for ever.
    private static let patience: UInt32 = 120

    init(_ target: any FuzzTarget, corpus: [[UInt8]], seed: UInt64) {
        self.target = target
        self.seed = seed
        pool = target.seeds + corpus
        InputKeeper.watch(keepingAs: Self.fileName(target))
    }

    mutating func run(inputs: Int) {
        for input in pool { read(input) }
        var mutator = Mutator(seed: seed, pool: pool)
        while done < inputs { read(mutator.input(for: target)) }
    }

    mutating func read(_ input: [UInt8]) {
        if done.isMultiple(of: 1024) { alarm(Self.patience) }
        let (isAccepted, nanoseconds, allocated) = input.withUnsafeBytes { bytes in
            InputKeeper.reading(bytes) {
                let start = Self.processorTime
                allocation_count_begin()
                let isAccepted = target.read(bytes)
                let allocated = allocation_count_end()
                let most = max(Int(clamping: allocated.peak), Int(clamping: allocated.largest))
                return (isAccepted, Self.processorTime - start, most)
            }
        }
        done += 1
        if isAccepted { accepted += 1 }
        mostBytes = max(mostBytes, allocated)
        mostNanoseconds = max(mostNanoseconds, nanoseconds)
        mostPerByte = max(mostPerByte, Double(max(0, allocated - Self.baseBytes)) / Double(max(1, input.count)))
        if allocated > Self.baseBytes + target.mostBytesPerByte * input.count {
            report("it took \(allocated) bytes of memory", input)
        }
        // The first inputs of all have the runtime look up types.
        if done > pool.count, nanoseconds > Self.baseNanoseconds + Self.nanosecondsPerByte * input.count {
            report("it took \(nanoseconds / 1_000_000) ms", input)
        }
    }

    private static var processorTime: Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    private static func fileName(_ target: any FuzzTarget) -> String { "fuzz-\(target.name)" }

    private mutating func report(_ complaint: String, _ input: [UInt8]) {
        let name = "\(Self.fileName(target))-\(done)"
        InputKeeper.keep(input, as: name)
        print("\(target.name): an input of \(input.count) bytes: \(complaint); kept as \(name)")
        isSound = false
    }

    var summary: String {
        let perSecond = Int(Double(done) / ((ContinuousClock.now - start) / .seconds(1)))
        let memory =
            allocation_count_is_real() == 0
            ? "memory not counted"
            : """
            most memory \(mostBytes) bytes, most per byte of input above \(Self.baseBytes) bytes: \
            \((mostPerByte * 10).rounded() / 10) of \(target.mostBytesPerByte)
            """
        return """
            \(target.name): \(done) inputs, \(perSecond) a second; \(accepted) accepted, \(done - accepted) rejected; \
            \(memory); longest \(mostNanoseconds / 1000) µs
            """
    }
}
