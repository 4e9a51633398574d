import Foundation

/// A temporary folder for a test, removed with the object.
package final class TemporaryFolder: Sendable {
    package let url: URL

    package init() {
        url = FileManager.default.temporaryDirectory
            .appendingPathComponent("swift-demucs-tests-\(UUID().uuidString)")
        // If this fails, the first file of the test fails too.
        try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    package func url(_ name: String) -> URL { url.appendingPathComponent(name) }

    package func path(_ name: String) -> String { url(name).path }

    // MARK: - Files

    /// Writes a file, and creates its folders.
    @discardableResult
    package func write(_ data: Data, _ name: String) throws -> String {
        let file = url(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: file)
        return file.path
    }

    @discardableResult
    package func write(_ text: String, _ name: String) throws -> String {
        try write(Data(text.utf8), name)
    }

    /// Makes a named pipe, whose reader gets these bytes.
    ///
    /// - Parameter isAwaited: waited for before the pipe is opened for writing.
    @discardableResult
    package func makePipe(
        _ name: String, holding data: Data, after isAwaited: DispatchSemaphore? = nil
    ) throws -> String {
        let path = path(name)
        if mkfifo(path, 0o600) != 0 { throw CocoaError(.fileWriteUnknown) }
        // A reader that ends early must not end the writer too.
        signal(SIGPIPE, SIG_IGN)
        Thread.detachNewThread {
            isAwaited?.wait()
            let handle = FileHandle(forWritingAtPath: path)
            try? handle?.write(contentsOf: data)
            try? handle?.close()
        }
        return path
    }

    /// Writes the RoFormer `target` as one of 1600 Hz, the rate of the models of demucs, whose stem
    /// is called `drums`; its own segments are longer than theirs.
    package func writeRoFormer(_ name: String) throws -> String {
        let source = Fixture.url("roformer_files/target.ckpt")
        let text = try String(
            contentsOf: source.deletingPathExtension().appendingPathExtension("yaml"),
            encoding: .utf8)
        try write(
            text.replacing("44100", with: "1600").replacing("vocals", with: "drums"),
            "\(name).yaml")
        return try write(Data(contentsOf: source), "\(name).ckpt")
    }

    package func makeFolder(_ name: String) throws {
        try FileManager.default.createDirectory(at: url(name), withIntermediateDirectories: true)
    }

    package func data(_ name: String) throws -> Data { try Data(contentsOf: url(name)) }

    package func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: path(name))
    }

    /// Names of the files and folders in this folder, sorted.
    package var contents: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
    }

    /// Paths of all files and folders below this folder.
    package var paths: Set<String> {
        Set((try? FileManager.default.subpathsOfDirectory(atPath: url.path)) ?? [])
    }

    /// Paths of the files below this folder, sorted.
    package var files: [String] {
        paths.filter { name in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: path(name), isDirectory: &isFolder)
                && !isFolder.boolValue
        }.sorted()
    }
}
