@testable import ConcurrentFutures

/// What a worker says of a pool's initializer that threw: words, which the host reads at once, and the error, which is read
/// by whoever asks for it.
struct InitializerTarget: FuzzTarget {
    let name = "initializer"
    let mostBytesPerByte = 3 * MemoryLayout<Record?>.stride

    func read(_ input: UnsafeRawBufferPointer) -> Bool {
        guard let failure = try? InitializerFailure(.bytes([UInt8](input))) else { return false }
        return OutcomeTarget.isTheTasks(failure.error.error)
    }

    func restructure(_ input: [UInt8], _ mutator: inout Mutator) -> [UInt8] {
        guard let (words, count) = EncodedMessage.first(in: input[...]) else { return mutator.changeBytes(of: input) }
        guard mutator.roll(1...3) == 1 else {
            return words.bytes + OutcomeTarget.change(outcome: Array(input[count...]), &mutator)
        }
        return EncodedMessage.change(input[..<count], &mutator) + input[count...]
    }

    var seeds: [[UInt8]] {
        (sampleErrors + [CancellationError()]).map { error in
            var encoder = BinaryEncoder()
            InitializerFailure.append(error, to: &encoder)
            return encoder.takeBytes()
        }
    }
}
