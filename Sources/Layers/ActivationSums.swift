// What a layer is given, summed up over the segments of a calibration.

import CKernels
import Synchronization

/// Sums over the elements of each input channel of a layer.
package final class ActivationSums: Sendable {
    package struct Totals: Sendable {
        /// Rows that were seen.
        package fileprivate(set) var count = 0
        /// For each input channel, of its values and of their squares.
        package fileprivate(set) var sums: [Double]
        package fileprivate(set) var squares: [Double]

        /// The mean of each channel.
        package var means: [Double] { sums.map { $0 / Double(max(count, 1)) } }
        /// The mean square of each channel.
        package var meanSquares: [Double] { squares.map { $0 / Double(max(count, 1)) } }
    }

    private let state: Mutex<Totals>
    private let split = Mutex<[(outputs: Range<Int>, statistics: ActivationSums)]>([])
    package let channels: Int

    package init(channels: Int) {
        self.channels = channels
        state = Mutex(
            Totals(
                sums: Array(repeating: 0, count: channels),
                squares: Array(repeating: 0, count: channels)))
    }

    package var totals: Totals { state.withLock { $0 } }

    /// The statistics of those output channels that are a layer of their own, with inputs of their
    /// own: queries on one side, keys and values on the other.
    func part(_ outputs: Range<Int>) -> ActivationSums {
        let part = ActivationSums(channels: channels)
        split.withLock { $0.append((outputs, part)) }
        return part
    }

    /// What output channel `output` sums up.
    package func totals(ofOutput output: Int) -> Totals {
        let part = split.withLock { $0.first { $0.outputs.contains(output) }?.statistics }
        return part?.totals ?? totals
    }

    /// Adds the rows of a product's left operand. A segment holds one position after the other,
    /// each with all channels.
    ///
    /// The sums depend on the order of the calls in their last digits: use one thread.
    func add(rows: Int, _ segments: UnsafeBufferPointer<gemm_segment>, lda: Int) {
        state.withLock { totals in
            for segment in segments {
                for row in 0..<rows {
                    let values = segment.a.assumingMemoryBound(to: Float.self) + row * lda
                    for first in stride(from: 0, to: segment.count, by: channels) {
                        for channel in 0..<min(channels, segment.count - first) {
                            let value = Double(values[first + channel])
                            totals.sums[channel] += value
                            totals.squares[channel] += value * value
                        }
                    }
                }
                totals.count += rows * (segment.count / channels)
            }
        }
    }
}
