// swift-tools-version: 6.2
import PackageDescription

let pool = Target.Dependency.product(name: "ConcurrentFutures", package: "swift-concurrent-futures")

/// Programs of many kinds that host a process pool. `Scripts/check-hosts` builds and runs them.
let package = Package(
    name: "Hosts",
    products: [.library(name: "Plugin", type: .dynamic, targets: ["Plugin"])],
    dependencies: [
        .package(name: "swift-concurrent-futures", path: "../../.."),
        .package(path: "../Neighbour"),
    ],
    targets: [
        .target(name: "Surroundings"),
        .executableTarget(name: "Basics", dependencies: [pool, "Surroundings"]),
        .executableTarget(name: "TopLevel", dependencies: [pool, "Surroundings"]),
        .executableTarget(name: "Scenes", dependencies: [pool, "Surroundings"]),
        .executableTarget(name: "Blocking", dependencies: [pool, "Surroundings"]),
        .target(name: "Helpers"),
        .executableTarget(
            name: "Elsewhere",
            dependencies: [
                pool, "Surroundings", "Helpers",
                .product(name: "Neighbour", package: "Neighbour"),
                .product(name: "NeighbourShared", package: "Neighbour"),
            ]
        ),
        .executableTarget(
            name: "SharedHost",
            dependencies: ["Surroundings", .product(name: "SharedPool", package: "Neighbour")]
        ),
        .target(name: "StaticObjectsCXX"),
        .executableTarget(name: "StaticObjects", dependencies: [pool, "Surroundings", "StaticObjectsCXX"]),
        .executableTarget(
            name: "MainActorModule",
            dependencies: [pool, "Surroundings"],
            swiftSettings: [.defaultIsolation(MainActor.self)]
        ),
        .target(name: "Plugin", dependencies: [pool]),
        .executableTarget(name: "PluginHost"),
        .executableTarget(name: "Hindered"),
        .executableTarget(name: "Terminal"),
    ],
    swiftLanguageModes: [.v6]
)
