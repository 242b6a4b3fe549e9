import FuzzTargets
import Glibc

// One target under libFuzzer, which sees what code each input reaches and goes on from those that reach more.

/// libFuzzer's own main, in its library.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ read: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// Set before libFuzzer calls back, and then only read.
nonisolated(unsafe) private var target: any FuzzTarget = allTargets[0]

@main struct CoverageFuzz {
    static func main() {
        let names = allTargets.map(\.name)
        guard let name = variable("FUZZ_TARGET"), let index = names.firstIndex(of: name) else {
            print("FUZZ_TARGET must be one of: \(names.joined(separator: ", "))")
            exit(2)
        }
        target = allTargets[index]
        if let directory = variable("FUZZ_SEEDS") { writeSeeds(to: directory) }
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        exit(
            runDriver(&count, &arguments) { bytes, count in
                _ = target.read(UnsafeRawBufferPointer(start: bytes, count: count))
                return 0
            }
        )
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// Sound inputs, for libFuzzer to start from.
    private static func writeSeeds(to directory: String) {
        for (index, seed) in target.seeds.enumerated() {
            guard let file = fopen("\(directory)/\(index)", "w") else {
                print("\(directory) cannot be written to")
                exit(2)
            }
            fwrite(seed, 1, seed.count, file)
            fclose(file)
        }
    }
}
