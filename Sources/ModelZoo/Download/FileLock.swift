// A lock between processes, so that two of them don't download the same file.

import Foundation

/// Holds an advisory lock on a file until the last reference goes. The system lets go of it too
/// when the process ends, however it ends; the empty file stays.
final class FileLock: Sendable {
    private let descriptor: Int32

    /// Waits for the lock.
    ///
    /// - Parameter waiting: called once if somebody else has it.
    /// - Throws: `DownloadError` if there can't be a lock, `CancellationError`.
    init(_ path: String, waiting: () -> Void, isCancelled: () -> Bool) throws {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw PartialFile.failure(path, errno) }
        var hasTold = false
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            guard code == EWOULDBLOCK || code == EINTR else {
                throw PartialFile.failure(path, code)
            }
            if !hasTold { waiting() }
            hasTold = true
            if isCancelled() { throw CancellationError() }
            usleep(50_000)
        }
    }

    deinit { close(descriptor) }
}
