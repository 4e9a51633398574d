// Adds up the weighted outputs of overlapping segments and lets go of samples as soon as no later
// segment can touch them, so that its memory does not grow with the track.
// Reference: the `split` branch of `apply_model` in demucs/apply.py.

import Tensor

/// The unfinished part of a track's stems: about one segment of sums, and of summed weights.
///
/// Segments arrive in order. Every sum starts at zero and takes its addends in that order, as the
/// reference's whole-track tensors do, so both give the same bits.
struct OverlapAdd {
    private let plan: SegmentPlan
    private let trackSamples: Int
    /// Rows of the network's output that are kept, each a channel of a source.
    private let rows: [Int]
    /// Samples a row has room for.
    private let capacity: Int
    /// `[row, capacity]`, a row for each channel of each source.
    private var sums: [Float]
    /// `[capacity]`.
    private var weightSums: [Float]
    /// Position in the track of the first sample held.
    private var base = 0
    private var finishedEnd = 0

    /// - Parameter rows: which rows of the network's output to add up; row `source · channels +
    ///   channel` is a channel of a source.
    init(plan: SegmentPlan, trackSamples: Int, rows: [Int]) {
        self.plan = plan
        self.trackSamples = trackSamples
        self.rows = rows
        capacity = min(plan.segmentSamples, trackSamples)
        sums = [Float](repeating: 0, count: rows.count * capacity)
        weightSums = [Float](repeating: 0, count: capacity)
    }

    /// Samples that no later segment changes and that have not been taken yet.
    var finishedSamples: Int { finishedEnd - base }

    /// Adds the network's output for segment `index`, which holds `count` samples of the track.
    ///
    /// Finished samples must have been taken before: there is room for one segment.
    /// - Parameters:
    ///   - output: `[sources, channels, padded samples]`.
    ///   - trim: sample of `output` where the segment begins.
    mutating func add(_ output: Tensor, trim: Int, count: Int, segment index: Int) {
        let start = index * plan.strideSamples
        let offset = start - base
        let outputSamples = output.shape[2]
        precondition(rows.allSatisfy { $0 < output.shape[0] * output.shape[1] })
        precondition(trim >= 0 && trim + count <= outputSamples && count <= plan.weights.count)
        precondition(offset >= 0 && offset + count <= capacity)

        plan.weights.withUnsafeBufferPointer { weights in
            sums.withUnsafeMutableBufferPointer { sums in
                for (position, row) in rows.enumerated() {
                    // Both rows hold `count` samples from here on, by the preconditions above.
                    let source = UnsafeBufferPointer(
                        start: output.pointer + row * outputSamples + trim, count: count)
                    let target = sums[(position * capacity + offset)...]
                    let sum = UnsafeMutableBufferPointer(rebasing: target.prefix(count))
                    for sample in 0..<count { sum[sample] += weights[sample] * source[sample] }
                }
            }
            for sample in 0..<count { weightSums[offset + sample] += weights[sample] }
        }
        withExtendedLifetime(output) {}
        finishedEnd = min(start + plan.strideSamples, trackSamples)
    }

    /// Adds the next finished samples, divided by their weights, to a block and forgets them.
    /// - Parameter block: `[row, count]`.
    mutating func take(_ count: Int, addingTo block: inout [Float]) {
        precondition(count <= finishedSamples && block.count == rows.count * count)
        for row in rows.indices {
            for sample in 0..<count {
                block[row * count + sample] +=
                    sums[row * capacity + sample] / weightSums[sample]
            }
        }
        discard(count)
    }

    /// Forgets the next finished samples.
    mutating func discard(_ count: Int) {
        precondition(count <= finishedSamples)
        guard count > 0 else { return }
        for row in rows.indices {
            OverlapAdd.moveDown(&sums, by: count, in: row * capacity..<(row + 1) * capacity)
        }
        OverlapAdd.moveDown(&weightSums, by: count, in: 0..<capacity)
        base += count
    }

    private static func moveDown(_ values: inout [Float], by count: Int, in range: Range<Int>) {
        values.withUnsafeMutableBufferPointer { values in
            let row = UnsafeMutableBufferPointer(rebasing: values[range])
            let kept = row.count - count
            guard let start = row.baseAddress else { return }
            start.update(from: start + count, count: kept)
            (start + kept).update(repeating: 0, count: count)
        }
    }
}
