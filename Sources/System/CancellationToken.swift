// Cancellation of long work.

import Synchronization

/// A flag that any thread can set and that long work checks: a separation does it between two
/// blocks of the network.
package final class CancellationToken: Sendable {
    private let flag = Atomic<Bool>(false)
    private let outer: CancellationToken?
    private let deadline: ContinuousClock.Instant?

    /// - Parameters:
    ///   - outer: a token whose cancellation cancels this token too, but not the other way round.
    ///   - deadline: the time from which on this token is cancelled; `nil` for none.
    package init(
        within outer: CancellationToken? = nil, deadline: ContinuousClock.Instant? = nil
    ) {
        self.outer = outer
        self.deadline = deadline
    }

    /// Asks the work that checks this token to stop. May be called from any thread and from a
    /// signal handler.
    package func cancel() {
        flag.store(true, ordering: .relaxed)
    }

    package var isCancelled: Bool {
        if flag.load(ordering: .relaxed) || outer?.isCancelled ?? false { return true }
        guard let deadline else { return false }
        return ContinuousClock.now >= deadline
    }

    /// - Throws: `CancellationError` if the token is cancelled.
    package func check() throws {
        if isCancelled { throw CancellationError() }
    }
}
