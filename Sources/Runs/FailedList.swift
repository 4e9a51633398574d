// The list of the tracks that failed. The format is described in docs/formats.md.

import Audio
import System

/// A list of the tracks that failed, which replaces nothing but such a list.
package final class FailedList {
    /// The line by which such a list is recognised.
    static let firstLine = "# swift-demucs: failed tracks"

    private let path: String
    private var names: [String] = []
    /// Whether the file has been made to find out whether it can be, and is still empty.
    private var isTried = false

    /// - Parameter isDryRun: whether to make no file.
    /// - Throws: `RunError` for a path of anything else, or where no file can be made.
    package init(_ path: String, isDryRun: Bool) throws(RunError) {
        self.path = path
        do throws(SystemError) {
            guard case .file(let target) = try OutputTarget(path) else {
                throw SystemError(code: EINVAL, "it is no regular file")
            }
            // The list takes the place of the file when it is complete.
            let folder = FilePath.folder(of: target)
            if FilePath.withCString(folder, { access($0, W_OK | X_OK) }) != 0 { throw .last }
            if FilePath.status(path) != nil {
                try Self.checkHead(path)
            } else if !isDryRun {
                let descriptor = FilePath.withCString(path) {
                    open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
                }
                guard descriptor >= 0 else { throw .last }
                close(descriptor)
                isTried = true
            }
        } catch {
            throw invalid("\(error)")
        }
    }

    deinit {
        // Another run may have written its list there.
        if isTried, FilePath.countBytes(path) == 0 {
            _ = FilePath.withCString(path) { unlink($0) }
        }
    }

    private static func checkHead(_ path: String) throws(SystemError) {
        let descriptor = FilePath.withCString(path) { open($0, O_RDWR | O_CLOEXEC) }
        guard descriptor >= 0 else { throw .last }
        defer { close(descriptor) }
        var head = [UInt8](repeating: 0, count: firstLine.utf8.count + 1)
        let count = read(descriptor, &head, head.count)
        if count < 0 { throw .last }
        let isLine = count < head.count || head.last == 0x0A || head.last == 0x0D
        let isList = isLine && head[..<count].starts(with: firstLine.utf8)
        if count > 0, !isList {
            throw SystemError(
                code: EEXIST, "this file does not begin with the line '\(firstLine)'")
        }
    }

    private func invalid(_ reason: String) -> RunError {
        .request(
            .invalidValue(
                field: "failed", value: path,
                expected: "a new or empty file, or an old list of failed tracks; \(reason)"))
    }

    /// Checks that the list replaces no other file of the run, and takes its own.
    ///
    /// - Parameter folders: folders whose files are the run's own.
    func claim(in taken: inout TakenFiles, outside folders: [String] = []) throws(RunError) {
        if let file = taken.file(at: path) { throw invalid("it is \(file.what)") }
        let place = FilePath.absolute(path) + "/"
        for folder in folders where place.utf8.starts(with: (FilePath.absolute(folder) + "/").utf8)
        {
            throw invalid("the run has its files in \(folder)")
        }
        taken.add(path, "the list of failed tracks")
    }

    package func add(_ name: String) { names.append(name) }

    /// Replaces the list.
    package func write() throws {
        let lines = [Array(Self.firstLine.utf8)] + names.map(Self.line)
        do {
            try replaceFile(at: path, with: lines.map { $0 + [0x0A] }.joined())
        } catch {
            throw AudioError.writeFailed(path: path, reason: "\(error)")
        }
        isTried = false
    }

    /// The bytes of a name. A name that would not come back from a line is a string of JSON.
    private static func line(_ name: String) -> [UInt8] {
        let isPlain =
            name.unicodeScalars.allSatisfy { !$0.isControl && $0.byte == nil }
            && !name.hasPrefix("#") && !name.hasPrefix("\"")
        return Array((isPlain ? name : name.quotedAsJSON).utf8)
    }
}
