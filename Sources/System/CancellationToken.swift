// Also Embedded Swift: typed throws, no key paths, no casts.
import Synchronization

/// A flag that any thread can set and that long work checks: a separation does it between two
/// blocks of the network.
package final class CancellationToken: Sendable {
    private let flag = Atomic<Bool>(false)
    private let outer: CancellationToken?
    private let isOver: (@Sendable () -> Bool)?

    /// - Parameters:
    ///   - outer: a token whose cancellation cancels this token too, but not the other way round.
    ///   - isOver: another condition that cancels this token, such as a deadline; nil for none.
    package init(
        within outer: CancellationToken? = nil, when isOver: (@Sendable () -> Bool)? = nil
    ) {
        self.outer = outer
        self.isOver = isOver
    }

    /// Asks the work that checks this token to stop. May be called from any thread and from a
    /// signal handler.
    package func cancel() {
        flag.store(true, ordering: .relaxed)
    }

    package var isCancelled: Bool {
        flag.load(ordering: .relaxed) || outer?.isCancelled ?? false || isOver?() ?? false
    }

    /// - Throws: `CancellationError` if the token is cancelled.
    package func check() throws(CancellationError) {
        if isCancelled { throw CancellationError() }
    }
}
