import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("Loaded images")
struct LoadedImagesTests {
    @Test("each image has a name and an identity, and one is the main program")
    func identities() {
        let identities = LoadedImages.identities()
        #expect(identities.filter { $0.name == LoadedImage.mainProgramName }.count == 1)
        #expect(identities.allSatisfy { !$0.name.isEmpty && !$0.identity.isEmpty })
        #expect(identities.contains { $0.name.contains("libc.so") })
        #expect(Set(identities.map(\.identity)).count == identities.count)
    }

    @Test("code is executable, data is not")
    func segments() throws {
        let images = LoadedImages.current
        let code = ClosureWords(heldBy: SyncFunction<Int, Int> { $0 + 1 }).code
        let metadata = unsafeBitCast(Int.self as Any.Type, to: UInt.self)
        #expect(images.isExecutable(code))
        #expect(!images.isExecutable(metadata))
        #expect(images.load(UInt.self, at: metadata) == 0x200)
        #expect(try #require(images.image(containing: metadata)).base <= metadata)
    }

    @Test("what is in no image cannot be read")
    func outside() {
        let images = LoadedImages.current
        for address in [0, 1, 4096, UInt.max, UInt.max - 7] {
            #expect(images.load(UInt.self, at: address) == nil)
            #expect(images.image(containing: address) == nil)
            #expect(!images.isExecutable(address))
        }
    }

    @Test("reading ends where a segment ends")
    func ends() throws {
        // One picture: the next one may lack an image that another test has unloaded meanwhile.
        let loaded = LoadedImages.current
        for image in loaded.images {
            for segment in image.segments where segment.isReadable && segment.range.count > 8 {
                #expect(loaded.bytes(at: segment.range.upperBound - 4)?.count == 4)
            }
        }
    }

    @Test("an image that is loaded later is found")
    func laterImage() throws {
        let before = LoadedImages.current.images.count
        let library = try #require(dlopen("libBrokenLocale.so.1", RTLD_NOW))
        #expect(LoadedImages.current.images.contains { $0.name.contains("libBrokenLocale") })
        #expect(LoadedImages.current.images.count > before)
        dlclose(library)
        #expect(!LoadedImages.current.images.contains { $0.name.contains("libBrokenLocale") })
    }

    @Test("an address goes to another process as image and offset")
    func address() throws {
        let images = LoadedImages.current
        let metadata = unsafeBitCast(Int.self as Any.Type, to: UInt.self)
        let address = try #require(ImageAddress(metadata, in: images))
        #expect(address.imageName.contains("swiftCore") || address.imageName == LoadedImage.mainProgramName)
        #expect(try address.resolve(in: images) == metadata)
    }
}
