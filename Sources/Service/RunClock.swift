// The time for which the service has run, by which jobs age.

/// A clock that nobody sets: it counts the seconds of all runs of the service in a data folder,
/// those in which the machine sleeps included. The time of day may jump by years, for example on a
/// machine without a clock of its own; then no job may get old.
struct RunClock: Sendable {
    private let earlierSeconds: Double
    private let clock: ServiceClock
    private let began: Double

    /// - Parameter earlierSeconds: seconds of earlier runs.
    init(earlierSeconds: Double, _ clock: ServiceClock) {
        self.earlierSeconds = earlierSeconds
        self.clock = clock
        began = clock.sinceBoot()
    }

    var now: Double { earlierSeconds + clock.sinceBoot() - began }
}
