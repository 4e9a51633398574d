// Also Embedded Swift: typed throws, no key paths, no casts.
// What the separation of a track has to know of its model.

/// How a family of models treats a track: its format, its segments, and their padding. No other code
/// of a separation asks for the family.
///
/// `SegmentPlan` says how each kind of ``Cutting`` places, pads and weights segments.
package struct TrackRules: Sendable {
    /// How a track is cut into segments.
    package enum Cutting: Sendable, Equatable {
        /// As demucs does: segments overlap by a share, with triangular weights.
        case overlapping
        /// As Music-Source-Separation-Training: flat windows, and a track that its reflection
        /// extends.
        ///
        /// - Parameter overlapCount: segments that a sample in the middle of a track is in.
        case chunks(overlapCount: Int)
    }

    /// Names of the sources, in the order of the network's output.
    package let sources: [String]
    /// Channels and rate of the network's input and of each source.
    package let audioChannels: Int
    package let sampleRateHz: Int
    /// Samples of a segment, unless the options set a length.
    package let segmentSamples: Int
    /// Samples of the longest segment that the options may set.
    package let longestSegmentSamples: Int
    /// Whether no segment may be longer than ``segmentSamples``, and segments of a length that the
    /// options set are all padded to that length.
    package let isLimited: Bool
    /// Length to which every segment is padded before it enters the network; `nil` without padding.
    package let paddedSamples: Int?
    /// The lengths that the network accepts; `nil` for any.
    package let validLength: ValidLength?
    /// Whether the network of the reference draws a number from the generator of the shifts each
    /// time that it runs.
    package let drawsEachSegment: Bool
    /// Longest shift in samples, and the number of zeros before a shifted track; 0 for a family
    /// without shifts.
    package let maximumShiftSamples: Int
    /// Whether tracks are normalised by the statistics of their mono mix (`Normalization`).
    package let normalises: Bool
    package let cutting: Cutting

    package init(
        sources: [String], audioChannels: Int, sampleRateHz: Int, segmentSamples: Int,
        longestSegmentSamples: Int, isLimited: Bool = false, paddedSamples: Int? = nil,
        validLength: ValidLength? = nil, drawsEachSegment: Bool = false,
        maximumShiftSamples: Int = 0, normalises: Bool, cutting: Cutting
    ) {
        self.sources = sources
        self.audioChannels = audioChannels
        self.sampleRateHz = sampleRateHz
        self.segmentSamples = segmentSamples
        self.longestSegmentSamples = longestSegmentSamples
        self.isLimited = isLimited
        self.paddedSamples = paddedSamples
        self.validLength = validLength
        self.drawsEachSegment = drawsEachSegment
        self.maximumShiftSamples = maximumShiftSamples
        self.normalises = normalises
        self.cutting = cutting
    }

    /// Share of a segment that overlaps the next one, unless the options set it.
    package var overlap: Double {
        switch cutting {
        case .overlapping: 0.25  // The default of `apply_model`.
        case .chunks(let overlapCount): 1 - 1 / Double(overlapCount)
        }
    }
}
