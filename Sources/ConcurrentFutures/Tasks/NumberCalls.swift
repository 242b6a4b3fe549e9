/// Calls of a function from one number to another, many in a row: what a `map` over numbers consists of.
///
/// They are made without the layers that serve every type, which cost some times what a short function does. What is read and written is the same as
/// through them.
struct NumberCalls: Sendable {
    typealias End = (done: Int, error: (any Error)?)

    private let body: @Sendable (inout BinaryDecoder, Int, UInt64, any TaskChannel) -> End

    /// The calls of a function; `nil` if it is not of a kind that is worth code of its own.
    init?(of function: some TaskFunction) {
        switch function {
        case let function as MappedFunction<Int, Int>: self.init(calling: function.function)
        case let function as MappedFunction<Int, Double>: self.init(calling: function.function)
        case let function as MappedFunction<Double, Int>: self.init(calling: function.function)
        case let function as MappedFunction<Double, Double>: self.init(calling: function.function)
        default: return nil
        }
    }

    // Always a part of the initializer above, so that it is compiled for the numbers there: for any number it would be ten times as slow.
    @inline(__always)
    private init<Argument: BinaryNumber & SendableMetatype, Output: BinaryNumber & SendableMetatype>(
        calling function: @escaping @Sendable (Argument) throws -> Output
    ) {
        body = { items, count, sequence, channel in
            let number = CallNumber(sequence: sequence, item: nil)
            let stop = channel.stopWord
            let size = Outcome.size(of: Output.self)
            var done = 0
            while done < count {
                var room = channel.roomForItems(of: MemoryLayout<UInt64>.size + size, sequence: sequence)
                let end = done + min(room.remaining, count - done)
                defer { channel.take(room) }
                while done < end {
                    guard !CallNumber(word: stop.load()).covers(number),
                        let argument = items.readNumberItem(Argument.self)
                    else { return (done, nil) }
                    do {
                        let output = try function(argument)
                        room.place.storeBytes(of: UInt64(size), as: UInt64.self)
                        Outcome.write(output, at: room.place + MemoryLayout<UInt64>.size)
                    } catch {
                        return (done, error)
                    }
                    room.commit()
                    done += 1
                }
            }
            return (done, nil)
        }
    }

    /// Makes calls until all are made, one is asked to stop, an item is no such number, or the function throws, and tells their outcomes.
    ///
    /// - Parameters:
    ///   - items: the arguments; it is left at the first that was not used.
    ///   - count: how many there are.
    /// - Returns: how many calls were made and told, and what the one after them threw, which was not told.
    func run(_ items: inout BinaryDecoder, count: Int, sequence: UInt64, _ channel: any TaskChannel) -> End {
        body(&items, count, sequence, channel)
    }
}
