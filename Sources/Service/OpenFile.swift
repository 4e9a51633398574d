import System

/// An open regular file.
struct OpenFile {
    let descriptor: Int32
    let bytes: Int

    /// - Parameter descriptor: the result of opening a file.
    /// - Returns: nil for anything but a regular file; the descriptor is then closed.
    /// - Throws: `Problem` if too many files are open, or the system refuses to open it.
    init?(_ descriptor: Int32) throws(Problem) {
        guard descriptor >= 0 else {
            // Links are not followed.
            if [ENOENT, ENOTDIR, ELOOP].contains(errno) { return nil }
            throw Problem(SystemError.last)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
        bytes = Int(status.st_size)
    }

    /// Reads and closes the file.
    ///
    /// - Throws: `SystemError`.
    func contents() throws -> [UInt8] {
        defer { close(descriptor) }
        return try [UInt8](unsafeUninitializedCapacity: bytes) { buffer, count in
            let buffer = UnsafeMutableRawBufferPointer(buffer)
            count = try readAll(into: buffer, from: descriptor, at: 0)
        }
    }
}
