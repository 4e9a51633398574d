// Temporary safetensors files with given, mostly damaged, content.

import Foundation
import TestSupport
import Testing
import WeightsLoader

final class CraftedFile {
    let path: String
    let folder = TemporaryFolder()

    init(_ bytes: [UInt8], name: String = "crafted.safetensors") throws {
        path = try folder.write(Data(bytes), name)
    }

    /// A file with this header, its correct length before it, and `data` after it.
    convenience init(header: String, data: [UInt8] = []) throws {
        try self.init(Self.bytes(header: header, data: data))
    }

    /// A checkpoint with these metadata and no tensors.
    convenience init(metadata: [String: String]) throws {
        let json = try JSONSerialization.data(withJSONObject: ["__metadata__": metadata])
        try self.init(header: String(decoding: json, as: UTF8.self))
    }

    static func bytes(header: String, data: [UInt8] = []) -> [UInt8] {
        let text = Array(header.utf8)
        return lengthField(UInt64(text.count)) + text + data
    }

    static func lengthField(_ length: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
    }

    func open() throws -> Checkpoint {
        try Checkpoint.open(path)
    }

    /// The error that opening the file gives; nil if it opens.
    func openingError() -> WeightsError? {
        weightsError { _ = try open() }
    }

    /// The problem in the error of opening the file, without its path.
    func problem() throws -> String {
        let error = try #require(openingError())
        #expect(error.path == path)
        return String(error.description.dropFirst(path.count + 2))
    }
}

/// The error of `body`; nil if it succeeds.
func weightsError(_ body: () throws -> Void) -> WeightsError? {
    do {
        try body()
        return nil
    } catch {
        return error as? WeightsError
    }
}
