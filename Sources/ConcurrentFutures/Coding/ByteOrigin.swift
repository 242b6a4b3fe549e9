/// Where the bytes of a decoder are from, as far as that helps to read them.
struct ByteOrigin {
    /// What of the bytes is elsewhere.
    var lent: LentRuns?
    /// Who has pages for big arrays that are made of them.
    // Invariant: it lives as long as the decoder. It is either who made the decoder's bytes, or there for ever.
    unowned(unsafe) var lender: (any PageLender)?
}
