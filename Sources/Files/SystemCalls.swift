// Reads and writes of whole buffers. A system call may do a part of its work, or none because a signal
// came in between; these go on until all is done.

import LibC

/// Repeats a call for as long as signals interrupt it.
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
/// - Throws: ``SystemError``. Some of the bytes may have been written by then.
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

/// Fills a buffer from a place in a file.
///
/// - Returns: the number of bytes read, fewer than asked for only at the end of the file.
/// - Throws: ``SystemError``.
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
