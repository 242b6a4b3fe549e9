import CSystemShims
import Foundation
import PoolSimulation

@testable import ConcurrentFutures

// What tasks do that want to harm the host, or to look as if their worker had gone mad.

enum HostileWork {
    /// Waits to be put down. The bound is for a test that failed.
    static func waitForTheEnd() -> Int {
        sleep(UInt32(testBound / .seconds(1)))
        return -1
    }

    // MARK: The control file

    /// What of the control file a task writes over.
    enum Region: Int, Codable, CaseIterable, Sendable {
        case everything, words, states, ring, tail, head, sleeping, ownState, stageAndStart

        fileprivate func range(in channel: OwnChannel) -> Range<Int> {
            typealias Control = ChannelLayout.Control
            switch self {
            case .everything: return 0..<OwnChannel.controlSize
            case .words: return 0..<Control.states
            case .states: return Control.states..<Control.states + 8 * ChannelLayout.slotCount
            case .ring: return Control.headerSize..<OwnChannel.controlSize
            case .tail: return Control.replyTail..<Control.replyTail + 8
            case .head: return Control.replyHead..<Control.replyHead + 8
            case .sleeping: return Control.hostSleeps..<Control.workerWaitsForSpace + 8
            case .ownState:
                let place = Control.states + 8 * Int(channel.sequence % UInt64(ChannelLayout.slotCount))
                return place..<place + 8
            case .stageAndStart: return Control.stage..<Control.startedAt + 8
            }
        }
    }

    /// What it writes.
    enum Garbage: Int, Codable, CaseIterable, Sendable { case random, zeroes, ones, smallNumbers }

    struct Scribble: Codable, Sendable {
        var seed: UInt64
        var region: Region
        var garbage: Garbage
        /// Whether it does so once more and more, until it is put down.
        var isPersistent: Bool
    }

    static func scribble(_ scribble: Scribble) throws -> UInt64 {
        let channel = try OwnChannel()
        let range = scribble.region.range(in: channel)
        var random = SeededGenerator(seed: scribble.seed)
        let end = ContinuousClock.now + .milliseconds(scribble.isPersistent ? 30 : 0)
        repeat {
            for offset in stride(from: range.lowerBound, to: range.upperBound, by: 8) {
                let word: UInt64 =
                    switch scribble.garbage {
                    case .random: random.next()
                    case .zeroes: 0
                    case .ones: .max
                    case .smallNumbers: .random(in: 0...9, using: &random)
                    }
                SharedWord(at: channel.control + offset).publish(word)
            }
            if scribble.isPersistent { channel.ring() }
        } while .now < end
        return scribble.seed
    }

    // MARK: Frames

    static func moveTail(_ distance: Int64) throws -> Int {
        let channel = try OwnChannel()
        channel.publish(tail: channel.words.replyTail.load() &+ UInt64(bitPattern: distance))
        return waitForTheEnd()
    }

    enum Frame: String, Codable, CaseIterable, Sendable {
        case noLength, shortLength, oddLength, greatestLength
        case noKind, unknownKind, ready, initializerFailed, revoked, batchEnd, item, items, stoppedItem
        case greatestSequence, nextSequence, unknownLateness, lateWithoutLimit
        case greatestPayload, wrappingPayload, unknownPlace, smallFile, hugeFile, fileThatDoesNotCome
    }

    static func reply(_ frame: Frame) throws -> Int {
        let channel = try OwnChannel()
        var header = channel.header(.outcome, payload: 16)
        switch frame {
        case .noLength: header.length = 0
        case .shortLength: header.length = 16
        case .oddLength: header.length = 41
        case .greatestLength: header.length = .max
        case .noKind: header.kind = 0
        case .unknownKind: header.kind = 77
        case .ready: header.kind = ReplyHeader.Kind.ready.rawValue
        case .initializerFailed: header.kind = ReplyHeader.Kind.initializerFailed.rawValue
        case .revoked: header.kind = ReplyHeader.Kind.revoked.rawValue
        case .batchEnd: header.kind = ReplyHeader.Kind.batchEnd.rawValue
        case .item: header.kind = ReplyHeader.Kind.item.rawValue
        case .items: header.kind = ReplyHeader.Kind.items.rawValue
        case .stoppedItem: header.kind = ReplyHeader.Kind.stoppedItem.rawValue
        case .greatestSequence: header.sequence = .max
        case .nextSequence: header.sequence += 1
        case .unknownLateness: header.lateness = 3
        case .lateWithoutLimit: header.lateness = ReplyHeader.Lateness.timeout.rawValue
        case .greatestPayload: header.payloadLength = .max
        case .wrappingPayload: header.payloadLength = UInt64(bitPattern: -16)
        case .unknownPlace: header.files = 9
        case .smallFile: header.files = 1
        case .hugeFile:
            header.files = 1
            header.payloadLength = .max
        case .fileThatDoesNotCome:
            header.files = 1
            header.payloadLength = 1 << 20
        }
        channel.publish(header, payload: [UInt8](repeating: 0, count: 16), advance: 40)
        return waitForTheEnd()
    }

    // MARK: The socket

    enum Message: String, Codable, CaseIterable, Sendable {
        case garbage, empty, manyBytes, noDescriptor, severalFiles, closed, flood
        case regularFile, pipe, unsealed, halfSealed, tooSmall, allHole
        case lentUnsealed, lentTooSmall, lentAllHole, lentSocket, lentWithRunOutside, lentWithHalfARun
    }

    static func send(_ message: Message) throws -> Int {
        let channel = try OwnChannel()
        let size = 100_000
        let socket = MessageSocket(try Descriptor(owning: channel.socket))
        func file(_ size: Int, filled: Bool = true, _ seals: MemoryFile.Seals) throws -> Int32 {
            let file = try MemoryFile(name: "hostile", size: size)
            if filled { try [UInt8](repeating: 0, count: size).withUnsafeBytes { try file.write($0) } }
            try file.add(seals)
            return dup(file.descriptor.number)
        }
        let sealed: MemoryFile.Seals = [.shrink, .grow, .write, .seal]
        let announcement = MemoryFile.announcement
        switch message {
        case .garbage: try socket.send([7, 7, 7], descriptors: [file(size, sealed)])
        case .empty: try socket.send([], descriptors: [file(size, sealed)])
        case .manyBytes: try socket.send([UInt8](repeating: 1, count: 100_000))
        case .noDescriptor: try socket.send(announcement)
        case .regularFile: try socket.send(announcement, descriptors: [open("/proc/self/exe", O_RDONLY)])
        case .pipe:
            var ends: [Int32] = [0, 0]
            pipe(&ends)
            try socket.send(announcement, descriptors: [ends[0]])
        case .unsealed: try socket.send(announcement, descriptors: [file(size, [])])
        case .halfSealed: try socket.send(announcement, descriptors: [file(size, [.shrink, .futureWrite])])
        case .tooSmall: try socket.send(announcement, descriptors: [file(size - 1, sealed)])
        case .allHole: try socket.send(announcement, descriptors: [file(size, filled: false, sealed)])
        case .lentUnsealed: try socket.send(announcement, descriptors: [file(2 * size, [])])
        case .lentTooSmall: try socket.send(announcement, descriptors: [file(size, .shrink)])
        case .lentAllHole: try socket.send(announcement, descriptors: [file(2 * size, filled: false, .shrink)])
        case .lentSocket: try socket.send(announcement, descriptors: [channel.socket])
        case .lentWithRunOutside, .lentWithHalfARun:
            try socket.send(announcement, descriptors: [file(2 * size, .shrink)])
        case .severalFiles: try socket.send(announcement, descriptors: [file(size, sealed), file(size, sealed)])
        case .closed: close(socket.descriptor.number)
        case .flood:
            try socket.makeNonBlocking()
            let descriptor = open("/dev/null", O_RDONLY)
            while (try? socket.send([9], descriptors: [Int32](repeating: descriptor, count: 16))) != nil {}
        }
        var header = channel.header(.outcome)
        header.files = message.rawValue.hasPrefix("lent") ? 5 : 1
        header.payloadLength = UInt64(size)
        let runs: [UInt64] =
            switch message {
            case .lentWithRunOutside: [0, UInt64(size) + 1]
            case .lentWithHalfARun: [0]
            default: []
            }
        header.length += UInt32(8 * runs.count)
        channel.publish(header, payload: runs.withUnsafeBytes { [UInt8]($0) })
        return waitForTheEnd()
    }

    // MARK: The request file

    /// Tries to change what the host has written.
    ///
    /// - Returns: the ways in which it could.
    static func attackRequests() throws -> [String] {
        let channel = try OwnChannel()
        let size = ChannelLayout.Requests.headerSize + ChannelLayout.ringSize
        var successes: [String] = []
        func attempt(_ name: String, _ succeeds: Bool) {
            if succeeds { successes.append(name) }
        }
        attempt("mprotect", mprotect(channel.requests, size, PROT_READ | PROT_WRITE) == 0)
        attempt("madvise(MADV_REMOVE)", madvise(channel.requests, size, 9) == 0)
        let memory = open("/proc/self/mem", O_RDWR)
        var one: UInt64 = 1
        attempt("/proc/self/mem", pwrite(memory, &one, 8, off_t(Int(bitPattern: channel.requests))) > 0)
        close(memory)
        // Only the superuser may open these; and a request's file that is still open is as good.
        let start = String(UInt(bitPattern: channel.requests), radix: 16)
        let mapped = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/map_files").first {
            $0.hasPrefix(start + "-")
        }
        let opened = mapped.flatMap { $0 }.map { open("/proc/self/map_files/\($0)", O_RDWR) }
        for file in try OwnChannel.descriptors("/memfd:cf-requests") + (opened.map { [$0] } ?? []) where file >= 0 {
            attempt("ftruncate", ftruncate(file, 0) == 0)
            attempt("growing", ftruncate(file, 1 << 30) == 0)
            attempt("pwrite", pwrite(file, &one, 8, 0) > 0)
            let writable = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
            attempt("mmap", writable != MAP_FAILED)
            attempt("unsealing", cf_add_seals(file, 0) == 0)
        }
        return successes
    }

    // MARK: Descriptors

    static func closeAll(_ result: Int) throws -> [UInt8] {
        try CurrentProcess.closeDescriptors(except: [])
        return [UInt8](repeating: 1, count: result)
    }

    /// Closes all descriptors, and lets a file of its own have their numbers.
    static func closeAllAndOpen(_ path: String) throws -> Int {
        try CurrentProcess.closeDescriptors(except: [])
        for _ in 0..<64 { _ = open(path, O_RDWR | O_CREAT, 0o600) }
        return 1
    }

    /// Makes the bell one that waits, and takes away its own rings.
    static func stealRings(_ milliseconds: Int) throws -> Int {
        let bell = try OwnChannel().bell
        _ = fcntl(bell, F_SETFL, 0)
        var count: UInt64 = 1
        let end = ContinuousClock.now + .milliseconds(milliseconds)
        while .now < end {
            count = 1
            write(bell, &count, 8)
            _ = cf_read_if_ready(bell, &count, 8)
        }
        return 1
    }

    /// Keeps the thread that answers bells from doing so, makes every bell that this process holds one that waits, and rings it until it
    /// can be rung no more.
    static func fillBells(_ gate: FileGate) throws -> Int {
        let isHeldUp = DispatchSemaphore(value: 0)
        DispatchQueue.main.async {
            isHeldUp.signal()
            _ = waitForTheEnd()
        }
        isHeldUp.wait()
        for bell in try OwnChannel.descriptors("anon_inode:[eventfd]") {
            _ = fcntl(bell, F_SETFL, O_NONBLOCK)
            var count: UInt64 = 0
            _ = read(bell, &count, 8)
            count = .max - 1
            write(bell, &count, 8)
            _ = fcntl(bell, F_SETFL, 0)
        }
        try Work.touch(gate.begun("hostile"))
        return waitForTheEnd()
    }

    // MARK: A host

    /// What this process has.
    struct Belongings: Codable, Sendable {
        /// Bytes that are its own.
        var memory: UInt64
        var descriptors: [String]

        static func take() throws -> Belongings {
            cf_return_free_memory()
            let memory = try ProcessMemory.Reader(pid: nil).read()
            return Belongings(memory: memory?.own ?? 0, descriptors: try ProcessWork.openDescriptors().sorted())
        }
    }

    struct Hosted: Codable, Sendable {
        var before: Belongings
        var after: Belongings
        var misbehaved: Int
    }

    /// Is the host of many workers that go mad one after the other.
    ///
    /// - Returns: what it had after a pool with one round of them and after one with several, and how many tasks ended as
    ///   those of mad workers do.
    static func hostMany(_ rounds: Int) async throws -> Hosted {
        let first = try await host(rounds: 1)
        let before = try Belongings.take()
        let others = try await host(rounds: rounds - 1)
        return Hosted(before: before, after: try Belongings.take(), misbehaved: first + others)
    }

    private static func host(rounds: Int) async throws -> Int {
        try await withProcessPool(maxWorkers: 2) { pool async throws in
            var misbehaved = 0
            for _ in 0..<rounds {
                var futures = Frame.allCases.map { pool.submit(reply, $0) }
                futures += Message.allCases.map { pool.submit(send, $0) }
                futures += [8, 1 << 40, -8].map { pool.submit(moveTail, $0) }
                for future in futures {
                    if case .failure(let error as PoolError) = await future.result, error.code == .workerMisbehaved {
                        misbehaved += 1
                    }
                }
            }
            return misbehaved
        }
    }

    // MARK: Outcomes

    /// Answers with an outcome of its own making, and goes.
    static func forge(_ outcome: [UInt8]) throws -> Int {
        let channel = try OwnChannel()
        channel.publish(channel.header(.outcome, payload: outcome.count), payload: outcome)
        _exit(0)
    }
}
