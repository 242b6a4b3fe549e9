import ConcurrentFutures
import Helpers
import Neighbour
import NeighbourShared
import Surroundings

/// A type of this module around types of others.
private struct Bag<Value: Codable & Sendable>: Codable, Sendable {
    var parcels: [Parcel]
    var value: Value
}

private func weigh<Value>(_ bag: Bag<Value>) -> Int { bag.parcels.map(\.weight).reduce(0, +) }

/// Tasks whose functions and types live elsewhere.
@main struct Elsewhere {
    static func main() async {
        enterMain()
        for method in StartMethod.allCases {
            await reportingErrors(as: "elsewhere, \(method)") {
                try await withProcessPool(maxWorkers: 2, startMethod: method) { pool in
                    try await checkModule(pool)
                    try await checkPackage(pool)
                    try await checkDynamicLibrary(pool)
                    let anyPool: any PoolExecutor = pool
                    expect(
                        try await anyPool.run(answer, Letter("a")) == Letter("re: a"),
                        "a call through an existential"
                    )
                }
            }
        }
    }

    private static func checkModule(_ pool: ProcessPoolExecutor) async throws {
        expect(try await pool.run(area, Sheet(width: 2, height: 3)) == 6, "a function of another module")
        expect(try await pool.run(largest, [1, 3, 2]) == 3, "a generic function of another module")
        expect(
            try await pool.submit(largest, [1, 4, 2]).value == 4,
            "a generic function of another module that is submitted"
        )
    }

    private static func checkPackage(_ pool: ProcessPoolExecutor) async throws {
        struct Local: Codable, Sendable, Equatable {
            var number: Int
        }
        expect(try await pool.run(weigh, Parcel([1, 2])) == 3, "a function of another package")
        expect(
            try await pool.run(Scales.weighTwice, Parcel([1, 2])) == 6,
            "a static async function of another package"
        )
        expect(
            try await pool.run(pair, Local(number: 1)) == [Local(number: 1), Local(number: 1)],
            "a local type in its generic"
        )
        let bag = Bag(parcels: [Parcel([1]), Parcel([4])], value: Letter("b"))
        expect(try await pool.submit(weigh, bag).value == 5, "it is submitted")
        expect(try await pool.run(weigh, bag) == 5, "a private generic type around types of other packages")
    }

    private static func checkDynamicLibrary(_ pool: ProcessPoolExecutor) async throws {
        let letter = Letter("a")
        expect(try await pool.run(answer, letter) == Letter("re: a"), "a function of a dynamic library")
        expect(try await pool.run(answerLater, letter) == Letter("re: a"), "an async function of a dynamic library")
        expect(try await pool.run(enclose, letter) == [letter], "a generic function of a dynamic library")
        expect(try await pool.run(shout, letter) == Letter("a!"), "a closure of a dynamic library")
        expect(
            try await pool.submit(enclose, letter).value == [letter],
            "a generic function of a dynamic library that is submitted"
        )
        expect(
            try await pool.submit(shout, letter).value == Letter("a!"),
            "a closure of a dynamic library that is submitted"
        )
        expect(try await pool.map([letter], answer).collect() == [Letter("re: a")], "a map with it")
    }
}
