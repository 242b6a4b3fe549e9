/// Who has pages of memory files for arrays.
protocol PageLender: AnyObject {
    /// Puts bytes into an array's memory, most of them by mapping pages of a file there.
    ///
    /// - Parameters:
    ///   - bytes: what the array is to hold.
    ///   - memory: the array's elements, as many bytes; not written to before.
    /// - Returns: the loan, which is to be told its borrower while that lives; `nil` if there is none, and then nothing was written.
    func lend(_ bytes: UnsafeRawBufferPointer, to memory: UnsafeMutableRawPointer) -> PageLoan?
}
