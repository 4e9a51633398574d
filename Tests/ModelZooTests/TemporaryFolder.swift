import Files
import Foundation
import Testing

/// A temporary folder, removed with its last reference.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("swift-demucs-tests-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func path(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file, and the folders that it lies in.
    @discardableResult
    func write(_ data: Data, _ name: String) throws -> String {
        let file = path(name)
        try FileManager.default.createDirectory(
            atPath: FilePath.folder(of: file), withIntermediateDirectories: true)
        try data.write(to: URL(fileURLWithPath: file))
        return file
    }

    @discardableResult
    func write(_ text: String, _ name: String) throws -> String {
        try write(Data(text.utf8), name)
    }

    func data(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: path(name)))
    }

    /// Files below this folder, sorted.
    var files: [String] {
        let all = (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
        return all.filter { FilePath.isFile(path($0)) }.sorted()
    }
}

/// Records an error, or the lack of one, that a test doesn't expect.
func record(_ error: (any Error)?, location: SourceLocation = #_sourceLocation) {
    Issue.record("\(String(describing: error))", sourceLocation: location)
}
