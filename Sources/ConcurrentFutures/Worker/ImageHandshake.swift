extension LoadedImages {
    /// What a process tells another of its images, so that both know that a function is the same in each.
    static func handshake() -> [ImageIdentity] {
        identities().map { ImageIdentity(name: $0.name, identity: $0.identity) }
    }

    /// The name of an image of which the other process has another build than this one.
    static func mismatch(with other: [ImageIdentity]) -> String? {
        let own = Dictionary(handshake().map { ($0.name, $0.identity) }, uniquingKeysWith: { first, _ in first })
        return other.first { image in own[image.name].map { $0 != image.identity } ?? false }?.name
    }
}
