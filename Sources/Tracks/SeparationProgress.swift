// Also Embedded Swift: typed throws, no key paths, no casts.
/// Progress of a separation.
public struct SeparationProgress: Sendable, Equatable {
    /// A segment that begins or has ended.
    package struct Segment: Sendable, Equatable {
        /// Indices of the segment's network in the bag, and of its shift.
        package let member: Int
        package let shift: Int
        /// First sample of the segment, counted from the beginning of the shifted track.
        package let offsetSamples: Int
        package let hasEnded: Bool
    }

    /// Segments that went through the network, over all shifts and models of a bag.
    public let segmentsDone: Int
    /// All segments; 0 while the length of a live track is unknown.
    public let segmentsTotal: Int
    /// The segment by which this progress differs from the one before; `nil` before the first.
    package let segment: Segment?
    /// Whether a segment begins, so that no more segments are done than before.
    package var isBegin: Bool { segment?.hasEnded == false }
    /// Length of the track; `nil` while the length of a live track is unknown, and with it the number
    /// of segments.
    package let trackSamples: Int?
    let sampleRateHz: Int

    /// The progress among the segments of several separations.
    package func with(segmentsDone: Int, segmentsTotal: Int) -> SeparationProgress {
        SeparationProgress(
            segmentsDone: segmentsDone, segmentsTotal: segmentsTotal, segment: segment,
            trackSamples: trackSamples, sampleRateHz: sampleRateHz)
    }

    /// Length of the track.
    public var audioSecondsTotal: Double { Double(trackSamples ?? 0) / Double(sampleRateHz) }

    /// The finished share of the work, 0…1; 0 while the number of segments is unknown.
    public var fractionCompleted: Double {
        segmentsTotal > 0 ? Double(segmentsDone) / Double(segmentsTotal) : 0
    }

    /// The finished share of the track, in seconds of audio.
    public var audioSecondsDone: Double { audioSecondsTotal * fractionCompleted }
}

extension SeparationProgress {
    /// The progress of a track.
    ///
    /// - Parameter trackSamples: length of the track at `sampleRateHz`.
    public init(segmentsDone: Int, segmentsTotal: Int, trackSamples: Int, sampleRateHz: Int) {
        self.init(
            segmentsDone: segmentsDone, segmentsTotal: segmentsTotal, segment: nil,
            trackSamples: trackSamples, sampleRateHz: sampleRateHz)
    }
}

#if !hasFeature(Embedded)
    extension SeparationProgress: Codable {}
    extension SeparationProgress.Segment: Codable {}
#endif
