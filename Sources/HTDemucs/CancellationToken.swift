// How a separation is told to stop.

import Synchronization

/// A flag that one thread sets and a running separation looks at between two blocks of the network.
package final class CancellationToken: Sendable {
    private let flag = Atomic<Bool>(false)
    private let outer: CancellationToken?
    private let deadline: ContinuousClock.Instant?

    /// - Parameters:
    ///   - outer: cancels this token too; not the other way round.
    ///   - deadline: cancels it from then on; `nil` for none.
    package init(
        within outer: CancellationToken? = nil, deadline: ContinuousClock.Instant? = nil
    ) {
        self.outer = outer
        self.deadline = deadline
    }

    /// Asks the work that looks at this token to stop. May be called from any thread, and from a
    /// signal handler.
    package func cancel() {
        flag.store(true, ordering: .relaxed)
    }

    package var isCancelled: Bool {
        if flag.load(ordering: .relaxed) || outer?.isCancelled ?? false { return true }
        guard let deadline else { return false }
        return ContinuousClock.now >= deadline
    }

    /// - Throws: `CancellationError` once `cancel()` has been called.
    package func check() throws {
        if isCancelled { throw CancellationError() }
    }
}
