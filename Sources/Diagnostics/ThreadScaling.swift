// What more threads would gain: the tiles of a pass, timed one after the other on one thread, are
// dealt out to any number of threads as the thread pool does.

import HTDemucs
import Signal
import Tensor

/// The parallel loops of a segment.
///
/// A model of the work alone: threads have the speed of the one that was timed, and do not wait for
/// each other's memory traffic.
package struct ThreadScaling: Sendable {
    /// The loops of a block of the network.
    struct Part: Sendable {
        let block: NetworkBlock
        /// Seconds of each tile of each loop.
        let loops: [[Double]]
        /// Seconds outside of loops.
        let serialSeconds: Double
    }

    /// Some threads and what they take.
    package struct Prediction: Sendable {
        /// Of each thread, relative to the one that was timed.
        package let speeds: [Double]
        /// Of a segment that all threads work on.
        package let segmentSeconds: Double
        /// The least that the speeds allow / the time.
        package let efficiency: Double
        /// The block whose threads wait the most, and the part of the time that its waiting costs.
        package let worst: (block: NetworkBlock, share: Double)
    }

    let parts: [Part]
    /// Seconds to start a loop on several threads and to end it.
    let loopSeconds: Double

    /// Seconds of a loop on threads of these speeds.
    ///
    /// Tiles go in their order to whichever thread is free first, as from the pool's common counter.
    ///
    /// - Parameter speeds: relative to the thread that was timed.
    static func seconds(of tiles: [Double], speeds: [Double]) -> Double {
        var free = [Double](repeating: 0, count: speeds.count)
        for tile in tiles {
            let next = free.indices.min { free[$0] < free[$1] } ?? 0
            free[next] += tile / speeds[next]
        }
        return free.max() ?? 0
    }

    /// What threads of these speeds take.
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
    /// Times the tiles of a segment: each is the fastest of some passes.
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
        // The first pass meets fresh memory.
        let passes = recorder.runs.dropFirst()
        self.init(
            parts: passes.dropFirst().reduce(passes.first ?? []) { fastest, pass in
                zip(fastest, pass).map { $0.fastest($1) }
            },
            loopSeconds: try Self.measuredLoopSeconds())
    }

    /// Median seconds of a loop on two threads whose tiles do nothing.
    private static func measuredLoopSeconds() throws -> Double {
        let backend = try Backend(threads: 2)
        let seconds = (0..<1_000).map { _ in
            let begun = ContinuousClock.now
            backend.parallelFor(2) { _ in }
            return begun.secondsSince
        }
        // The first ones wait for a thread that is just being started.
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
    /// The same part of another pass, each time the lesser of both.
    fileprivate func fastest(_ other: ThreadScaling.Part) -> ThreadScaling.Part {
        ThreadScaling.Part(
            block: block,
            loops: zip(loops, other.loops).map { zip($0, $1).map { min($0, $1) } },
            serialSeconds: min(serialSeconds, other.serialSeconds))
    }
}
