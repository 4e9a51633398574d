// Times of single tiles. They predict the time on more threads than a machine has.

import Synchronization

/// Collects how long every tile of every parallel loop takes on a backend of one thread.
package final class TileClock: Sendable {
    private let loops = Mutex<[[Double]]>([])

    package init() {}

    /// Returns and forgets the loops since the last call, in their order: seconds of each tile.
    package func takeLoops() -> [[Double]] {
        loops.withLock { loops in
            defer { loops = [] }
            return loops
        }
    }

    /// Runs a loop and times its tiles.
    func run(_ count: Int, _ body: (_ index: Int) -> Void) {
        var seconds: [Double] = []
        seconds.reserveCapacity(count)
        for index in 0..<count {
            let begun = ContinuousClock.now
            body(index)
            seconds.append((ContinuousClock.now - begun) / .seconds(1))
        }
        loops.withLock { $0.append(seconds) }
    }
}
