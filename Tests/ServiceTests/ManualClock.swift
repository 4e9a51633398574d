import Service
import Synchronization
import System

/// A clock that stands still until a test advances it.
final class ManualClock: Sendable {
    private struct State {
        var now = 1000.0
        /// All conditions that threads have waited for.
        var conditions: [ObjectIdentifier: Condition] = [:]
    }

    private let state = Mutex(State())

    private var now: Double { state.withLock { $0.now } }

    var clock: ServiceClock {
        ServiceClock(
            now: { self.now }, sinceBoot: { self.now }, wait: { self.wait(on: $0, until: $1) })
    }

    func advance(by seconds: Double) {
        let waited = state.withLock { state in
            state.now += seconds
            return Array(state.conditions.values)
        }
        for condition in waited { condition.withLock { condition.broadcast() } }
    }

    private func wait(on condition: Condition, until deadline: Double) {
        let isDue = state.withLock { state in
            state.conditions[ObjectIdentifier(condition)] = condition
            return state.now >= deadline
        }
        // The caller has held the lock since before the entry, so that no broadcast is missed.
        if !isDue { condition.wait() }
    }
}
