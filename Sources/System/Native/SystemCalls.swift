// Reads and writes of whole buffers and files. A system call may do only a part of its work, or
// none because a signal came; these functions repeat it until all is done.

/// Opens those of the descriptors 0 to 2 that are closed, as a daemon starts programs: otherwise the next files get these
/// numbers, and messages are written into them. Must be called before anything else is opened.
package func openStandardDescriptors() {
    for number in STDIN_FILENO...STDERR_FILENO where fcntl(number, F_GETFD) < 0 {
        // Standard output can't be written to: results that nobody gets are an error.
        let flags = number == STDERR_FILENO ? O_WRONLY : O_RDONLY
        // Without /dev any folder takes the number.
        if open("/dev/null", flags) < 0 { _ = open("/", O_RDONLY) }
    }
}

/// Repeats a system call as long as signals interrupt it.
///
/// - Parameter call: returns a negative number and sets `errno` where it fails.
/// - Throws: ``SystemError`` for every other failure.
@discardableResult
package func retryingInterrupted<Value: SignedInteger>(
    _ call: () -> Value
) throws(SystemError) -> Value {
    while true {
        let value = call()
        if value >= 0 { return value }
        if errno != EINTR { throw .last }
    }
}

/// Writes all bytes to a descriptor that blocks.
///
/// - Throws: ``SystemError``. A part of the bytes may be written then.
package func writeAll(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32
) throws(SystemError) {
    var done = 0
    while done < bytes.count {
        let count = try retryingInterrupted {
            write(descriptor, bytes.baseAddress! + done, bytes.count - done)
        }
        // POSIX lets a write of more than nothing return 0 only where it can't go on.
        if count == 0 { throw SystemError(code: EIO) }
        done += count
    }
}

/// Fills a buffer from a byte offset of a file.
///
/// - Returns: the number of bytes read, fewer than asked for only at the end of the file.
package func readAll(
    into buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32, at offset: Int
) throws(SystemError) -> Int {
    var done = 0
    while done < buffer.count {
        let count = try retryingInterrupted {
            pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
        }
        if count == 0 { break }
        done += count
    }
    return done
}

/// Opens a file for reading, and closes it after `body`.
///
/// - Throws: ``SystemError``, the errors of `body`.
func withFile<Value>(_ path: String, _ body: (_ descriptor: Int32) throws -> Value) throws -> Value
{
    let descriptor = FilePath.withCString(path) { open($0, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw SystemError.last }
    defer { close(descriptor) }
    return try body(descriptor)
}

/// Passes the bytes of an open file to `body`, from its current offset to its end.
///
/// - Throws: ``SystemError``, the errors of `body`.
package func forEachPiece(
    of descriptor: Int32, _ body: (UnsafeRawBufferPointer) throws -> Void
) throws {
    // Unlike Swift's own allocations, this one may fail.
    guard let memory = malloc(1 << 20) else { throw SystemError(code: ENOMEM) }
    defer { free(memory) }
    let buffer = UnsafeMutableRawBufferPointer(start: memory, count: 1 << 20)
    while true {
        let count = try retryingInterrupted { read(descriptor, buffer.baseAddress!, buffer.count) }
        if count == 0 { return }
        try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
}

/// All bytes of a file.
///
/// - Throws: ``SystemError``.
package func readFile(_ path: String) throws -> [UInt8] {
    try withFile(path) { descriptor in
        // Reads to the end, whatever the file's size says: files of the kernel have size 0.
        var bytes: [UInt8] = []
        try forEachPiece(of: descriptor) { bytes.append(contentsOf: $0) }
        return bytes
    }
}
