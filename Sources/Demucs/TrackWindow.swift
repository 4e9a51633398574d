// The part of a track that segments are being cut from.
// Reference: `TensorChunk` in demucs/apply.py.

import Tensor

/// A track whose length and statistics are known, to be read once from the beginning.
package struct NormalizedSource {
    /// Of the track, at the model's rate; at least 1.
    package let sampleCount: Int
    package let statistics: TrackStatistics
    /// Gives the next samples, `[channel][sample]`; `nil` at the end.
    package let next: () throws -> [[Float]]?

    package init(
        sampleCount: Int, statistics: TrackStatistics, next: @escaping () throws -> [[Float]]?
    ) {
        self.sampleCount = sampleCount
        self.statistics = statistics
        self.next = next
    }
}

/// The samples of a track between the oldest that is still needed and the newest that was needed so
/// far: memory for about a segment, whatever the track's length.
///
/// Positions count from the first sample of the track. Segments are normalised when they are read.
package struct TrackWindow {
    /// Of the whole track.
    package let sampleCount: Int
    private let mean: Float
    private let scale: Float
    private let next: () throws -> [[Float]]?
    /// `[channel][sample]`, from position `base`.
    private var channels: [[Float]]
    private var base = 0

    package init(_ track: NormalizedSource, channelCount: Int) {
        sampleCount = track.sampleCount
        (mean, scale) = (track.statistics.mean, track.statistics.scale)
        next = track.next
        channels = [[Float]](repeating: [], count: channelCount)
    }

    private var end: Int { base + channels[0].count }

    /// Samples of each channel in memory.
    package var heldSamples: Int { channels[0].count }

    /// Reads the track up to a position, or to its end.
    ///
    /// - Throws: `SeparationError.inputChanged` if the track has fewer samples than it had, what
    ///   reading throws.
    package mutating func fill(to position: Int) throws {
        let wanted = min(position, sampleCount)
        while end < wanted {
            guard let block = try next() else { throw SeparationError.inputChanged }
            for index in channels.indices { channels[index].append(contentsOf: block[index]) }
        }
    }

    /// Makes sure that the track ends where it ended before.
    ///
    /// - Throws: `SeparationError.inputChanged`, what reading throws.
    mutating func finish() throws {
        try fill(to: sampleCount)
        while let block = try next() {
            if block.contains(where: { !$0.isEmpty }) { throw SeparationError.inputChanged }
        }
        if end != sampleCount { throw SeparationError.inputChanged }
    }

    /// Fills a segment that starts at `start` with normalised samples; what lies outside the track
    /// is zero. The window must have been filled to its end.
    ///
    /// - Parameter segment: `[channels, samples]`.
    package func read(from start: Int, into segment: Tensor) {
        let samples = segment.shape[1]
        precondition(segment.shape == [channels.count, samples])
        let inside = (start..<start + samples).clamped(to: 0..<sampleCount)
        precondition(inside.isEmpty || (inside.lowerBound >= base && inside.upperBound <= end))
        for (index, channel) in channels.enumerated() {
            // Row `index` of the segment, all of it and no more.
            let row = UnsafeMutableBufferPointer(
                start: segment.pointer + index * samples, count: samples)
            row.update(repeating: 0)
            channel.withUnsafeBufferPointer { channel in
                for position in inside {
                    row[position - start] = (channel[position - base] - mean) / scale
                }
            }
        }
        withExtendedLifetime(segment) {}
    }

    /// The samples as they came, `[channel][sample]`. The window must have been filled to their end.
    func samples(_ range: Range<Int>) -> [ArraySlice<Float>] {
        channels.map { $0[range.lowerBound - base..<range.upperBound - base] }
    }

    /// Lets go of what lies before a position.
    package mutating func forget(before position: Int) {
        let count = min(position - base, channels[0].count)
        guard count > 0 else { return }
        for index in channels.indices { channels[index].removeFirst(count) }
        base += count
    }
}
