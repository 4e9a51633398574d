// The part of a track that segments are being cut from.
// Reference: `TensorChunk` in demucs/apply.py.

import Audio
import Tensor

/// The samples of a track between the oldest that is still needed and the newest that was needed so
/// far: memory for about a segment, for tracks of any length.
///
/// Positions count from the first sample of the track. Segments are normalised when they are read.
package struct TrackWindow {
    /// Of the whole track.
    private let sampleCount: Int
    private let mean: Float
    private let scale: Float
    private let stream: TrackStream
    /// From position `base`.
    private var held: PlanarAudio
    private var base = 0

    /// - Throws: the error of opening the track.
    package init(_ track: Track) throws {
        sampleCount = track.sampleCount
        (mean, scale) = (track.statistics.mean, track.statistics.scale)
        stream = try track.stream()
        held = PlanarAudio(channelCount: track.channelCount, sampleRateHz: track.sampleRateHz)
    }

    private var end: Int { base + held.sampleCount }

    /// Reads the track up to a position, or to its end.
    ///
    /// - Throws: `SeparationError.inputChanged` if the track has fewer samples than in its first
    ///   pass; the errors of reading.
    package mutating func fill(to position: Int) throws {
        let wanted = min(position, sampleCount)
        while end < wanted {
            guard let block = try stream.next() else { throw SeparationError.inputChanged }
            held.append(block)
        }
    }

    /// Makes sure that the track is as long as in its first pass.
    ///
    /// - Throws: `SeparationError.inputChanged`, the errors of reading.
    mutating func finish() throws {
        try fill(to: sampleCount)
        if try end != sampleCount || stream.next() != nil { throw SeparationError.inputChanged }
    }

    /// Fills a segment that starts at `start` with normalised samples, and zeros outside the track.
    /// The window must have been filled to the segment's end.
    ///
    /// - Parameter segment: `[channels, samples]`.
    package func read(from start: Int, into segment: Tensor) {
        let samples = segment.shape[1]
        precondition(segment.shape == [held.channelCount, samples])
        let inside = (start..<start + samples).clamped(to: 0..<sampleCount)
        precondition(inside.isEmpty || (inside.lowerBound >= base && inside.upperBound <= end))
        for (index, channel) in held.channels.enumerated() {
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

    /// The samples without normalisation. The window must have been filled to their end.
    func samples(_ range: Range<Int>) -> PlanarAudio {
        held[range.lowerBound - base..<range.upperBound - base]
    }

    /// Drops the samples before a position.
    package mutating func forget(before position: Int) {
        let count = min(position - base, held.sampleCount)
        guard count > 0 else { return }
        held.removeFirst(count)
        base += count
    }
}
