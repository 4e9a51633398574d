// Checksums of files for the record of a track, computed on their own thread: while the model
// loads, one core is idle.

import System

/// SHA-256 of files, computed in the background until it is needed.
final class PendingChecksums: @unchecked Sendable {
    // @unchecked: `condition` guards the result.
    private let condition = Condition()
    /// The checksums, once all files were read; `.some(nil)` if one could not be read.
    private var result: [String]??

    /// Begins to read files, until the token is cancelled.
    init(of paths: [String], _ cancellation: CancellationToken) {
        let work = { @Sendable in
            let checksums = paths.compactMap { FileChecksum.of($0, cancellation) }
            self.condition.withLock {
                self.result = .some(checksums.count == paths.count ? checksums : nil)
                self.condition.broadcast()
            }
        }
        // The system may refuse to start a thread.
        if let thread = SystemThread(work) { thread.detach() } else { work() }
    }

    /// Waits for the checksums, 64 hexadecimal digits for each file.
    ///
    /// - Returns: nil if a file can't be read or the token was cancelled.
    func callAsFunction() -> [String]? {
        condition.withLock {
            while true {
                if let result { return result }
                condition.wait()
            }
        }
    }
}
