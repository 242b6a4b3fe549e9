/// Long runs of numbers in bytes of which the rest was copied: they are where another process has put them, who may still change them.
///
/// Every pattern of bits is a number, so that a run may be copied from there straight to where it is wanted; whatever has to be looked at
/// before it is believed was copied before.
struct LentRuns {
    /// Where the other process has put the bytes.
    let source: UnsafeRawPointer
    /// The copy, in which the runs are missing, all zero.
    let copy: UnsafeMutableRawPointer
    /// Where the runs are, in order.
    let runs: [Range<Int>]

    /// Copies what bytes are not in a run.
    ///
    /// - Parameter count: of all bytes.
    func copyRest(count: Int) {
        var start = 0
        for run in runs {
            bring(start..<run.lowerBound)
            start = run.upperBound
        }
        bring(start..<count)
    }

    /// Where the numbers of a range are to be copied from; `nil` if from the copy.
    func place(of range: Range<Int>) -> UnsafeRawBufferPointer? {
        guard runs.contains(where: { $0.lowerBound <= range.lowerBound && range.upperBound <= $0.upperBound }) else {
            return nil
        }
        return UnsafeRawBufferPointer(start: source + range.lowerBound, count: range.count)
    }

    /// Has the numbers of a range in the copy, for who reads them one by one.
    func fill(_ range: Range<Int>) {
        for run in runs where run.overlaps(range) { bring(run.clamped(to: range)) }
    }

    private func bring(_ range: Range<Int>) {
        (copy + range.lowerBound).copyMemory(from: source + range.lowerBound, byteCount: range.count)
    }
}
