// Checksums of files for the record of a track, computed on their own thread: while the model
// loads, one core is idle.

import Synchronization
import System

/// SHA-256 of files, computed in the background until it is needed.
final class PendingChecksums: @unchecked Sendable {
    // @unchecked: `condition` guards the result.
    private let condition = Condition()
    /// The checksums, or the first error; nil until all files were read.
    private var result: Result<[String], any Error>?

    /// Begins to read files, until the token is cancelled.
    init(of paths: [String], _ cancellation: CancellationToken) {
        let work = { @Sendable in
            let result = Result {
                try paths.map { path in
                    try SHA256.hexadecimal(
                        ofFile: path, isCancelled: { cancellation.isCancelled })
                }
            }
            self.condition.withLock {
                self.result = result
                self.condition.broadcast()
            }
        }
        // The system may refuse to start a thread.
        if let thread = SystemThread(work) { thread.detach() } else { work() }
    }

    /// Waits for the checksums, 64 hexadecimal digits for each file.
    ///
    /// - Throws: `SystemError` if a file can't be read; `CancellationError`.
    func callAsFunction() throws -> [String] {
        try condition.withLock {
            while true {
                if let result { return try result.get() }
                condition.wait()
            }
        }
    }
}

/// The checksums of a model's files, computed in the background from the first time that they are asked for.
final class ModelChecksums: Sendable {
    private let paths: [String]
    /// Those of the model that this one follows on.
    private let first: ModelChecksums?
    private let cancellation: CancellationToken
    private let pending = Mutex<PendingChecksums?>(nil)

    /// - Parameter paths: the files, without those of the first model.
    init(of paths: [String], after first: ModelChecksums?, _ cancellation: CancellationToken) {
        self.paths = paths
        self.first = first
        self.cancellation = cancellation
    }

    @discardableResult
    func begin() -> PendingChecksums {
        first?.begin()
        return pending.withLock { pending in
            let begun = pending ?? PendingChecksums(of: paths, cancellation)
            pending = begun
            return begun
        }
    }

    func callAsFunction() throws -> [String] {
        do {
            return try (first?() ?? []) + begin()()
        } catch {
            // The disk may answer the next time.
            pending.withLock { $0 = nil }
            throw error
        }
    }
}
