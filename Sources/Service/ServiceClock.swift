// The time by which the service waits, and by which its jobs and connections age.

import System

/// A clock that nobody sets. Tests replace the system's clock by one that they advance.
package struct ServiceClock: Sendable {
    /// Seconds on the monotonic clock.
    let now: @Sendable () -> Double
    /// Seconds since the machine was started, its sleep included.
    let sinceBoot: @Sendable () -> Double
    /// Waits for a broadcast of a condition, whose lock the caller holds, but not longer than until a
    /// time of ``now``; may return earlier.
    let wait: @Sendable (_ condition: Condition, _ deadline: Double) -> Void

    package init(
        now: @escaping @Sendable () -> Double, sinceBoot: @escaping @Sendable () -> Double,
        wait: @escaping @Sendable (_ condition: Condition, _ deadline: Double) -> Void
    ) {
        self.now = now
        self.sinceBoot = sinceBoot
        self.wait = wait
    }

    package static let system = ServiceClock(
        now: { Timestamp.uptime }, sinceBoot: { Timestamp.sinceBoot },
        wait: { condition, deadline in condition.wait(atMost: deadline - Timestamp.uptime) })
}
