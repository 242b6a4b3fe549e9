// swift-tools-version: 6.2
import PackageDescription

/// What the hosts take from another package: plain functions, the same in a dynamic library, and the library itself in one.
let package = Package(
    name: "Neighbour",
    products: [
        .library(name: "Neighbour", targets: ["Neighbour"]),
        .library(name: "NeighbourShared", type: .dynamic, targets: ["NeighbourShared"]),
        .library(name: "SharedPool", type: .dynamic, targets: ["SharedPool"]),
    ],
    dependencies: [.package(name: "swift-concurrent-futures", path: "../../..")],
    targets: [
        .target(name: "Neighbour"),
        .target(name: "NeighbourShared"),
        .target(
            name: "SharedPool",
            dependencies: [.product(name: "ConcurrentFutures", package: "swift-concurrent-futures")]
        ),
    ],
    swiftLanguageModes: [.v6]
)
