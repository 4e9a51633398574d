// Also Embedded Swift: typed throws, no key paths, no casts.
import HTDemucs

/// How a family of models treats a track: its format, its segments, and their padding. A family has
/// one value beside its networks, and no other code of a separation asks for the family.
///
/// ``SegmentPlan`` says how each kind of ``Cutting`` places, pads and weights segments.
package struct TrackRules: Sendable {
    /// How a track is cut into segments.
    package enum Cutting: Sendable, Equatable {
        /// As demucs: segments overlap by a share, with triangular weights.
        case demucs
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
    let longestSegmentSamples: Int
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
    /// Longest shift in samples, and the number of zeros before a shifted track; 0 for a family
    /// without shifts.
    package let maximumShiftSamples: Int
    /// Whether tracks are normalised by the statistics of their mono mix (``Normalization``).
    package let normalises: Bool
    let cutting: Cutting

    /// Share of a segment that overlaps the next one, unless the options set it.
    package var overlap: Double {
        switch cutting {
        case .demucs: 0.25  // The default of `apply_model`.
        case .chunks(let overlapCount): 1 - 1 / Double(overlapCount)
        }
    }
}

extension TrackRules {
    /// The rules of a network that runs on chunks of any length that memory allows, and that no shift
    /// moves.
    package init(
        sources: [String], audioChannels: Int, sampleRateHz: Int, chunkSamples: Int,
        longestChunkSamples: Int, overlapCount: Int, normalises: Bool
    ) {
        self.init(
            sources: sources, audioChannels: audioChannels, sampleRateHz: sampleRateHz,
            segmentSamples: chunkSamples, longestSegmentSamples: longestChunkSamples,
            isLimited: false, paddedSamples: nil, validLength: nil, drawsEachSegment: false,
            maximumShiftSamples: 0, normalises: normalises,
            cutting: .chunks(overlapCount: overlapCount))
    }
}

extension Configuration {
    /// How the reference's classes treat a track: `apply_model` in demucs/apply.py. A shift moves it
    /// by up to half a second.
    ///
    /// HTDemucs accepts no more than a training segment, to which `use_train_segment` pads all
    /// others. The other classes accept any length that memory allows, Demucs after padding to a
    /// ``validLength``.
    package var trackRules: TrackRules {
        TrackRules(
            sources: arguments.sources, audioChannels: arguments.audioChannels,
            sampleRateHz: arguments.samplerate, segmentSamples: segmentSamples,
            longestSegmentSamples: longestSegmentSamples,
            isLimited: arguments.architecture == .htdemucs,
            paddedSamples: arguments.useTrainSegment ? segmentSamples : nil,
            validLength: validLength, drawsEachSegment: arguments.tLayers > 0,
            maximumShiftSamples: Int(0.5 * Double(arguments.samplerate)), normalises: true,
            cutting: .demucs)
    }
}
