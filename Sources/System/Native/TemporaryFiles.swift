// Temporary files: unfinished outputs, and leftovers of killed processes.

/// Makes temporary files and finds abandoned ones.
///
/// A temporary file is named `.swift-demucs-….part` and locked (`flock`) by the process that writes
/// it. The lock ends with the process, even if that is killed, in another container or, on network
/// file systems, on another machine. So a file that can be locked is a leftover.
package enum TemporaryFiles {
    private static let prefix = ".swift-demucs-"
    private static let suffix = ".part"

    /// The name of a temporary file.
    static func name(_ text: String) -> String { prefix + text + suffix }

    /// Makes and locks a file with a name of its own.
    ///
    /// - Parameter folder: "" for the current one.
    fileprivate static func create(
        in folder: String
    ) throws(SystemError) -> (path: String, descriptor: Int32) {
        while true {
            // A short random name, because the final name may already be as long as the system
            // allows.
            let name = name(String(UInt64.random(in: .min ... .max), radix: 16))
            let path = FilePath.joined(folder, name)
            if let descriptor = try lock(path, O_EXCL) { return (path, descriptor) }
        }
    }

    /// Makes and locks a file.
    ///
    /// - Returns: its descriptor; nil if another process has locked it.
    private static func lock(_ path: String, _ flags: Int32 = 0) throws(SystemError) -> Int32? {
        let flags = O_RDWR | O_CREAT | flags
        let descriptor: Int32
        do throws(SystemError) { descriptor = try OwnFile.descriptor(of: path, flags) } catch {
            // Somebody has put a link or a pipe there.
            guard error == OwnFile.notRegular, unlink(path) == 0 else { throw error }
            descriptor = try OwnFile.descriptor(of: path, flags)
        }
        // Another process that removes leftovers may have found the file before it was locked: then it is
        // gone, or soon will be. On a file system without locks, no process can take it for a leftover.
        let isLocked = flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
        var status = stat()
        if isLocked, fstat(descriptor, &status) == 0, status.st_nlink > 0 { return descriptor }
        close(descriptor)
        return nil
    }

    /// Work that one process does at a time, by a locked file that ends with the process.
    package struct Claim {
        fileprivate let path: String
        fileprivate let descriptor: Int32

        package func end() {
            unlink(path)
            close(descriptor)
        }
    }

    /// Claims work of a name in a folder.
    ///
    /// - Returns: nil if another process has claimed it.
    /// - Throws: ``SystemError`` if no file can be made.
    package static func claim(_ text: String, in folder: String) throws(SystemError) -> Claim? {
        let path = FilePath.joined(folder, name(text))
        return try lock(path).map { Claim(path: path, descriptor: $0) }
    }

    /// Whether a process has claimed work of a name in a folder.
    package static func isClaimed(_ text: String, in folder: String) -> Bool {
        let path = FilePath.joined(folder, name(text))
        guard let descriptor = try? OwnFile.descriptor(of: path) else { return false }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }

    /// Creates a file for reading and writing without a name. It is freed when its descriptor is
    /// closed, even if the process is killed.
    ///
    /// - Parameter folder: nil for the system's folder of temporary files.
    package static func createUnnamed(in folder: String?) throws(SystemError) -> Int32 {
        let file = try create(in: folder ?? FilePath.temporaryFolder)
        unlink(file.path)
        return file.descriptor
    }

    /// Removes the temporary files that killed processes left in a folder, not in those inside it.
    ///
    /// - Returns: the number of removed files. Files that can't be opened or removed stay.
    @discardableResult
    package static func removeLeftovers(in folder: String) -> Int {
        FilePath.entries(of: folder).count { name in
            guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return false }
            let path = FilePath.joined(folder, name)
            guard let descriptor = try? OwnFile.descriptor(of: path, O_RDWR) else { return false }
            defer { close(descriptor) }
            return flock(descriptor, LOCK_EX | LOCK_NB) == 0 && unlink(path) == 0
        }
    }

    /// Free bytes for the user in a folder; nil if the system doesn't tell.
    package static func freeBytes(in folder: String) -> Int? {
        var status = statvfs()
        guard statvfs(folder.isEmpty ? "." : folder, &status) == 0 else { return nil }
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(
            by: UInt64(status.f_frsize))
        return overflow ? .max : Int(clamping: bytes)
    }
}

/// What is at a path to which a file shall be written.
package enum OutputTarget {
    /// The path of a regular file or of nothing, links followed: a complete file may take its place.
    case file(String)
    /// A FIFO or a character device, which takes bytes but must never be replaced.
    case stream(String)

    /// - Throws: ``SystemError`` for everything else: a folder, a block device, a socket, a link to
    ///   nothing.
    package init(_ path: String) throws(SystemError) {
        if path.utf8.contains(0) { throw SystemError(code: EINVAL, "its name has a zero byte") }
        guard let status = FilePath.status(path) else {
            let failure = SystemError.last
            var link = stat()
            if lstat(path, &link) == 0, link.st_mode & S_IFMT == S_IFLNK, failure.code == ENOENT {
                throw SystemError(code: ENOENT, "it is a link to a file that doesn't exist")
            }
            guard failure.code == ENOENT else { throw failure }
            self = .file(path)
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            guard let resolved = FilePath.resolved(path) else { throw .last }
            self = .file(resolved)
        case S_IFIFO, S_IFCHR:
            guard access(path, W_OK) == 0 else { throw .last }
            self = .stream(path)
        case S_IFDIR: throw SystemError(code: EISDIR)
        case S_IFBLK: throw SystemError(code: EINVAL, "it is a block device")
        case S_IFSOCK: throw SystemError(code: EINVAL, "it is a socket")
        default: throw SystemError(code: EINVAL, "it is no regular file")
        }
    }
}

/// A file that gets its name when it is complete. Until then it is one of ``TemporaryFiles``: beside
/// that name, or without any if the complete file is copied to a stream.
package final class UnfinishedFile {
    /// Open for reading and writing until the file is complete or discarded.
    package let descriptor: Int32
    private let target: OutputTarget
    /// nil without a name.
    private let temporaryPath: String?
    private var isOpen = true

    /// - Parameter path: of a user's file, at which links are followed.
    package convenience init(_ path: String) throws(SystemError) {
        try self.init(OutputTarget(path))
    }

    init(_ target: OutputTarget) throws(SystemError) {
        self.target = target
        switch target {
        case .file(let path):
            let file = try TemporaryFiles.create(in: FilePath.folder(of: path))
            temporaryPath = file.path
            descriptor = file.descriptor
        case .stream:
            temporaryPath = nil
            descriptor = try TemporaryFiles.createUnnamed(in: nil)
        }
    }

    deinit { discard() }

    /// Closes the file and gives it its name; it replaces another file of that name. Copies it to a
    /// FIFO or a character device instead, and waits for the reader of a FIFO.
    ///
    /// - Throws: ``SystemError``; the file is gone then.
    package func complete() throws(SystemError) {
        precondition(isOpen)
        defer { discard() }
        switch target {
        case .file(let path):
            // Some file systems report only on closing that there was no room. The lock has to last
            // until the file has its name, so this closes a copy of the descriptor.
            let copy = dup(descriptor)
            if copy >= 0, close(copy) != 0 { throw .last }
            try retryingInterrupted { rename(temporaryPath ?? "", path) }
            isOpen = false
            close(descriptor)
        case .stream(let path): try copy(to: path)
        }
    }

    private func copy(to path: String) throws(SystemError) {
        let stream = try retryingInterrupted { open(path, O_WRONLY | O_CLOEXEC) }
        defer { close(stream) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        var offset = 0
        while true {
            let count = try readAll(into: buffer, from: descriptor, at: offset)
            if count == 0 { return }
            try writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: stream)
            offset += count
        }
    }

    /// Has `write` fill the file, and completes it.
    ///
    /// - Throws: ``SystemError``, the errors of `write`; the file is gone then.
    func fill(_ write: (_ descriptor: Int32) throws -> Void) throws {
        defer { discard() }
        try write(descriptor)
        try complete()
    }

    /// Removes the file, unless it is complete.
    package func discard() {
        guard isOpen else { return }
        isOpen = false
        if let temporaryPath { unlink(temporaryPath) }
        close(descriptor)
    }
}

/// Replaces a file atomically: `write` fills an ``UnfinishedFile``.
///
/// - Throws: ``SystemError``, the errors of `write`. No file is left under the temporary name.
package func replaceFile(
    at path: String, _ write: (_ descriptor: Int32) throws -> Void
) throws {
    try UnfinishedFile(path).fill(write)
}

/// Replaces a file atomically by `bytes`, through an ``UnfinishedFile``.
///
/// - Throws: ``SystemError``.
package func replaceFile(at path: String, with bytes: some Sequence<UInt8>) throws {
    try replaceFile(at: path) { descriptor in
        try Array(bytes).withUnsafeBytes { try writeAll($0, to: descriptor) }
    }
}
