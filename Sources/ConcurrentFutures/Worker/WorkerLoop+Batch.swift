// How a worker runs the items of a batch.

extension WorkerLoop {
    /// - Returns: whether the Swift task was cancelled.
    func runBatch(_ function: BoundFunction, _ request: borrowing IncomingRequest) async -> Bool {
        let start = monotonicNanoseconds()
        var items = BinaryDecoder(request.payload)
        for _ in 0..<request.header.firstItem { _ = nextItem(&items) }
        // Where no item is timed, none has to be told by itself.
        var needsFreshTask = false
        let end =
            request.timing.isNone
            ? await runItems(function, request, &items, &needsFreshTask)
            : await runTimedItems(function, request, &items)
        if let end {
            // The items behind it are given back.
            send(.stoppedItem, sequence: request.header.sequence, lateness: end.lateness)
            return end.wasStopped
        }
        outcome.append(monotonicNanoseconds() - start)
        send(.batchEnd, sequence: request.header.sequence)
        return needsFreshTask
    }

    private func nextItem(_ items: inout BinaryDecoder) -> UnsafeRawBufferPointer {
        guard let item = try? items.readItem() else { fatalError("a batch is shorter than its items") }
        return item
    }

    /// - Returns: how the call of an item ended that was stopped or late; `nil` if there was none.
    private func runTimedItems(
        _ function: BoundFunction,
        _ request: borrowing IncomingRequest,
        _ items: inout BinaryDecoder
    ) async -> CallEnd? {
        let sequence = request.header.sequence
        for index in request.header.firstItem..<request.header.itemCount {
            let item = nextItem(&items)
            if request.timing.timeout != 0 { channel.noteItemStart() }
            let number = CallNumber(sequence: sequence, item: index)
            let attempt = index == request.header.firstItem ? Int(request.header.attempt) : 1
            let planned = PlannedCall(function, item, number, attempt, of: request)
            let ended = function.isAsync ? await runAsync(planned) : runHere(planned)
            if ended.wasStopped || ended.lateness != .none { return ended }
            send(.item, sequence: sequence)
        }
        return nil
    }

    /// The same for items without limits of time, which are one call to whoever stops them: all are to be stopped together.
    ///
    /// - Parameter needsFreshTask: is set if all items had ended when it was stopped.
    private func runItems(
        _ function: BoundFunction,
        _ request: borrowing IncomingRequest,
        _ items: inout BinaryDecoder,
        _ needsFreshTask: inout Bool
    ) async -> CallEnd? {
        let sequence = request.header.sequence
        let number = CallNumber(sequence: sequence, item: nil)
        let first = request.header.firstItem
        var index = first
        var isStopped = call.begin(number)
        while !isStopped, index < request.header.itemCount {
            WorkerContext.enterTask(attempt: index == first ? Int(request.header.attempt) : 1, deadline: 0)
            if index > first, !limits.areSetForTasks, let numbers = function.numberCalls {
                channel.note(.running)
                let count = Int(request.header.itemCount - index)
                let end = numbers.run(&items, count: count, sequence: sequence, channel)
                index += UInt32(end.done)
                if let error = end.error {
                    channel.note(.encodingResult)
                    Outcome.append(error: error, to: &outcome)
                    index += 1
                    sendItem(sequence)
                } else if end.done == 0, !channel.stopRequest.covers(number) {
                    await runItem(function, &items, request)
                    index += 1
                }
            } else {
                await runItem(function, &items, request)
                index += 1
            }
            isStopped = channel.stopRequest.covers(number)
        }
        let wasStopped = call.end()
        guard index < request.header.itemCount else {
            needsFreshTask = wasStopped
            return nil
        }
        Outcome.append(error: CancellationError(), to: &outcome)
        return CallEnd(wasStopped: true)
    }

    private func runItem(_ function: BoundFunction, _ items: inout BinaryDecoder, _ request: borrowing IncomingRequest)
        async
    {
        limits.taskBegins(channel)
        outcome.allowAttachments()
        var arguments = BinaryDecoder(nextItem(&items), attachments: request.attachments, origin: request.origin)
        if function.isAsync {
            await function.runAsync(&arguments, outcome: &outcome) { channel.note($0) }
        } else {
            function.run(&arguments, outcome: &outcome) { channel.note($0) }
        }
        limits.taskEnds()
        sendItem(request.header.sequence)
    }

    private func sendItem(_ sequence: UInt64) {
        let size = MemoryLayout<UInt64>.size + outcome.count
        guard size <= OpenItems.largestItem, !outcome.hasAttachments else { return send(.item, sequence: sequence) }
        var room = channel.roomForItems(of: size, sequence: sequence)
        room.place.storeBytes(of: UInt64(outcome.count), as: UInt64.self)
        outcome.withUnsafeBytes {
            let place = room.place + MemoryLayout<UInt64>.size
            UnsafeMutableRawBufferPointer(start: place, count: $0.count).copyMemory(from: $0)
        }
        room.commit()
        channel.take(room)
        outcome.removeAll(keepingCapacity: true)
    }
}
