// Where the chunks of a track begin, and how their outputs are joined.

/// Chunks of equal length that cover a track, each `hopSamples` after the one before.
///
/// As many as it takes until the track is covered, ⌈(N − L) / hop⌉ + 1: unlike the segments of a
/// separation, which begin at every multiple of the hop. The last one is filled up with zeros.
package struct ChunkPlan: Sendable, Equatable {
    package let chunkSamples: Int
    package let hopSamples: Int
    package let trackSamples: Int

    package static let overlaps = 0.0...0.99

    /// - Parameters:
    ///   - chunkSamples: at least 1.
    ///   - overlap: share of a chunk that the next one repeats.
    ///   - trackSamples: at least 1.
    /// - Throws: ``PortingError/invalidOption(name:value:allowed:)``.
    package init(
        chunkSamples: Int, overlap: Double, trackSamples: Int
    ) throws(PortingError) {
        guard Self.overlaps.contains(overlap) else {
            throw .invalidOption(
                name: "overlap", value: "\(overlap)",
                allowed: "a number from \(Self.overlaps.lowerBound) to \(Self.overlaps.upperBound)")
        }
        let hop = Int((1 - overlap) * Double(chunkSamples))
        guard hop >= 1 else {
            throw .invalidOption(
                name: "overlap", value: "\(overlap)",
                allowed: "chunks of \(chunkSamples) samples that begin a sample apart or more")
        }
        self.init(chunkSamples: chunkSamples, hopSamples: hop, trackSamples: trackSamples)
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

    /// Zeros behind the track in the last chunk.
    package var paddingSamples: Int { start(count - 1) + chunkSamples - trackSamples }

    /// The weight of each sample of a chunk: up and down in a straight line over what two neighbours
    /// share, so that two of them sum to one.
    var weights: [Float] {
        let shared = chunkSamples - hopSamples
        return (0..<chunkSamples).map { index in
            let ramp = Float(min(index, chunkSamples - 1 - index) + 1) / Float(shared + 1)
            return min(1, ramp)
        }
    }
}

/// Joins the outputs of chunks that come in order: sums of weighted samples over the sums of their
/// weights. Holds one chunk.
package struct CrossFade {
    private let plan: ChunkPlan
    private let weights: [Float]
    /// `[row][chunkSamples]`, from sample `base` of the track on.
    private var sums: [[Float]]
    private var weightSums: [Float]

    package init(_ plan: ChunkPlan, rows: Int) {
        self.plan = plan
        weights = plan.weights
        weightSums = [Float](repeating: 0, count: plan.chunkSamples)
        sums = [[Float]](repeating: weightSums, count: rows)
    }

    /// Adds chunk `index`, and returns what no later chunk changes: `[row][sample]`.
    ///
    /// - Parameter output: `[row, chunkSamples]`, row-major.
    package mutating func add(_ output: [Float], chunk index: Int) -> [[Float]] {
        let length = plan.chunkSamples
        precondition(output.count == sums.count * length)
        for row in sums.indices {
            for sample in 0..<length {
                sums[row][sample] += weights[sample] * output[row * length + sample]
            }
        }
        for sample in 0..<length { weightSums[sample] += weights[sample] }
        let isLast = index == plan.count - 1
        let finished = isLast ? plan.trackSamples - plan.start(index) : plan.hopSamples
        let block = sums.map { row in
            (0..<finished).map { row[$0] / weightSums[$0] }
        }
        if !isLast {
            for row in sums.indices { Self.moveDown(&sums[row], by: finished) }
            Self.moveDown(&weightSums, by: finished)
        }
        return block
    }

    private static func moveDown(_ values: inout [Float], by count: Int) {
        values.removeFirst(count)
        values.append(contentsOf: repeatElement(0, count: count))
    }
}
