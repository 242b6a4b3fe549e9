import Report

/// What is measured in one go, in a process of its own.
enum Probe: String, CaseIterable {
    case roundTrip = "roundtrip"
    case submit
    case map
    case payload
    case shared
    case poolUp = "poolup"
    case fresh
    case queued
    case scaling
    case mixed
    case memory
    case idle
    case coding
    case threads

    /// How much of it is done: calls, tasks, items, MiB, seconds, whatever the probe counts.
    ///
    /// Python's pools get less of what takes them long; what is told is a time or a rate, for which it does not matter.
    struct Size {
        var full: Int
        var quick: Int
        var pythonFull: Int
        var pythonQuick: Int

        init(_ full: Int, quick: Int, python: (Int, quick: Int)? = nil) {
            self.full = full
            self.quick = quick
            pythonFull = python?.0 ?? full
            pythonQuick = python?.quick ?? quick
        }

        func of(_ subject: Subject, isQuick: Bool) -> Int {
            switch (subject.isPython, isQuick) {
            case (false, false): full
            case (false, true): quick
            case (true, false): pythonFull
            case (true, true): pythonQuick
            }
        }
    }

    var size: Size {
        switch self {
        case .roundTrip: Size(20_000, quick: 500, python: (1_000, quick: 100))
        case .submit: Size(1_000_000, quick: 20_000, python: (30_000, quick: 2_000))
        case .map: Size(10_000_000, quick: 200_000, python: (400_000, quick: 100_000))
        case .payload: Size(64, quick: 8)
        case .shared: Size(1_024, quick: 16)
        case .poolUp: Size(20, quick: 3, python: (10, quick: 2))
        case .fresh: Size(2_000, quick: 50, python: (100, quick: 10))
        case .queued: Size(1_000_000, quick: 50_000, python: (100_000, quick: 10_000))
        case .scaling: Size(1_000, quick: 100)
        case .mixed: Size(1_000, quick: 100)
        case .memory: Size(64, quick: 4)
        case .idle: Size(10, quick: 2)
        case .coding: Size(10_000, quick: 1_000)
        case .threads: Size(1_000_000, quick: 20_000)
        }
    }

    var peers: [Subject] {
        switch self {
        case .roundTrip, .submit, .payload, .fresh: [.floor] + Subject.python
        case .map, .poolUp, .queued, .scaling, .mixed, .memory, .idle: Subject.python
        case .coding: [.json, .propertyList]
        case .shared: []
        case .threads: [.nio, .dispatch, .taskGroup]
        }
    }

    /// What its pictures are about.
    var subject: String {
        switch self {
        case .roundTrip: "One call at a time"
        case .submit: "Many tasks"
        case .map: "Map"
        case .payload: "Big values"
        case .shared: "Shared arrays"
        case .poolUp: "A pool for one task"
        case .fresh: "A fresh process for every task"
        case .queued: "Tasks that wait in the host"
        case .scaling: "Two workers against one"
        case .mixed: "A long task among short ones"
        case .memory: "Memory of workers"
        case .idle: "An idle pool"
        case .coding: "Coding"
        case .threads: "Thread pools"
        }
    }

    var metrics: [Metric] {
        switch self {
        case .roundTrip:
            [
                Metric(
                    "run",
                    "await run(square, n), one at a time, p50",
                    unit: "µs",
                    better: .lower,
                    goal: .init(10, ratios: [Subject.executor.rawValue: 30])
                ),
                Metric("run-main", "the same from the main actor", unit: "µs", better: .lower),
                Metric(
                    "get",
                    "blocking get, one at a time, p50",
                    unit: "µs",
                    better: .lower,
                    goal: .init(6, ratios: [Subject.executor.rawValue: 45])
                ),
            ]
        case .submit:
            [
                Metric(
                    "submit",
                    "1,000,000 submits, every value awaited",
                    unit: "tasks/s",
                    better: .higher,
                    goal: .init(1_500_000, ratios: [Subject.executor.rawValue: 150, Subject.pool.rawValue: 40])
                )
            ]
        case .map:
            [
                Metric(
                    "map",
                    "map over 10,000,000 integers, best chunk size",
                    unit: "items/s",
                    better: .higher,
                    goal: .init(30_000_000, ratios: Self.each(10))
                )
            ]
        case .payload:
            [
                Metric(
                    "argument",
                    "64 MiB of bytes as an argument",
                    unit: "GiB/s",
                    better: .higher,
                    goal: .init(4, ratios: [Subject.executor.rawValue: 10])
                ),
                Metric(
                    "result",
                    "64 MiB of bytes as a result",
                    unit: "GiB/s",
                    better: .higher,
                    goal: .init(4, ratios: [Subject.executor.rawValue: 10])
                ),
                Metric("argument-read", "the same argument, all of it read", unit: "GiB/s", better: .higher),
                Metric("result-read", "the same result, all of it read", unit: "GiB/s", better: .higher),
            ]
        case .shared:
            [
                Metric(
                    "shared",
                    "SharedArray of 1 GiB, there and back",
                    unit: "µs",
                    better: .lower,
                    goal: .init(200)
                )
            ]
        case .poolUp:
            [
                Metric(
                    "poolup",
                    "pool up, one task, pool down",
                    unit: "ms",
                    better: .lower,
                    goal: .init(12, ratios: [Subject.executor.rawValue: 2])
                )
            ]
        case .fresh:
            [
                Metric(
                    "fresh",
                    "a fresh process for every task",
                    unit: "tasks/s",
                    better: .higher,
                    goal: .init(1_500, ratios: [Subject.executor.rawValue: 18])
                )
            ]
        case .queued:
            [
                Metric(
                    "queued",
                    "1,000,000 tasks queued, memory of the host",
                    unit: "bytes/task",
                    better: .lower,
                    goal: .init(300)
                ),
                Metric("queued-submit", "submit, the last tenth against the first", unit: "×", better: .lower),
            ]
        case .scaling:
            [
                Metric(
                    "scaling",
                    "two workers against one, tasks of 1 ms",
                    unit: "×",
                    better: .higher,
                    goal: .init(1.9)
                )
            ]
        case .mixed:
            [
                Metric(
                    "mixed",
                    "a task of 1 s and 1,000 of 1 ms on two workers",
                    unit: "s",
                    better: .lower,
                    goal: .init(1.6)
                )
            ]
        case .memory:
            [
                Metric(
                    "memory",
                    "64 workers, private memory of each",
                    unit: "MiB",
                    better: .lower,
                    goal: .init(2)
                )
            ]
        case .idle:
            [Metric("idle", "an idle pool, wake-ups in 10 s", unit: "wake-ups", better: .lower, goal: .init(0))]
        case .coding:
            [
                Metric(
                    "coding",
                    "10,000 records of 8 fields, encode and decode",
                    unit: "ms",
                    better: .lower,
                    goal: .init(ratios: [Subject.json.rawValue: 5, Subject.propertyList.rawValue: 1])
                )
            ]
        case .threads:
            [
                Metric("thread-run", "thread pool, one call at a time, p50", unit: "µs", better: .lower),
                Metric(
                    "thread-submit",
                    "thread pool, 1,000,000 tasks, every value awaited",
                    unit: "tasks/s",
                    better: .higher
                ),
            ]
        }
    }

    /// Against all pools of Python: the best of them counts.
    private static func each(_ ratio: Double) -> [String: Double] {
        Dictionary(uniqueKeysWithValues: Subject.python.map { ($0.rawValue, ratio) })
    }
}
