import Testing

/// One of the tour's programs, and what it must have printed.
struct TourChapter: Sendable, CustomTestStringConvertible {
    let name: String
    private let checkBody: @Sendable ([String]) -> Void

    var testDescription: String { name }

    func check(_ lines: [String]) {
        #expect(lines.first?.hasPrefix("── \(name): ") == true)
        checkBody(Array(lines.dropFirst()))
    }

    static let all = [
        TourChapter(name: "submit") { lines in
            #expect(
                lines.dropFirst().prefix(3) == [
                    "at once     isDone: false",
                    "half-way    isDone: false",
                    "awaited     isDone: true",
                ]
            )
            #expect(lines.count == 5)
            // Two processes, by their numbers.
            let pids = lines.map { $0.split { !$0.isNumber }.compactMap { Int($0) }.first { $0 > 2 } }
            #expect(lines.last?.hasPrefix("the result: hello, from process ") == true)
            #expect(pids.first != pids.last)
        },
        TourChapter(name: "scope") { lines in
            #expect(lines.count == 3)
            #expect(lines.first == "323 to the power of 1235, modulo 1000007, is 823374")
            #expect(lines[1].hasSuffix(": alive"))
            #expect(lines[2].hasSuffix(" is gone"))
        },
        TourChapter(name: "as-completed") { lines in
            let pages = lines.filter { $0.hasPrefix("http://127.0.0.1:") }
            #expect(pages.count == 5)
            for (path, size) in [("/slow", 120_000), ("/quick", 2_500), ("/medium", 48_000), ("/brisk", 900)] {
                #expect(pages.contains { $0.hasSuffix("\(path) page is \(size) bytes") })
            }
            #expect(pages.contains { $0.contains("/nobody-listens generated an exception: ") })
        },
        TourChapter(name: "map") { lines in
            #expect(lines == [2, 3, 4, 5].map { "the square of \($0) is \($0 * $0)" })
        },
        TourChapter(name: "counting") { lines in
            for way in ["process pool", "thread pool", "one after the other"] {
                let row = lines.first { $0.hasPrefix(way) }
                #expect(row?.hasSuffix("15,000,000") == true)
                #expect(row?.contains(" ms ") == true)
            }
            #expect(lines.contains { $0.contains("Which one when: processes for isolation") })
        },
        TourChapter(name: "crash") { lines in
            for number in [1, 2, 3, 4, 5, 6, 8, 9, 10] {
                #expect(lines.contains { $0.hasPrefix("\"\(number)\" ") && $0.hasSuffix(" is \(number)") })
            }
            #expect(lines.contains { $0.hasPrefix("\"seven\"  cost a worker its life: workerCrashed, ") })
            #expect(lines.last == "9 of 10 arrived, and the pool goes on: 6 × 7 = 42")
        },
    ]
}
