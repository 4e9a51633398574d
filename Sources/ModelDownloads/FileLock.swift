// A lock between processes, so that only one of them downloads a file.

import Files
import LibC
import ModelZoo

/// Runs `body` while this process holds an advisory lock on a file. The empty file is not removed.
///
/// - Parameter waiting: called once if another process has the lock.
/// - Throws: `DownloadError` if the file can't be locked, `CancellationError`, the errors of `body`.
func withFileLock(
    _ path: String, waiting: () -> Void, isCancelled: () -> Bool, body: () throws -> Void
) throws {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw DownloadError(path: path, .last) }
    defer { close(descriptor) }
    var hasTold = false
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
        guard errno == EWOULDBLOCK || errno == EINTR else { throw DownloadError(path: path, .last) }
        if !hasTold { waiting() }
        hasTold = true
        if isCancelled() { throw CancellationError() }
        usleep(50_000)
    }
    try body()
}
