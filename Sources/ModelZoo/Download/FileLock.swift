// A lock between processes, so that only one of them downloads a file.

import Files
import Foundation

/// Holds an advisory lock on a file until the last reference to it goes or the process ends. The
/// empty file stays.
final class FileLock: Sendable {
    private let descriptor: Int32

    /// Waits for the lock.
    ///
    /// - Parameter waiting: called once if another process has it.
    /// - Throws: `DownloadError` if the file can't be locked, `CancellationError`.
    init(_ path: String, waiting: () -> Void, isCancelled: () -> Bool) throws {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw DownloadError(path: path, .last) }
        var hasTold = false
        while true {
            do {
                try retryingInterrupted { flock(descriptor, LOCK_EX | LOCK_NB) }
                return
            } catch  where error.code == EWOULDBLOCK {
                if !hasTold { waiting() }
                hasTold = true
                if isCancelled() { throw CancellationError() }
                usleep(50_000)
            } catch {
                throw DownloadError(path: path, error)
            }
        }
    }

    deinit { close(descriptor) }
}
