import Foundation
import ModelDownloads
import ModelZoo
import TestSupport
import Testing

/// The comparison of files with their checksums.
struct VerifyingTests {
    private let folder = TemporaryFolder()

    @Test func checksumsDetectDamage() throws {
        let data = Data("abc".utf8)
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        let store = try ModelStore(environment: ["HOME": folder.path("home")])
        #expect(try store.verify(folder.write(data, "x-ba7816bf.th")) == .intact)
        #expect(
            try store.verify(folder.write(data, "x-ba7816bb.th"))
                == .damaged(found: sum, expected: "ba7816bb"))
        // The complete checksum of this file is known.
        #expect(
            try store.verify(folder.write(data, "955717e8-8726e21a.th"))
                == .damaged(
                    found: sum,
                    expected: "8726e21a993978c7ba086d3872e7608d7d5bfca646ca4aca459ffda844faa8b4"))
        #expect(try store.verify(folder.write(data, "y.safetensors")) == .unknown)
        try folder.write(
            "{\"url\": \"https://example.org\", \"sha256\": \"\(sum)\"}",
            "y.safetensors.origin.json")
        #expect(try store.verify(folder.path("y.safetensors")) == .intact)
        // As in the Hugging Face cache.
        try folder.write(Data("abd".utf8), "blobs/\(sum)")
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("z.safetensors"), withDestinationPath: "blobs/\(sum)")
        let found = try store.verify(folder.path("z.safetensors"))
        guard case .damaged(_, sum) = found else { throw UnexpectedError(nil) }
    }
}
