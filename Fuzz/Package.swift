// swift-tools-version: 6.2
import PackageDescription

// The library's own sources, by links, and not the library as a dependency: what is fuzzed is internal, and only a package's own targets can be
// built so that others see that, and with the instrumentation that libFuzzer needs.
var library: [SwiftSetting] = [.unsafeFlags(["-enable-testing"])]
var targets: [Target] = []

// The path of the toolchain's libclang_rt.fuzzer_no_main, which Scripts/fuzz-by-coverage knows how to find.
if let libFuzzer = Context.environment["LIBFUZZER"] {
    library.append(.unsafeFlags(["-sanitize=fuzzer"]))
    targets.append(
        .executableTarget(
            name: "coverage-fuzz",
            dependencies: ["FuzzTargets"],
            path: "Sources/CoverageFuzz",
            linkerSettings: [.unsafeFlags([libFuzzer]), .linkedLibrary("stdc++"), .linkedLibrary("m")]
        )
    )
}

targets += [
    .target(name: "CSystemShims"),
    .target(
        name: "ConcurrentFutures",
        dependencies: [
            "CSystemShims",
            .product(name: "DequeModule", package: "swift-collections"),
            .product(name: "HeapModule", package: "swift-collections"),
        ],
        exclude: ["Transport/README.md"],
        swiftSettings: library
    ),
    .target(name: "CAllocationCount"),
    .target(name: "FuzzTargets", dependencies: ["ConcurrentFutures"]),
    .executableTarget(name: "fuzz", dependencies: ["FuzzTargets", "CAllocationCount"], path: "Sources/Fuzz"),
]

let package = Package(
    name: "Fuzz",
    dependencies: [.package(url: "https://github.com/apple/swift-collections", from: "1.1.0")],
    targets: targets,
    swiftLanguageModes: [.v6]
)
