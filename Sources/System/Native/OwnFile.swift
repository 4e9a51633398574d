// Files of the program's own: records, claims, clocks, states of downloads, lists of sets.

/// Opens, reads and replaces files of the program's own. Nobody else has a reason to put something under their names, so
/// a link there is never followed, a pipe never waited for.
package enum OwnFile {
    /// The name is that of a link, a pipe, a device or a socket.
    package static let notRegular = SystemError(code: EINVAL, "it is no regular file")

    package static let tooLarge = SystemError(
        code: EFBIG, "it is too large for what it should have")

    /// Opens a regular file.
    ///
    /// - Parameters:
    ///   - flags: of `open`, besides those that all these files have.
    ///   - mode: of a file that is made.
    /// - Throws: ``SystemError``, for anything else ``notRegular``.
    package static func descriptor(
        of path: String, _ flags: Int32 = O_RDONLY, mode: mode_t = 0o666
    ) throws(SystemError) -> Int32 {
        if path.utf8.contains(0) { throw SystemError(code: EINVAL, "its path has a zero byte") }
        let flags = flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        let descriptor = FilePath.withCString(path) { open($0, flags, mode) }
        // A link gives ELOOP, a pipe without a reader ENXIO.
        guard descriptor >= 0 else {
            throw [ELOOP, ENXIO].contains(errno) ? notRegular : .last
        }
        var status = stat()
        if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG { return descriptor }
        close(descriptor)
        throw notRegular
    }

    /// All bytes of a file; nil if there is none.
    ///
    /// - Throws: ``SystemError``, ``tooLarge`` for a file of more bytes.
    package static func read(_ path: String, mostBytes: Int) throws(SystemError) -> [UInt8]? {
        let descriptor: Int32
        do throws(SystemError) { descriptor = try self.descriptor(of: path) } catch {
            // A file may be where others have a folder.
            if [ENOENT, ENOTDIR].contains(error.code) { return nil }
            throw error
        }
        defer { close(descriptor) }
        let size = max(0, Int(lseek(descriptor, 0, SEEK_END)))
        guard size <= mostBytes else { throw tooLarge }
        var bytes = [UInt8](repeating: 0, count: size)
        let count = try bytes.withUnsafeMutableBufferPointer { bytes throws(SystemError) in
            try readAll(into: UnsafeMutableRawBufferPointer(bytes), from: descriptor, at: 0)
        }
        return Array(bytes[..<count])
    }

    /// Replaces whatever is under a name, but a folder, by a complete file.
    ///
    /// - Parameter isDurable: whether the file is on the disk when this returns.
    /// - Throws: ``SystemError``; the old file is there then.
    package static func replace(
        _ path: String, with bytes: some Sequence<UInt8>, isDurable: Bool = false
    ) throws(SystemError) {
        do {
            try UnfinishedFile(.file(path)).fill { descriptor in
                try Array(bytes).withUnsafeBytes { try writeAll($0, to: descriptor) }
                if isDurable, synchronise(descriptor) != 0 { throw SystemError.last }
            }
        } catch {
            throw error as? SystemError ?? .last
        }
    }

    /// Makes a folder, unless it is there; a link to one is refused.
    ///
    /// - Returns: whether it was made.
    @discardableResult
    package static func makeFolder(_ path: String, mode: mode_t = 0o777) throws(SystemError) -> Bool
    {
        if FilePath.withCString(path, { mkdir($0, mode) }) == 0 { return true }
        guard errno == EEXIST else { throw .last }
        if !isFolder(path) { throw SystemError(code: ENOTDIR, "it is a link or no folder") }
        return false
    }

    /// Whether a folder, and no link to one, is at a path.
    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return FilePath.withCString(path) { lstat($0, &status) } == 0
            && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The time of the file system of a folder, in nanoseconds since 1970: that of a file made now. Another machine,
    /// which has the disk, may have another time than this one.
    ///
    /// - Returns: nil if no file can be made there.
    package static func now(in folder: String) -> Int? {
        guard let file = try? TemporaryFiles.createUnnamed(in: folder) else { return nil }
        defer { close(file) }
        var status = stat()
        return fstat(file, &status) == 0 ? status.modifiedNanoseconds : nil
    }
}
