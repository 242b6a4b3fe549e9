// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "swift-concurrent-futures",
    products: [
        .library(name: "ConcurrentFutures", targets: ["ConcurrentFutures"]),
        .executable(name: "tour", targets: ["Tour"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    ],
    targets: [
        .target(name: "CSystemShims"),
        .target(
            name: "ConcurrentFutures",
            dependencies: [
                "CSystemShims",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            exclude: ["Transport/README.md"]
        ),
        .executableTarget(
            name: "Tour",
            dependencies: [
                "ConcurrentFutures",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
        .target(name: "PoolSimulation", dependencies: ["ConcurrentFutures"]),
        .executableTarget(
            name: "simulate",
            dependencies: [
                "PoolSimulation",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/Simulate"
        ),
        .executableTarget(
            name: "chaos",
            dependencies: [
                "CSystemShims",
                "ConcurrentFutures",
                "PoolSimulation",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/Chaos"
        ),
        .testTarget(
            name: "ConcurrentFuturesTests",
            dependencies: ["ConcurrentFutures", "PoolSimulation", "Tour"]
        ),
    ],
    swiftLanguageModes: [.v6]
)
