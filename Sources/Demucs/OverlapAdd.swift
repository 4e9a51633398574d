// Adds up the weighted outputs of overlapping segments and drops samples as soon as no later segment
// can touch them, so that its memory does not grow with the track.
// Reference: the `split` branch of `apply_model` in demucs/apply.py.

import Audio

/// The unfinished part of a track's stems: about one segment of sums, and of summed weights.
///
/// Segments arrive in order. Every sum starts at zero and takes its addends in that order, as the
/// reference's whole-track tensors do, so both give the same bits.
package struct OverlapAdd {
    /// Weight of each sample of a segment.
    private let weights: [Float]
    /// Signals that are added up side by side.
    package let rowCount: Int
    /// Samples a row has room for.
    private let capacity: Int
    /// `[row, capacity]`.
    private var sums: [Float]
    /// `[capacity]`.
    private var weightSums: [Float]
    /// Position in the track of the first sample that was not taken.
    private var base = 0
    /// Its place in each row: samples that were taken make room when the next segment comes.
    private var first = 0
    private var finishedEnd = 0

    /// - Parameters:
    ///   - weights: of each sample of a segment; short segments take the first ones.
    ///   - rowCount: signals that are added up side by side.
    package init(weights: [Float], trackSamples: Int, rowCount: Int) {
        self.weights = weights
        self.rowCount = rowCount
        capacity = min(weights.count, trackSamples)
        sums = [Float](repeating: 0, count: rowCount * capacity)
        weightSums = [Float](repeating: 0, count: capacity)
    }

    /// Samples that no later segment changes and that have not been taken yet.
    package var finishedSamples: Int { finishedEnd - base }

    /// Adds a segment.
    ///
    /// Finished samples must have been taken before: there is room for one segment.
    /// - Parameters:
    ///   - start: position of the segment in the track.
    ///   - count: samples of the segment within the track.
    ///   - end: position before which no later segment changes anything.
    ///   - samples: gives `count` samples of a row; they must outlive the call.
    package mutating func add(
        at start: Int, count: Int, finishing end: Int,
        _ samples: (_ row: Int) -> UnsafePointer<Float>
    ) {
        let offset = start - base
        precondition(offset >= 0 && offset + count <= capacity && count <= weights.count)
        makeRoom()
        weights.withUnsafeBufferPointer { weights in
            sums.withUnsafeMutableBufferPointer { sums in
                for row in 0..<rowCount {
                    // Both rows hold `count` samples from here on, by the precondition above.
                    let source = UnsafeBufferPointer(start: samples(row), count: count)
                    let target = sums[(row * capacity + offset)...]
                    let sum = UnsafeMutableBufferPointer(rebasing: target.prefix(count))
                    for sample in 0..<count { sum[sample] += weights[sample] * source[sample] }
                }
            }
            for sample in 0..<count { weightSums[offset + sample] += weights[sample] }
        }
        finishedEnd = end
    }

    /// Adds the next finished samples, divided by their weights, to audio, and drops them.
    ///
    /// - Parameter audio: a channel of `count` samples for each row.
    package mutating func take(_ count: Int, addingTo audio: inout PlanarAudio) {
        precondition(count <= finishedSamples && audio.channelCount == rowCount)
        precondition(audio.sampleCount == count)
        weightSums.withUnsafeBufferPointer { weightSums in
            let weightSums = UnsafeBufferPointer(rebasing: weightSums[first..<first + count])
            for index in 0..<rowCount {
                sums.withUnsafeBufferPointer { sums in
                    let start = index * capacity + first
                    let row = UnsafeBufferPointer(rebasing: sums[start..<start + count])
                    audio.channels[index].withUnsafeMutableBufferPointer { target in
                        for sample in 0..<count {
                            target[sample] += row[sample] / weightSums[sample]
                        }
                    }
                }
            }
        }
        discard(count)
    }

    /// Drops the next finished samples.
    package mutating func discard(_ count: Int) {
        precondition(count <= finishedSamples)
        base += count
        first += count
    }

    /// Moves the samples held to the front of their rows, and zeros behind them.
    private mutating func makeRoom() {
        guard first > 0 else { return }
        for row in 0..<rowCount {
            OverlapAdd.moveDown(&sums, by: first, in: row * capacity..<(row + 1) * capacity)
        }
        OverlapAdd.moveDown(&weightSums, by: first, in: 0..<capacity)
        first = 0
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
