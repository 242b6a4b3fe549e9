import Testing

@Suite("the tour", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct TourTests {
    @Test("each program runs on its own and prints what it shows", arguments: TourChapter.all)
    func single(chapter: TourChapter) async throws {
        let run = try await TourRun([chapter.name])
        #expect(run.exitCode == 0)
        chapter.check(run.lines)
        if chapter.name != "crash" { #expect(run.standardError == "") }
    }

    @Test("all of it runs, in order", arguments: TourSurroundings.allCases)
    func whole(surroundings: TourSurroundings) async throws {
        let run = try await TourRun([], in: surroundings)
        #expect(run.exitCode == 0)
        let headings = run.lines.indices.filter { run.lines[$0].hasPrefix("── ") }
        #expect(headings.count == TourChapter.all.count)
        for (chapter, (begin, end)) in zip(TourChapter.all, zip(headings, headings.dropFirst() + [run.lines.endIndex]))
        {
            chapter.check(Array(run.lines[begin..<end]))
        }
    }

    @Test("what is given to as-completed is loaded, and what cannot be loaded says why")
    func givenURLs() async throws {
        let run = try await TourRun(["as-completed", "nonsense", "http://127.0.0.1:1/"])
        #expect(run.exitCode == 0)
        #expect(run.lines.contains("nonsense generated an exception: this is not a URL"))
        #expect(run.lines.contains { $0.hasPrefix("http://127.0.0.1:1/ generated an exception: ") })
    }

    @Test("a program that is not there is refused, and the others are named")
    func unknownProgram() async throws {
        let run = try await TourRun(["nonsense"])
        #expect(run.exitCode != 0)
        #expect(run.standardError.contains("nonsense"))
    }
}
