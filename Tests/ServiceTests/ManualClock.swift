import Service
import Synchronization
import System

/// A clock that stands still until a test advances it.
final class ManualClock: Sendable {
    private struct State {
        var now = 1000.0
        /// Conditions that threads wait for, by the numbers of the waits.
        var waits: [Int: Condition] = [:]
        var lastWait = 0
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
            return Array(state.waits.values)
        }
        for condition in waited { condition.withLock { condition.broadcast() } }
    }

    private func wait(on condition: Condition, until deadline: Double) {
        let number = state.withLock { state -> Int? in
            if state.now >= deadline { return nil }
            state.lastWait += 1
            state.waits[state.lastWait] = condition
            return state.lastWait
        }
        guard let number else { return }
        // The caller has held the lock since before the entry, so that no broadcast is missed.
        condition.wait()
        state.withLock { $0.waits[number] = nil }
    }
}
