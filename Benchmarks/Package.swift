// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Benchmarks",
    dependencies: [
        .package(name: "swift-concurrent-futures", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    ],
    targets: [
        .executableTarget(
            name: "roundtrip",
            dependencies: [
                .product(name: "ConcurrentFutures", package: "swift-concurrent-futures"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/RoundTrip"
        ),
        .executableTarget(
            name: "deadlines",
            dependencies: [
                .product(name: "ConcurrentFutures", package: "swift-concurrent-futures"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/Deadlines"
        ),
    ],
    swiftLanguageModes: [.v6]
)
