// Starts and lengths of segments, their padding for the network, and their weights in the sum.
// Reference: `apply_model` in demucs/apply.py.

import HTDemucs
import System

/// The segments of tracks of any length.
///
/// Segments start at every multiple of the stride below the track's length, even where the one
/// before reaches its end; those that run past the end are short.
package struct SegmentPlan: Sendable {
    /// Longest segment, in samples.
    package let segmentSamples: Int
    package let strideSamples: Int
    /// Weight of each sample of a segment, `[segmentSamples]`; a short segment takes the first ones.
    package let weights: [Float]
    /// Length to which every segment is padded before it enters the network; `nil` without padding.
    package let paddedSamples: Int?
    private let validLength: ValidLength?

    /// Plans overlapping segments with triangular weights, or (`split` off) one segment for a
    /// whole track of `trackSamples`.
    ///
    /// Weights are 1, 2, …, 2, 1 over their maximum, to the power `transitionPower`, in float32.
    /// - Throws: `SeparationError` for options out of range, a segment longer than the training
    ///   length, and a track too long to stay whole.
    package init(
        _ rules: TrackRules, options: SeparationOptions, trackSamples: Int
    ) throws(SeparationError) {
        try options.validate()
        validLength = rules.validLength
        guard options.split else {
            let shift = options.shifts > 0 ? rules.maximumShiftSamples : 0
            let length = trackSamples + shift
            if let limit = rules.paddedSamples, length > limit {
                throw .trackTooLong(
                    samples: trackSamples, maximumSamples: max(0, limit - shift),
                    sampleRateHz: rules.sampleRateHz)
            }
            segmentSamples = length
            strideSamples = length
            weights = [Float](repeating: 1, count: length)
            paddedSamples = rules.paddedSamples
            return
        }
        segmentSamples = try SegmentPlan.segmentSamples(rules, options)
        strideSamples = Int((1 - options.overlap) * Double(segmentSamples))
        try SeparationError.require(
            strideSamples >= 1, "overlap", options.overlap,
            "segments of \(segmentSamples) samples must start at least one sample apart")
        weights = try SegmentPlan.triangle(segmentSamples, power: options.transitionPower)
        let isFilledUp = options.segmentSeconds != nil && rules.isLimited
        paddedSamples = isFilledUp ? segmentSamples : rules.paddedSamples
    }

    /// Length of the network's input for a segment of `count` samples.
    package func inputSamples(forSegmentSamples count: Int) -> Int {
        validLength?(count) ?? paddedSamples ?? count
    }

    /// Limit for models that accept any length: memory grows with the segment.
    private static let longestSegmentSeconds = 3600.0

    package func segmentCount(forTrackSamples count: Int) -> Int {
        (count + strideSamples - 1) / strideSamples
    }

    private static func segmentSamples(
        _ rules: TrackRules, _ options: SeparationOptions
    ) throws(SeparationError) -> Int {
        guard let seconds = options.segmentSeconds else { return rules.segmentSamples }
        let exact = Double(rules.sampleRateHz) * seconds
        guard rules.isLimited else {
            let longest = SegmentPlan.longestSegmentSeconds
            try SeparationError.require(
                exact >= 1 && seconds <= longest, "segment", seconds,
                "at least one sample and at most \(longest) seconds")
            return Int(exact)
        }
        let longest = Double(rules.segmentSamples) / Double(rules.sampleRateHz)
        try SeparationError.require(
            exact >= 1 && seconds <= longest, "segment", seconds,
            "at least one sample and at most the \(longest) seconds that the model was trained on")
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
