// Also Embedded Swift: typed throws, no key paths, no casts.
// The part of a track from which segments are cut.
// Reference: `TensorChunk` in demucs/apply.py.

import Signal
import System
import Tensor

/// The samples of a track from the oldest that is still needed to the newest that was read: memory
/// for about a segment, for tracks of any length.
///
/// Positions count from the first sample of the track.
package struct TrackWindow {
    /// Length of the whole track; `nil` for a live track that has not ended.
    package private(set) var sampleCount: Int?
    /// Source of the samples; `nil` for a live track, whose samples are appended.
    private let stream: TrackStream?
    /// The samples from position `base`.
    private var held: PlanarAudio
    private var base = 0

    /// - Throws: the error of opening the track.
    package init(_ track: Track) throws(AnyError) {
        sampleCount = track.sampleCount
        stream = try track.stream()
        held = PlanarAudio(channelCount: track.channelCount, sampleRateHz: track.sampleRateHz)
    }

    init(liveChannels channelCount: Int, sampleRateHz: Int) {
        stream = nil
        held = PlanarAudio(channelCount: channelCount, sampleRateHz: sampleRateHz)
    }

    /// Samples of the track that were read or appended.
    var end: Int { base + held.sampleCount }

    /// Takes the next samples of a live track.
    mutating func append(_ audio: PlanarAudio) {
        precondition(stream == nil && sampleCount == nil)
        held.append(audio)
    }

    mutating func endTrack() {
        precondition(stream == nil && sampleCount == nil)
        sampleCount = end
    }

    /// Reads the track up to a position, or to its end.
    ///
    /// - Throws: `SeparationError.inputChanged` if the track has fewer samples than in its first
    ///   pass; the errors of reading.
    package mutating func fill(to position: Int) throws(AnyError) {
        guard let stream else { return }
        let wanted = min(position, sampleCount ?? position)
        while end < wanted {
            guard let block = try stream.next() else {
                throw SeparationError.inputChanged.erased
            }
            held.append(block)
        }
    }

    /// Forgets the samples before a position, and passes over those that aren't read yet.
    ///
    /// - Throws: the errors of ``fill(to:)``.
    mutating func skip(to position: Int) throws(AnyError) {
        forget(before: position)
        while end < min(position, sampleCount ?? end) {
            try fill(to: end + 1)
            forget(before: position)
        }
    }

    /// Makes sure that the track is as long as in its first pass.
    ///
    /// - Throws: `SeparationError.inputChanged`, the errors of reading.
    mutating func finish() throws(AnyError) {
        guard let stream, let sampleCount else { return }
        try fill(to: sampleCount)
        let rest = try stream.next()
        if end != sampleCount || rest != nil { throw SeparationError.inputChanged.erased }
    }

    /// Fills a segment that starts at `start` with normalised samples, and zeros outside the track.
    /// The window must have been filled to the segment's end.
    ///
    /// - Parameters:
    ///   - segment: `[channels, samples]`.
    ///   - normalization: applied to the track's samples.
    ///   - borderSamples: samples before and after the track that are its reflection instead of
    ///     zeros: the sample beside the first one is the second one.
    package func read(
        from start: Int, into segment: Tensor, by normalization: Normalization,
        borderSamples: Int = 0
    ) {
        let samples = segment.shape[1]
        precondition(segment.shape == [held.channelCount, samples])
        let inside = (start..<start + samples).clamped(to: 0..<(sampleCount ?? end))
        precondition(inside.isEmpty || (inside.lowerBound >= base && inside.upperBound <= end))
        for (index, channel) in held.channels.enumerated() {
            // Row `index` of the segment, all of it and no more.
            let row = UnsafeMutableBufferPointer(
                start: segment.pointer + index * samples, count: samples)
            row.update(repeating: 0)
            channel.withUnsafeBufferPointer { channel in
                for position in inside {
                    row[position - start] =
                        (channel[position - base] - normalization.mean) / normalization.scale
                }
                for position in border(borderSamples, around: start..<start + samples) {
                    row[position - start] =
                        (channel[mirrored(position) - base] - normalization.mean)
                        / normalization.scale
                }
            }
        }
        withExtendedLifetime(segment) {}
    }

    /// The positions of a segment that are in the border of the track.
    private func border(_ count: Int, around segment: Range<Int>) -> [Int] {
        guard count > 0 else { return [] }
        let after = sampleCount.map { $0..<$0 + count } ?? Int.max..<Int.max
        return Array(segment.clamped(to: -count..<0)) + Array(segment.clamped(to: after))
    }

    /// The position within the track that a position outside of it mirrors.
    private func mirrored(_ position: Int) -> Int {
        position < 0 ? -position : 2 * ((sampleCount ?? end) - 1) - position
    }

    /// The samples without normalisation. The window must have been filled to their end.
    func samples(_ range: Range<Int>) -> PlanarAudio {
        held[range.lowerBound - base..<range.upperBound - base]
    }

    /// Drops the samples before a position of those that are held.
    mutating func forget(before position: Int) {
        let count = min(position - base, held.sampleCount)
        guard count > 0 else { return }
        held.removeFirst(count)
        base += count
    }
}
