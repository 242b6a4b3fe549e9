import Foundation
import Testing

// What docs/contract.md lists is held against the tests, so that a line of the contract cannot lose its test unseen.

@Suite("The contract")
struct ContractTests {
    /// Every line that there is.
    static let all: [String] =
        [("F", 13), ("W", 7), ("A", 5), ("E", 22), ("T", 6), ("P", 23), ("D", 4), ("C", 8)]
        .flatMap { letter, count in (1...count).map { "\(letter)\($0)" } } + ["M"]

    @Test("lists every line once, each with what shows it")
    func complete() throws {
        let entries = try ContractDocument.read()
        let ids = Set(entries.map(\.id))
        #expect(ids.symmetricDifference(Self.all).isEmpty && ids.count == entries.count)
        for entry in entries {
            #expect(!entry.evidence.isEmpty, "nothing is named that shows \(entry.id)")
        }
    }

    @Test("names for each line the tests that say so in the comment above them, and no others")
    func tests() throws {
        let claims = try ClaimingTest.all()
        for claim in claims {
            #expect(Self.all.contains(claim.id), "“\(claim.name)” is said to show \(claim.id), which there is not")
        }
        for entry in try ContractDocument.read() {
            let claimed = Set(claims.filter { $0.id == entry.id }.map { "\($0.file): \($0.name)" })
            let named = Set(entry.evidence.filter { !$0.hasPrefix(ContractDocument.hosts) })
            #expect(named.subtracting(claimed).isEmpty, "\(entry.id): there are no such tests")
            #expect(claimed.subtracting(named).isEmpty, "\(entry.id): docs/contract.md does not name these tests")
        }
    }

    @Test("names checks of hosts that there are")
    func checks() throws {
        let checks = try HostCheck.names()
        #expect(checks.count > 30 && !checks.contains(""))
        for entry in try ContractDocument.read() {
            for check in entry.evidence where check.hasPrefix(ContractDocument.hosts) {
                let name = check.dropFirst(ContractDocument.hosts.count)
                #expect(checks.contains { $0.hasPrefix(name) }, "\(entry.id): no check begins with “\(name)”")
            }
        }
    }
}

private enum Repository {
    static func path(_ relative: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../\(relative)")
            .standardizedFileURL.path
    }
}

/// docs/contract.md: `**F1** what holds`, then a line `- Where: name` for each test or check that shows it.
private enum ContractDocument {
    struct Entry {
        var id: String
        var evidence: [String] = []
    }

    static let hosts = "check-hosts: "

    static func read() throws -> [Entry] {
        let text = try String(contentsOfFile: Repository.path("docs/contract.md"), encoding: .utf8)
        var entries: [Entry] = []
        for line in text.split(separator: "\n") {
            if let match = line.wholeMatch(of: /\*\*([A-Z]\d*)\*\* .+/) {
                entries.append(Entry(id: String(match.1)))
            } else if let match = line.wholeMatch(of: /- ([A-Za-z-]+: .+)/), !entries.isEmpty {
                entries[entries.count - 1].evidence.append(String(match.1))
            }
        }
        return entries
    }
}

/// A test that says which lines of the contract it shows: in a comment of its own, right above.
private struct ClaimingTest {
    var id: String
    var file: String
    var name: String

    static func all() throws -> [ClaimingTest] {
        let directory = Repository.path("Tests/ConcurrentFuturesTests")
        let files = try FileManager.default.subpathsOfDirectory(atPath: directory).filter { $0.hasSuffix(".swift") }
        return try files.flatMap { file in
            let text = try String(contentsOfFile: "\(directory)/\(file)", encoding: .utf8)
            let name = URL(fileURLWithPath: file).deletingPathExtension().lastPathComponent
            let comments = text.matches(of: /\n *\/\/ ((?:[A-Z]\d*(?:, )?)+)(?=\n)/)
            return try comments.flatMap { comment in
                let test = text[comment.range.upperBound...].prefixMatch(of: /\n *@Test\(\s*"([^"]+)"/)
                let title = try #require(test, "\(file): no test stands below “// \(comment.1)”").1
                return comment.1.split(separator: ", ").map {
                    ClaimingTest(id: String($0), file: name, name: String(title))
                }
            }
        }
    }
}

/// A check of Scripts/check-hosts: `check "name" …`, or `name="…"` where it takes several lines; comments are none.
private enum HostCheck {
    /// Without the configuration that most names begin with.
    static func names() throws -> [Substring] {
        let script = try String(contentsOfFile: Repository.path("Scripts/check-hosts"), encoding: .utf8)
        return script.split(separator: "\n").compactMap { line in
            let start = /\s*(?:check |judge |skip |local (?:[^"#]* )?name=)"(?:\$[12]: )?/
            guard let match = line.prefixMatch(of: start) else { return nil }
            return line[match.range.upperBound...].prefix { $0 != "\"" }
        }
    }
}
