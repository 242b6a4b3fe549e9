/// Something of the host that reads what a worker could have written.
package protocol FuzzTarget: Sendable {
    var name: String { get }
    /// Sound inputs, made by the code that writes such bytes in earnest.
    var seeds: [[UInt8]] { get }
    /// How many bytes of memory a byte of input may cost at most. A single byte says nil, or that a record has no fields, and takes as much memory then as
    /// the type is big; an array that grows has up to three times as much for a moment.
    var mostBytesPerByte: Int { get }

    /// Reads an input.
    ///
    /// - Returns: whether it was taken for sound.
    func read(_ input: UnsafeRawBufferPointer) -> Bool
    /// Changes an input in a way that keeps some of its structure.
    func restructure(_ input: [UInt8], _ mutator: inout Mutator) -> [UInt8]
}

package let allTargets: [any FuzzTarget] = [
    FrameTarget(), UnpublishedTarget(), DecoderTarget(), OutcomeTarget(), ItemsTarget(), BatchTarget(),
    InitializerTarget(), ReportTarget(),
]
