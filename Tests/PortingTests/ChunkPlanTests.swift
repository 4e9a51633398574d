import Audio
import Demucs
import Networks
import Porting
import Tensor
import TestSupport
import Testing

@Suite struct ChunkPlanTests {
    @Test func chunksCoverATrackAndNoneIsNeedless() throws {
        for chunk in [1, 2, 7, 100] {
            for overlap in [0, 0.1, 0.25, 0.5, 0.75, 0.9] where (1 - overlap) * Double(chunk) >= 1 {
                for samples in [1, chunk - 1, chunk, chunk + 1, 3 * chunk, 1000] where samples > 0 {
                    let plan = try ChunkPlan(
                        chunkSamples: chunk, overlap: overlap, trackSamples: samples)
                    let end = plan.start(plan.count - 1) + chunk
                    #expect(end >= samples)
                    #expect(plan.count == 1 || end - plan.hopSamples < samples)
                    #expect(plan.paddingSamples == end - samples)
                }
            }
        }
    }

    /// In the last case, the overlap leaves no sample between chunks.
    @Test(arguments: [(-0.1, 100), (1, 100), (1.5, 100), (.nan, 100), (0.95, 10)])
    func anOverlapThatCantBeIsRefused(_ overlap: Double, _ chunkSamples: Int) {
        #expect(throws: PortingError.self) {
            try ChunkPlan(chunkSamples: chunkSamples, overlap: overlap, trackSamples: 1000)
        }
    }

    @Test func chunksLongerThanAManifestMayHaveAreRefused() throws {
        let most = ChunkPlan.samplesLimit
        #expect(try ChunkPlan(chunkSamples: most, overlap: 0, trackSamples: 1).count == 1)
        let error = #expect(throws: PortingError.self) {
            try ChunkPlan(chunkSamples: most + 1, overlap: 0, trackSamples: 1)
        }
        #expect("\(try #require(error))".contains("at most \(most) samples"))
    }

    /// `tensors run` would refuse the manifest of so many.
    @Test func moreChunksThanAManifestMayHaveAreRefused() throws {
        let most = ChunkPlan.countLimit
        let plan = try ChunkPlan(chunkSamples: 2, overlap: 0.5, trackSamples: most + 1)
        #expect(plan.count == most)
        let error = #expect(throws: PortingError.self) {
            try ChunkPlan(chunkSamples: 2, overlap: 0.5, trackSamples: most + 2)
        }
        #expect("\(try #require(error))".contains("with this one \(most + 1) do"))
    }

    /// For any overlap, the weights of a sample are divided by their sum.
    @Test(arguments: [0, 0.25, 0.5, 0.8], [1, 50, 100, 101, 333, 1000])
    func chunksOfATrackJoinToTheTrack(overlap: Double, samples: Int) throws {
        let plan = try ChunkPlan(chunkSamples: 100, overlap: overlap, trackSamples: samples)
        var random = SplitMix64(seed: 7)
        let track = (0..<2).map { _ in random.floats(samples) }
        var overlapAdd = OverlapAdd(plan, rowCount: 2)
        var joined = PlanarAudio(channelCount: 2, sampleRateHz: 44_100)
        for index in 0..<plan.count {
            let chunk = track.flatMap { row in
                (plan.start(index)..<plan.start(index) + 100).map { $0 < samples ? row[$0] : 0 }
            }
            joined.append(
                overlapAdd.add(chunk, chunk: index, of: plan, sampleRateHz: 44_100))
        }
        let comparison = Comparison(
            actual: joined.channels.flatMap { $0 }, expected: track.flatMap { $0 })
        // A product, up to five sums and a division, each rounded to 2⁻²⁴.
        #expect(comparison.snrDecibels > 130, "\(comparison)")
    }

    /// Two constants fade into each other along a straight line.
    @Test func neighboursFadeLinearly() throws {
        let plan = try ChunkPlan(chunkSamples: 8, overlap: 0.5, trackSamples: 12)
        var overlapAdd = OverlapAdd(plan, rowCount: 1)
        let joined = (0..<2).flatMap { index in
            overlapAdd.add(
                [Float](repeating: Float(index), count: 8), chunk: index, of: plan,
                sampleRateHz: 44_100
            ).channels[0]
        }
        let expected: [Float] = [0, 0, 0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1]
        #expect(Comparison(actual: joined, expected: expected).maxAbsolute < 1e-6)
    }
}
