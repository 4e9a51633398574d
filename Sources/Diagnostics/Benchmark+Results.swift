// The results of a benchmark: a network in one precision, its blocks, a whole track.

import Demucs
import Networks
import Signal
import System
import Tensor

extension Benchmark {
    /// The results in one precision.
    package struct Measurement: Sendable {
        package let precision: Precision
        /// Whether the weights came from a float16 file.
        package let isFromFloat16: Bool
        package let threads: Int
        package let instructionSet: String
        /// The backend of matrix products: `packed`, or a BLAS with its core.
        package let products: String
        /// Size of the checkpoint in bytes; for random weights the size of their values in this
        /// precision.
        package internal(set) var fileBytes: Int
        /// Time to open the file and build the network; with random weights, to draw them too.
        package let loadSeconds: Double
        /// Time of each run: a forward pass with both transforms.
        package let segmentSeconds: [Double]
        /// Length of the segment.
        package let audioSeconds: Double
        package let peakOperationsPerSecond: Double
        package let memoryBytesPerSecond: Double
        /// Time of a parallel loop that does nothing.
        package let loopSeconds: Double
        /// Peak memory of the process from loading the network to the end of the runs; up to it
        /// where the system can't reset the peak.
        package let peakResidentBytes: Int
        /// The same, estimated before the first run.
        package let estimatedPeakBytes: Int
        /// SNR of the worst stem against float32 in this process; infinite for float32 itself.
        package internal(set) var worstSNRDecibels: Double
        package let blocks: [BlockTime]
        /// Results of the track; nil if none was given.
        package internal(set) var track: TrackTime?

        package var medianSeconds: Double { median(segmentSeconds) }
        /// Floating-point operations of the segment: the sum over ``blocks``.
        package var operations: Double { blocks.reduce(0) { $0 + $1.operations } }
        /// Seconds of audio processed in a second.
        package var realtimeFactor: Double { audioSeconds / medianSeconds }
        package var operationsPerSecond: Double { operations / medianSeconds }
        package var shareOfPeak: Double { operationsPerSecond / peakOperationsPerSecond }
    }

    /// Time, operations and memory traffic of a block for the segment.
    package struct BlockTime: Sendable {
        package let block: NetworkBlock
        /// Median time of the runs.
        package let seconds: Double
        package let operations: Double
        /// Least memory traffic in bytes.
        package let bytes: Double
    }

    /// Results for a whole track, from its samples to the samples of its stems.
    package struct TrackTime: Sendable {
        package let audioSeconds: Double
        package let seconds: Double
        /// Peak memory of the process while it separates the track, in the same way.
        package let peakResidentBytes: Int
        /// SDR of each stem in dB, by its name; nil without references.
        package let sdr: [String: Double]?

        package var realtimeFactor: Double { audioSeconds / seconds }
    }

    /// Times the blocks of the network in each run.
    final class BlockClock: ForwardObserver {
        let cancellation: CancellationToken?
        /// The blocks in the order of computation.
        private var blocks: [NetworkBlock] = []
        /// Seconds of each block in each run, summed over the block's parts.
        private var runs: [[NetworkBlock: Double]] = []
        private var begun = ContinuousClock.now

        init(_ cancellation: CancellationToken) { self.cancellation = cancellation }

        func beginRun() {
            runs.append([:])
            begun = .now
        }

        /// Adds the time since the last call.
        func completed(_ block: NetworkBlock) throws(CancellationError) {
            try cancellation?.check()
            let seconds = begun.secondsSince
            if !blocks.contains(block) { blocks.append(block) }
            runs[runs.count - 1][block, default: 0] += seconds
            begun = .now
        }

        func times(_ configuration: any ModelConfiguration, _ precision: Precision) -> [BlockTime] {
            let weightBytes =
                switch precision {
                case .float32: 4
                case .bfloat16: 2
                case .int8: 1
                }
            return blocks.map { block in
                BlockTime(
                    block: block, seconds: median(runs.compactMap { $0[block] }),
                    operations: configuration.segmentOperations(of: block),
                    bytes: configuration.segmentBytes(of: block, weightBytes: weightBytes))
            }
        }
    }
}
