// Also Embedded Swift: typed throws, no key paths, no casts.
// Sums the weighted outputs of overlapping segments. Samples are dropped as soon as no later
// segment changes them, so that memory does not grow with the track.
// Reference: the `split` branch of `apply_model` in demucs/apply.py.

import Signal

/// The unfinished part of a track's stems: about one segment of weighted sums, and of summed
/// weights.
///
/// Segments arrive in order. Every sum starts at zero and takes its addends in that order, as the
/// reference's whole-track tensors do, so both give the same bits.
package struct OverlapAdd {
    /// Number of signals (rows) that are summed.
    package let rowCount: Int
    /// Largest number of samples in a row.
    private let capacity: Int
    /// Weighted sums, `[row, capacity]`.
    private var sums: [Float]
    /// Sums of the weights, `[capacity]`.
    private var weightSums: [Float]
    /// Position in the track of the first sample that was not taken.
    private var base: Int
    /// Index in each row of the sample at `base`; the next segment moves it to 0.
    private var first = 0
    private var finishedEnd: Int

    /// - Parameters:
    ///   - segmentSamples: samples of the longest segment.
    ///   - rowCount: number of signals that are summed.
    ///   - start: position in the track of the first segment that is added.
    package init(segmentSamples: Int, trackSamples: Int, rowCount: Int, start: Int = 0) {
        self.rowCount = rowCount
        base = start
        finishedEnd = start
        capacity = min(segmentSamples, trackSamples)
        sums = [Float](repeating: 0, count: rowCount * capacity)
        weightSums = [Float](repeating: 0, count: capacity)
    }

    /// Number of samples that no later segment changes and that have not been taken yet.
    package var finishedSamples: Int { finishedEnd - base }

    /// Adds a segment.
    ///
    /// Finished samples must have been taken before: there is room for one segment.
    /// - Parameters:
    ///   - start: position of the segment in the track.
    ///   - count: samples of the segment within the track.
    ///   - weights: weight of each sample of a segment; a short segment takes the first ones.
    ///   - end: position before which no later segment changes anything.
    ///   - samples: returns the `count` samples of a row, valid until
    ///     ``add(at:count:weights:finishing:_:)`` returns.
    package mutating func add(
        at start: Int, count: Int, weights: [Float], finishing end: Int,
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

    /// Adds the next finished samples, divided by their weights, to `audio`, and drops them.
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
                        // Windows that fade to 0 may leave a sample without weight: silence.
                        for sample in 0..<count where weightSums[sample] != 0 {
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

    /// Moves the remaining samples to the front of their rows and fills the rest with zeros.
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
