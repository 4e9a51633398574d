// Also Embedded Swift: typed throws, no key paths, no casts.
// The chunks of `TrackRules.Cutting.chunks`: their windows, and what happens at a track's ends.
// Reference: `demix` and `_getWindowingArray` in utils/model_utils.py of ZFTurbo's
// Music-Source-Separation-Training at ccc011a.

import Networks

extension SegmentPlan {
    /// Shorter chunks would have no fade.
    private static let leastChunkSamples = 16

    static func chunks(
        _ rules: TrackRules, _ options: SeparationOptions, overlapCount: Int
    ) throws(SeparationError) -> SegmentPlan {
        let samples = try segmentSamples(rules, options)
        // A chunk begins at least one sample after the one before.
        let least = max(leastChunkSamples, overlapCount)
        try SeparationError.require(
            samples >= least, "segment",
            options.segmentSeconds ?? Double(samples) / Double(rules.sampleRateHz),
            "at least \(least) samples")
        var stride = samples / overlapCount
        if let overlap = options.overlap { stride = try self.stride(samples, overlap: overlap) }
        // A tenth of a chunk at each end.
        let fade = samples / 10
        return SegmentPlan(
            segmentSamples: samples, strideSamples: stride, weights: flat(samples, fade: fade),
            paddedSamples: samples, validLength: nil,
            ends: .reflected(borderSamples: samples - stride, fadeSamples: fade))
    }

    /// 1 but for linear fades from and to 0 at both ends. PyTorch: `torch.linspace(0, 1, fade)`.
    private static func flat(_ count: Int, fade: Int) -> [Float] {
        var window = [Float](repeating: 1, count: count)
        let step = 1 / Float(max(1, fade - 1))
        for index in 0..<fade {
            // linspace counts the second half from its end.
            let value =
                index < fade / 2 ? step * Float(index) : 1 - step * Float(fade - 1 - index)
            window[index] = fade > 1 ? value : 0
            window[count - 1 - index] = fade > 1 ? value : 1
        }
        return window
    }

    /// The weights of a segment: the first one does not fade in, or else the last one not out.
    func segmentWeights(isFirst: Bool, isLast: Bool) -> [Float] {
        guard case .reflected(_, let fade) = ends, isFirst || isLast else { return weights }
        var open = weights
        for index in isFirst ? 0..<fade : open.count - fade..<open.count { open[index] = 1 }
        return open
    }

    /// Samples of the reflection at each end of a track.
    func borderSamples(forTrackSamples count: Int) -> Int {
        guard case .reflected(let border, _) = ends, count > 2 * border else { return 0 }
        return border
    }

    func start(ofSegment index: Int) -> Int { index * strideSamples }

    /// The first segment that reaches past a position of the track. Those before it change nothing
    /// from there on.
    func firstSegment(reachingPast position: Int) -> Int {
        max(0, position - segmentSamples + strideSamples) / strideSamples
    }

    /// Samples that are finished once the outputs of this many segments are added.
    func finishedSamples(afterSegments number: Int, trackSamples count: Int) -> Int {
        min(start(ofSegment: number), count)
    }

    package func segmentCount(forTrackSamples count: Int) -> Int {
        (count + strideSamples - 1) / strideSamples
    }
}
