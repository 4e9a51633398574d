// An open regular file: the descriptor that libsndfile decodes from, and a look at its raw bytes.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A regular file that is open for reading until the object goes away.
final class InputFile {
    let path: String
    let descriptor: Int32
    let sizeBytes: Int

    init(path: String) throws(AudioError) {
        // Without O_NONBLOCK, opening a named pipe would wait for a writer.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code = errno
            throw code == ENOENT
                ? .notFound(path: path) : .unreadable(path: path, reason: systemReason(code))
        }
        var status = stat()
        let failed = fstat(descriptor, &status) != 0
        let code = errno
        self.path = path
        self.descriptor = descriptor
        sizeBytes = failed ? 0 : Int(status.st_size)
        // From here on deinit closes the descriptor, whatever is thrown.
        if failed { throw .unreadable(path: path, reason: systemReason(code)) }
        let kind = status.st_mode & S_IFMT
        if kind == S_IFDIR { throw .isFolder(path: path) }
        if kind != S_IFREG { throw .notAFile(path: path) }
        if sizeBytes == 0 { throw .empty(path: path) }
    }

    deinit {
        close(descriptor)
    }

    /// The bytes at an offset, fewer at the end of the file. The descriptor's position stays.
    func bytes(at offset: Int, count: Int) -> [UInt8] {
        guard offset >= 0 && offset < sizeBytes else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialised in
            initialised = max(0, pread(descriptor, buffer.baseAddress, count, off_t(offset)))
        }
    }
}

/// The system's text for an error number.
func systemReason(_ code: Int32) -> String {
    String(cString: strerror(code))
}
