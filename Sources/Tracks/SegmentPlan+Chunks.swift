// The chunks of RoFormers: their windows, and what happens at a track's ends.
// Reference: `demix` and `_getWindowingArray` in utils/model_utils.py of ZFTurbo's
// Music-Source-Separation-Training at ccc011a; `MDXCSeparator.demix` of audio-separator 0.47.1.

import System

extension SegmentPlan {
    /// Shorter chunks would have no fade.
    private static let leastChunkSamples = 16

    static func chunks(
        _ rules: TrackRules, _ options: SeparationOptions, overlapCount: Int,
        separator: SeparatorChunks, trackSamples: Int
    ) throws(SeparationError) -> SegmentPlan {
        var samples = try segmentSamples(rules, options)
        var overlapCount = overlapCount
        if options.chunking == .audioSeparator {
            overlapCount = separator.overlapCount
            if options.segmentSeconds == nil {
                let isShort = trackSamples < SeparatorChunks.shortSeconds * rules.sampleRateHz
                samples = isShort ? separator.shortSamples : separator.samples ?? samples
            }
        }
        // A chunk begins at least one sample after the one before.
        let least = max(leastChunkSamples, overlapCount)
        try SeparationError.require(
            samples >= least, "segment",
            options.segmentSeconds ?? Double(samples) / Double(rules.sampleRateHz),
            "at least \(least) samples")
        var stride = samples / overlapCount
        if let overlap = options.overlap { stride = try self.stride(samples, overlap: overlap) }
        switch options.chunking {
        case .msst:
            // A tenth of a chunk at each end.
            let fade = samples / 10
            return SegmentPlan(
                segmentSamples: samples, strideSamples: stride, weights: flat(samples, fade: fade),
                paddedSamples: samples,
                ends: .reflected(borderSamples: samples - stride, fadeSamples: fade))
        case .audioSeparator:
            return SegmentPlan(
                segmentSamples: samples, strideSamples: stride, weights: hamming(samples),
                paddedSamples: nil, ends: .moved)
        }
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

    /// `scipy.signal.windows.hamming`, symmetric.
    private static func hamming(_ count: Int) -> [Float] {
        let step = 2 * Double.pi / Double(count - 1)
        return (0..<count).map { index in
            let wave: Double = cos(step * Double(index))
            return Float(0.54 - 0.46 * wave)
        }
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

    /// How far before a segment of a live track samples may still be needed, once its end is known.
    func reachSamples(ofSegmentPaddedTo padded: Int) -> Int {
        switch ends {
        case .context: padded / 2
        case .reflected(let border, _): border + 1
        case .moved: strideSamples
        }
    }

    /// Where a segment begins.
    ///
    /// - Parameter count: samples of the track; nil for a live track that has not ended.
    func start(ofSegment index: Int, trackSamples count: Int?) -> Int {
        guard case .moved = ends, let count else { return index * strideSamples }
        return min(index * strideSamples, max(0, count - segmentSamples))
    }

    /// The first segment that reaches past a position of the track. Those before it change nothing
    /// from there on.
    func firstSegment(reachingPast position: Int, trackSamples count: Int) -> Int {
        (0..<segmentCount(forTrackSamples: count)).first {
            start(ofSegment: $0, trackSamples: count) + segmentSamples > position
        } ?? segmentCount(forTrackSamples: count)
    }

    /// Samples that are finished once the outputs of this many segments are added.
    func finishedSamples(afterSegments number: Int, trackSamples count: Int?) -> Int {
        guard let count else { return number * strideSamples }
        return number < segmentCount(forTrackSamples: count)
            ? start(ofSegment: number, trackSamples: count) : count
    }

    package func segmentCount(forTrackSamples count: Int) -> Int {
        if case .moved = ends {
            return 1 + (max(0, count - segmentSamples) + strideSamples - 1) / strideSamples
        }
        return (count + strideSamples - 1) / strideSamples
    }
}
