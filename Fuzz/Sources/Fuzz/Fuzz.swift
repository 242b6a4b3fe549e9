import FuzzTargets
import Glibc

// Gives many inputs to whatever of the host reads what a worker may have written, and holds it to three promises: it does
// not crash, it takes no more time than in proportion to the input, and no more memory. README.md in this package tells how
// to use it.

@main struct Fuzz {
    static func main() {
        var options = Options()
        do {
            try options.parse(CommandLine.arguments.dropFirst())
        } catch {
            fail("\(error)\n\n\(Options.usage)")
        }
        let targets = allTargets.filter { options.target == nil || $0.name == options.target }
        guard !targets.isEmpty else {
            let names = allTargets.map(\.name).joined(separator: ", ")
            fail("there is no target \(options.target ?? ""); there are: \(names)")
        }
        var isSound = true
        for target in targets {
            guard let corpus = Corpus(options.corpus, of: target).inputs else {
                fail("there is no corpus of \(target.name) in \(options.corpus)")
            }
            var run = FuzzRun(target, corpus: corpus, seed: options.seed)
            if let file = options.input {
                guard let input = Corpus.bytes(of: file) else { fail("\(file) cannot be read") }
                run.read(input)
            } else {
                run.run(inputs: options.inputs)
            }
            print(run.summary)
            isSound = isSound && run.isSound
        }
        exit(isSound ? 0 : 1)
    }

    private static func fail(_ reason: String) -> Never {
        print(reason)
        exit(2)
    }
}

struct Options {
    static let usage = """
        fuzz [--target <name>] [--inputs <count>] [--seed <number>] [--corpus <directory>]
             [--input <file>]      reads this one input, for one that was found
        """

    var target: String?
    var inputs = 100_000
    var seed: UInt64 = 1
    var corpus = "Fuzz/Corpus"
    var input: String?

    struct Misuse: Error, CustomStringConvertible { var description: String }

    mutating func parse(_ arguments: ArraySlice<String>) throws {
        var rest = arguments
        while let name = rest.popFirst() {
            func value<Value: LosslessStringConvertible>(_: Value.Type = Value.self) throws -> Value {
                guard let text = rest.popFirst(), let value = Value(text) else {
                    throw Misuse(description: "\(name) needs a value")
                }
                return value
            }
            switch name {
            case "--target": target = try value()
            case "--inputs": inputs = try value()
            case "--seed": seed = try value()
            case "--corpus": corpus = try value()
            case "--input": input = try value()
            default: throw Misuse(description: "\(name) is no option")
            }
        }
    }
}
