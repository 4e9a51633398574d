// Files in folders of a temporary folder.

import Foundation

extension TemporaryFolder {
    /// Writes a file, and creates its folders.
    @discardableResult
    package func write(_ data: Data, _ name: String) throws -> String {
        let file = url.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: file)
        return file.path
    }

    @discardableResult
    package func write(_ text: String, _ name: String) throws -> String {
        try write(Data(text.utf8), name)
    }

    package func data(_ name: String) throws -> Data {
        try Data(contentsOf: url.appendingPathComponent(name))
    }

    /// Files below this folder, sorted.
    package var files: [String] {
        let all = (try? FileManager.default.subpathsOfDirectory(atPath: url.path)) ?? []
        return all.filter { name in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: path(name), isDirectory: &isFolder)
                && !isFolder.boolValue
        }.sorted()
    }
}
