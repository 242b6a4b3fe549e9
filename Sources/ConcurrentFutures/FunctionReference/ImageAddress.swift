/// An address that means the same in every process of one binary: an image, and how far into it.
struct ImageAddress: Codable, Hashable, Sendable {
    /// For the eye, and to tell two copies of one file apart.
    let imageName: String
    let imageIdentity: String
    let offset: UInt

    /// Fails if no image contains the address.
    init?(_ address: UInt, in images: LoadedImages) {
        guard let image = images.image(containing: address) else { return nil }
        imageName = image.name
        imageIdentity = image.identity
        offset = address - image.base
    }

    /// The address in this process.
    func resolve(in images: LoadedImages) throws(FunctionReferenceError) -> UInt {
        guard let image = images.image(identity: imageIdentity, name: imageName) else {
            throw FunctionReferenceError(.imageNotLoaded(name: imageName))
        }
        let address = image.base &+ offset
        // The offset may come from bytes that somebody else wrote.
        guard image.segments.contains(where: { $0.range.contains(address) }) else {
            throw FunctionReferenceError(.notCode)
        }
        return address
    }
}
