import System

/// A gate before one segment of every job.
package final class JobGate: @unchecked Sendable {
    // @unchecked: the condition's lock guards the segment.

    private var closedSegment: Int?
    private let changed = Condition()

    /// - Parameter segment: of the closed gate; nil for an open one.
    package init(before segment: Int? = nil) { closedSegment = segment }

    /// Closes the gate: from now on, each job waits before this segment, counted from 0.
    package func hold(before segment: Int) { set(segment) }

    /// Lets all waiting jobs go on.
    package func open() { set(nil) }

    private func set(_ segment: Int?) {
        changed.withLock {
            closedSegment = segment
            changed.broadcast()
        }
    }

    /// Waits before a segment until the gate is open there or the job is cancelled.
    package func wait(before segment: Int, _ cancellation: CancellationToken) {
        changed.withLock {
            // A token has no event to wait for.
            while closedSegment == segment, !cancellation.isCancelled { changed.wait(atMost: 0.01) }
        }
    }
}
