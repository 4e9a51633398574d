// Also Embedded Swift: typed throws, no key paths, no casts.
// Starts and lengths of segments, their padding for the network, and their weights in the sum.
// Reference: `apply_model` in demucs/apply.py.

import Networks
import System

/// The segments of tracks of any length.
///
/// Segments start at every multiple of the stride below the track's length, even where the one
/// before reaches its end; those that run past the end are short.
package struct SegmentPlan: Sendable {
    /// The treatment of a track's ends.
    enum Ends: Sendable {
        /// A short segment is padded on both sides with the track's own samples; zeros are outside.
        case context
        /// The track is extended on both sides by its reflection, and a short segment by its own.
        case reflected(borderSamples: Int, fadeSamples: Int)
    }

    /// Longest segment, in samples.
    package let segmentSamples: Int
    package let strideSamples: Int
    /// Weight of each sample of a segment, `[segmentSamples]`; a short segment takes the first ones.
    package let weights: [Float]
    /// Length to which every segment is padded before it enters the network; `nil` without padding.
    package let paddedSamples: Int?
    let validLength: ValidLength?
    let ends: Ends
}

extension SegmentPlan {
    /// Plans overlapping segments, or (`split` off) one segment for a whole track of `trackSamples`.
    ///
    /// - Throws: `SeparationError` for options out of range, a segment longer than the training
    ///   length, and a track too long to stay whole.
    package init(
        _ rules: TrackRules, options: SeparationOptions, trackSamples: Int
    ) throws(SeparationError) {
        try options.validate()
        if case .chunks = rules.cutting {
            try SeparationError.require(
                options.shifts <= 1, "shifts", options.shifts,
                "at most 1: the overlapping chunks of this model take the place of shifts")
            try SeparationError.require(
                options.transitionPower == 1, "transition-power", options.transitionPower,
                "1 for this model, whose windows are not triangular")
        }
        guard options.split else {
            self = try Self.whole(rules, options, trackSamples: trackSamples)
            return
        }
        switch rules.cutting {
        case .overlapping: self = try Self.overlapping(rules, options)
        case .chunks(let count): self = try Self.chunks(rules, options, overlapCount: count)
        }
    }

    private static func whole(
        _ rules: TrackRules, _ options: SeparationOptions, trackSamples: Int
    ) throws(SeparationError) -> SegmentPlan {
        let shift = options.shifts > 0 ? rules.maximumShiftSamples : 0
        let length = trackSamples + shift
        if let limit = rules.paddedSamples, length > limit {
            throw .trackTooLong(
                samples: trackSamples, maximumSamples: max(0, limit - shift),
                sampleRateHz: rules.sampleRateHz)
        }
        return SegmentPlan(
            segmentSamples: length, strideSamples: length,
            weights: [Float](repeating: 1, count: length), paddedSamples: rules.paddedSamples,
            validLength: rules.validLength, ends: .context)
    }

    /// Segments of demucs. Weights are 1, 2, …, 2, 1 over their maximum, to the power
    /// `transitionPower`, in float32.
    private static func overlapping(
        _ rules: TrackRules, _ options: SeparationOptions
    ) throws(SeparationError) -> SegmentPlan {
        let segmentSamples = try Self.segmentSamples(rules, options)
        let isFilledUp = options.segmentSeconds != nil && rules.isLimited
        return SegmentPlan(
            segmentSamples: segmentSamples,
            strideSamples: try stride(segmentSamples, overlap: options.overlap ?? rules.overlap),
            weights: try triangle(segmentSamples, power: options.transitionPower),
            paddedSamples: isFilledUp ? segmentSamples : rules.paddedSamples,
            validLength: rules.validLength, ends: .context)
    }

    static func stride(_ segmentSamples: Int, overlap: Double) throws(SeparationError) -> Int {
        let stride = Int((1 - overlap) * Double(segmentSamples))
        try SeparationError.require(
            stride >= 1, "overlap", overlap,
            "segments of \(segmentSamples) samples must start at least one sample apart")
        return stride
    }

    /// Length of the network's input for a segment of `count` samples.
    package func inputSamples(forSegmentSamples count: Int) -> Int {
        validLength?(count) ?? paddedSamples ?? count
    }

    static func segmentSamples(
        _ rules: TrackRules, _ options: SeparationOptions
    ) throws(SeparationError) -> Int {
        guard let seconds = options.segmentSeconds else { return rules.segmentSamples }
        let exact = Double(rules.sampleRateHz) * seconds
        let longest = Double(rules.longestSegmentSamples) / Double(rules.sampleRateHz)
        try SeparationError.require(
            exact >= 1 && seconds <= longest, "segment", seconds,
            rules.isLimited
                ? "at least one sample and at most the \(longest) seconds that the model was "
                    + "trained on"
                : "at least one sample and at most \(longest) seconds, because memory grows with "
                    + "the segment")
        return Int(exact)
    }

    private static func triangle(
        _ count: Int, power: Double
    ) throws(SeparationError) -> [Float] {
        let rising = count / 2
        let peak = Float(count - rising)
        let weights = (0..<count).map { index in
            raised(Float(index < rising ? index + 1 : count - index) / peak, to: Float(power))
        }
        // The first weight is the smallest, and the only one of a track's first sample: it must not
        // be 0.
        try SeparationError.require(
            weights.first.map { $0 > 0 } ?? false, "transition-power", power,
            "small enough that the weights at a segment's ends stay above zero")
        return weights
    }

    /// `torch.pow` of a float32 tensor, which computes the exponents 2 and 3 by multiplication.
    private static func raised(_ value: Float, to power: Float) -> Float {
        switch power {
        case 1: value
        case 2: value * value
        case 3: value * value * value
        default: powf(value, power)
        }
    }
}
