// What a family of models decides about a track.

import HTDemucs

/// How a family of models treats a track: its format, its segments, and their padding. A family has
/// one value beside its networks, and no other code of a separation asks for the family.
///
/// Tracks are normalised by the statistics of their mono mix (``Normalization``), segments overlap
/// with triangular weights (``SegmentPlan``), and shifts move a track by up to half a second.
package struct TrackRules: Sendable {
    /// Names of the sources, in the order of the network's output.
    package let sources: [String]
    /// Channels and rate of the network's input and of each source.
    package let audioChannels: Int
    package let sampleRateHz: Int
    /// Samples of a segment, unless the options set a length.
    package let segmentSamples: Int
    /// Whether no segment may be longer than ``segmentSamples``, and segments of a length that the
    /// options set are all padded to that length.
    let isLimited: Bool
    /// Length to which every segment is padded before it enters the network; `nil` without padding.
    let paddedSamples: Int?
    /// The lengths that the network accepts; `nil` for any.
    let validLength: ValidLength?
    /// Whether the network of the reference draws a number from the generator of the shifts each
    /// time that it runs.
    let drawsEachSegment: Bool

    /// Longest shift in samples, and the number of zeros before a shifted track: half a second.
    package var maximumShiftSamples: Int { Int(0.5 * Double(sampleRateHz)) }
}

extension Configuration {
    /// How the reference's classes treat a track: `apply_model` in demucs/apply.py.
    ///
    /// HTDemucs accepts no more than a training segment, to which `use_train_segment` pads all
    /// others. The other classes accept any length, Demucs after padding to a ``validLength``.
    package var trackRules: TrackRules {
        TrackRules(
            sources: self.sources, audioChannels: self.audioChannels,
            sampleRateHz: self.samplerate, segmentSamples: segmentSamples,
            isLimited: self.architecture == .htdemucs,
            paddedSamples: self.useTrainSegment ? segmentSamples : nil,
            validLength: validLength, drawsEachSegment: self.tLayers > 0)
    }
}
