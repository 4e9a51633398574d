// Positions of the chunks of a track, and the overlap-add of their outputs.

import Audio
import Demucs

/// Chunks of equal length that cover a track, each `hopSamples` after the one before.
///
/// Their number is the least that covers the track, ⌈(N − L) / hop⌉ + 1, unlike the segments of a
/// separation, which begin at every multiple of the hop. The last chunk is padded with zeros.
package struct ChunkPlan: Sendable, Equatable {
    package let chunkSamples: Int
    package let hopSamples: Int
    package let trackSamples: Int

    package static let overlaps = 0.0...0.99
    /// Most samples of a chunk.
    package static let samplesLimit = 1 << 30
    /// Most chunks of a track. As many of 5 s are two months of sound.
    package static let countLimit = 1 << 20

    /// - Parameters:
    ///   - chunkSamples: at least 1.
    ///   - overlap: fraction of a chunk that the next chunk repeats.
    ///   - trackSamples: at least 1.
    /// - Throws: ``PortingError/invalidOption(name:value:allowed:)``.
    package init(
        chunkSamples: Int, overlap: Double, trackSamples: Int
    ) throws(PortingError) {
        guard chunkSamples <= Self.samplesLimit else {
            throw .invalidOption(
                name: "chunk", value: "\(chunkSamples) samples",
                allowed: "at most \(Self.samplesLimit) samples")
        }
        guard Self.overlaps.contains(overlap) else {
            throw .invalidOption(
                name: "overlap", value: "\(overlap)",
                allowed: "a number from \(Self.overlaps.lowerBound) to \(Self.overlaps.upperBound)")
        }
        let hop = Int((1 - overlap) * Double(chunkSamples))
        guard hop >= 1 else {
            throw .invalidOption(
                name: "overlap", value: "\(overlap)",
                allowed: "an overlap that leaves at least one sample between the starts of chunks "
                    + "of \(chunkSamples) samples")
        }
        self.init(chunkSamples: chunkSamples, hopSamples: hop, trackSamples: trackSamples)
        guard count <= Self.countLimit else {
            throw .invalidOption(
                name: "chunk", value: "\(chunkSamples) samples",
                allowed: "a length and an overlap with which at most \(Self.countLimit) chunks "
                    + "cover the track; with this one \(count) do")
        }
    }

    init(chunkSamples: Int, hopSamples: Int, trackSamples: Int) {
        precondition((1...chunkSamples).contains(hopSamples) && trackSamples >= 1)
        self.chunkSamples = chunkSamples
        self.hopSamples = hopSamples
        self.trackSamples = trackSamples
    }

    package var count: Int {
        max(0, trackSamples - chunkSamples + hopSamples - 1) / hopSamples + 1
    }

    package func start(_ index: Int) -> Int { index * hopSamples }

    /// Zeros after the track's end in the last chunk.
    package var paddingSamples: Int { start(count - 1) + chunkSamples - trackSamples }

    /// The weight of each sample of a chunk: linear ramps over the samples that two neighbours
    /// share, so that their weights sum to one.
    var weights: [Float] {
        let shared = chunkSamples - hopSamples
        return (0..<chunkSamples).map { index in
            let ramp = Float(min(index, chunkSamples - 1 - index) + 1) / Float(shared + 1)
            return min(1, ramp)
        }
    }
}

extension OverlapAdd {
    /// The overlap-add of chunks, which are added in order: sums of weighted samples divided by the
    /// sums of their weights. Keeps one chunk in memory.
    package init(_ plan: ChunkPlan, rowCount: Int) {
        self.init(
            segmentSamples: plan.chunkSamples, trackSamples: plan.trackSamples, rowCount: rowCount)
    }

    /// Adds a chunk.
    ///
    /// - Parameters:
    ///   - output: `[row, chunkSamples]`, row-major.
    ///   - index: index of the chunk.
    ///   - sampleRateHz: sample rate of the result.
    /// - Returns: a channel for each row, with the samples that no later chunk changes.
    package mutating func add(
        _ output: [Float], chunk index: Int, of plan: ChunkPlan, sampleRateHz: Int
    ) -> PlanarAudio {
        let length = plan.chunkSamples
        precondition(output.count == rowCount * length)
        let start = plan.start(index)
        let isLast = index == plan.count - 1
        let end = isLast ? plan.trackSamples : start + plan.hopSamples
        output.withUnsafeBufferPointer { output in
            guard let base = output.baseAddress else { return }
            add(
                at: start, count: min(length, plan.trackSamples - start), weights: plan.weights,
                finishing: end
            ) { row in base + row * length }
        }
        var joined = PlanarAudio(
            channelCount: rowCount, sampleRateHz: sampleRateHz, zeros: finishedSamples)
        take(finishedSamples, addingTo: &joined)
        return joined
    }
}
