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
        .testTarget(
            name: "ConcurrentFuturesTests",
            dependencies: ["ConcurrentFutures", "Tour"]
        ),
    ],
    swiftLanguageModes: [.v6]
)
