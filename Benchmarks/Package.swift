// swift-tools-version: 6.2
import PackageDescription

let library = Target.Dependency.product(name: "ConcurrentFutures", package: "swift-concurrent-futures")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "Benchmarks",
    dependencies: [
        .package(name: "swift-concurrent-futures", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    ],
    targets: [
        .target(name: "CFloor"),
        .target(name: "Report"),
        .executableTarget(
            name: "compare",
            dependencies: [
                library,
                argumentParser,
                "CFloor",
                "Report",
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Sources/Compare"
        ),
        .executableTarget(name: "deadlines", dependencies: [library, argumentParser], path: "Sources/Deadlines"),
        .testTarget(name: "ReportTests", dependencies: ["Report"]),
    ],
    swiftLanguageModes: [.v6]
)
