// The time by which the service waits, and by which its jobs and connections age; times of jobs.

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

/// Times in seconds since 1970, shown as RFC 3339, and the clocks of the system.
enum Timestamp {
    /// Seconds since 1970.
    static var now: Double { seconds(CLOCK_REALTIME) }

    /// Seconds on the monotonic clock, which is never set.
    static var uptime: Double { seconds(CLOCK_MONOTONIC) }

    /// Seconds since the machine was started, its sleep included.
    static var sinceBoot: Double {
        #if canImport(Darwin)
            // On Linux, this clock stops during sleep.
            seconds(CLOCK_MONOTONIC)
        #else
            seconds(CLOCK_BOOTTIME)
        #endif
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// A time as RFC 3339, `2026-01-31T12:00:00.250Z`.
    static func text(_ seconds: Double) -> String {
        let milliseconds = Int((seconds * 1000).rounded(.down))
        var whole = time_t(milliseconds / 1000)
        var parts = tm()
        gmtime_r(&whole, &parts)
        func padded(_ value: Int32, _ digits: Int = 2) -> String { value.zeroPadded(digits) }
        return "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1))-"
            + "\(padded(parts.tm_mday))T\(padded(parts.tm_hour)):\(padded(parts.tm_min)):"
            + "\(padded(parts.tm_sec)).\((milliseconds % 1000).zeroPadded(3))Z"
    }
}
