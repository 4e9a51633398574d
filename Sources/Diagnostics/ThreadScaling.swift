// Prediction of the speed with more threads: the tiles of a pass are timed on one thread, then
// assigned to any number of threads as the thread pool does.

import HTDemucs
import Signal
import Tensor

/// The parallel loops of a segment, to predict its time on any number of threads.
///
/// Only the computation is modelled: threads run at the speed of the timed thread, and don't slow
/// each other down by their memory traffic.
package struct ThreadScaling: Sendable {
    /// The loops of a block of the network.
    struct Part: Sendable {
        let block: NetworkBlock
        /// Seconds of each tile of each loop.
        let loops: [[Double]]
        /// Seconds outside of loops.
        let serialSeconds: Double
    }

    /// The predicted time on a set of threads.
    package struct Prediction: Sendable {
        /// Speed of each thread, relative to the timed thread.
        package let speeds: [Double]
        /// Time of a segment on all threads.
        package let segmentSeconds: Double
        /// The least time that the speeds allow, divided by the predicted time.
        package let efficiency: Double
        /// The block whose threads wait the most, and its waiting time as a fraction of the whole
        /// time.
        package let worst: (block: NetworkBlock, share: Double)
    }

    let parts: [Part]
    /// Seconds to start and end a loop on several threads.
    let loopSeconds: Double

    /// Time of a loop on threads of these speeds, in seconds.
    ///
    /// Each tile, in order, goes to the thread that is free first, as with the pool's common
    /// counter.
    ///
    /// - Parameter speeds: speeds relative to the timed thread.
    static func seconds(of tiles: [Double], speeds: [Double]) -> Double {
        var free = [Double](repeating: 0, count: speeds.count)
        for tile in tiles {
            let next = free.indices.min { free[$0] < free[$1] } ?? 0
            free[next] += tile / speeds[next]
        }
        return free.max() ?? 0
    }

    /// The prediction for threads of these speeds.
    package func prediction(speeds: [Double]) -> Prediction {
        let capacity = speeds.reduce(0, +)
        var (total, alone) = (0.0, 0.0)
        var waiting: [NetworkBlock: Double] = [:]
        for part in parts {
            let (together, single) = (
                seconds(of: part, speeds: speeds), seconds(of: part, speeds: [1])
            )
            total += together
            alone += single
            waiting[part.block, default: 0] += together - single / capacity
        }
        let worst = waiting.max { $0.value < $1.value } ?? (.stft, 0)
        return Prediction(
            speeds: speeds, segmentSeconds: total, efficiency: alone / capacity / total,
            worst: (worst.key, worst.value / total))
    }

    private func seconds(of part: Part, speeds: [Double]) -> Double {
        let start = speeds.count > 1 ? loopSeconds : 0
        return part.loops.reduce(part.serialSeconds / (speeds.max() ?? 1)) { sum, tiles in
            sum + Self.seconds(of: tiles, speeds: speeds) + (tiles.count > 1 ? start : 0)
        }
    }
}

// MARK: - Measurement

extension ThreadScaling {
    /// Times the tiles of a segment: the least time of each tile in several passes.
    ///
    /// - Throws: errors of the backend; `CancellationError`.
    init(
        _ network: some SeparationNetwork, _ mix: Tensor, runs: Int,
        cancellation: CancellationToken
    ) throws {
        let clock = TileClock()
        let network = network.running(
            on: try Backend(precision: network.backend.precision, timing: clock))
        let recorder = Recorder(clock, cancellation)
        for _ in 0...runs {
            recorder.beginRun()
            _ = try network.forward(mix, observer: recorder)
        }
        // The first pass is slower, because its memory is fresh.
        let passes = recorder.runs.dropFirst()
        self.init(
            parts: passes.dropFirst().reduce(passes.first ?? []) { fastest, pass in
                zip(fastest, pass).map { $0.fastest($1) }
            },
            loopSeconds: try Self.measuredLoopSeconds())
    }

    /// Median time of an empty loop on two threads, in seconds.
    private static func measuredLoopSeconds() throws -> Double {
        let backend = try Backend(threads: 2)
        let seconds = (0..<1_000).map { _ in
            let begun = ContinuousClock.now
            backend.parallelFor(2) { _ in }
            return begun.secondsSince
        }
        // The median ignores the first loops, which wait for the thread to start.
        return median(seconds)
    }

    /// Takes the clock's loops at the end of each block.
    private final class Recorder: ForwardObserver {
        private(set) var runs: [[Part]] = []
        private let clock: TileClock
        private let cancellation: CancellationToken
        private var begun = ContinuousClock.now

        init(_ clock: TileClock, _ cancellation: CancellationToken) {
            self.clock = clock
            self.cancellation = cancellation
        }

        func beginRun() {
            runs.append([])
            begun = .now
        }

        func completed(_ block: NetworkBlock) throws {
            try cancellation.check()
            let (seconds, loops) = (begun.secondsSince, clock.takeLoops())
            let inLoops = loops.reduce(0) { $0 + $1.reduce(0, +) }
            runs[runs.count - 1].append(
                Part(block: block, loops: loops, serialSeconds: max(0, seconds - inLoops)))
            begun = .now
        }
    }
}

extension ThreadScaling.Part {
    /// The part with the lesser time of two passes for each tile.
    fileprivate func fastest(_ other: ThreadScaling.Part) -> ThreadScaling.Part {
        ThreadScaling.Part(
            block: block,
            loops: zip(loops, other.loops).map { zip($0, $1).map { min($0, $1) } },
            serialSeconds: min(serialSeconds, other.serialSeconds))
    }
}
