import Synchronization
import Tensor
import TestSupport
import Testing
import Tracks

/// The work that is counted before a separation, against the segments that enter the networks.
struct SeparationWorkTests {
    /// Segments and their samples, as the networks receive them.
    private func measuredWork(
        _ bag: Bag, _ options: SeparationOptions, trackSamples: Int
    ) throws -> (segments: Int, samples: Double) {
        let work = Mutex((segments: 0, samples: 0.0))
        let network = try PositionNetwork()
        try separate(
            measured(constant(0.5, samples: trackSamples)), bag: bag, options: options,
            network: { mix in
                work.withLock {
                    $0.segments += 1
                    $0.samples += Double(mix.shape[1])
                }
                return network(mix)
            }, sink: { _ in })
        return work.withLock { $0 }
    }

    @Test(
        arguments: [1, 199, 201, 5003],
        [
            SeparationOptions(shifts: 0), SeparationOptions(shifts: 0, overlap: 0.9),
            SeparationOptions(shifts: 0, overlap: 0, segmentSeconds: 1.3),
        ])
    func theCountIsThatOfTheNetworks(trackSamples: Int, options: SeparationOptions) throws {
        let chunks = [2, 4].map { chunkRules($0, samples: 200) }
        let families = try [PositionNetwork.configuration().trackRules] + chunks
        // The third member has no part in the first stem, and does not run for it.
        for (rules, (stems, members)) in families.flatMap({ [($0, ([0, 1], 3)), ($0, ([0], 2))] }) {
            let weights = [[1.0, 1], [0.5, 1], [0, 1]]
            let bag = Bag(weights.map { Bag.Member(rules, weights: $0) }, stems: stems)
            let counted = try bag.work(options, trackSamples: trackSamples)
            let measured = try measuredWork(bag, options, trackSamples: trackSamples)
            #expect(counted.segments == measured.segments, "\(members) members")
            #expect(counted.samples == measured.samples, "\(members) members")
            let one = try Bag(rules).work(options, trackSamples: trackSamples)
            #expect(counted.segments == members * one.segments)
        }
    }

    /// The offsets of shifts are drawn later: the count is that of the longest ones.
    @Test(arguments: [1, 4, 20])
    func shiftsCountAsTheLongestOnes(shifts: Int) throws {
        let bag = try Bag(PositionNetwork.configuration().trackRules)
        let options = SeparationOptions(shifts: shifts, seed: 3, overlap: 0.5)
        let measured = try measuredWork(bag, options, trackSamples: 1000)
        let counted = try bag.work(options, trackSamples: 1000)
        #expect(counted.segments >= measured.segments)
        #expect(counted.segments == shifts * 11)
        #expect(counted.samples == Double(shifts * 11 * 200))
    }

    @Test func segmentsOfLessThanASecondCountAsASecond() throws {
        let bag = try Bag(PositionNetwork.configuration().trackRules)
        let options = SeparationOptions(shifts: 0, overlap: 0, segmentSeconds: 0.01)
        let work = try bag.work(options, trackSamples: 1000)
        #expect(work.segments == 1000)
        #expect(work.samples == 1000 * 100)
    }

    @Test func optionsThatNoMemberTakesAreRefused() throws {
        let bag = try Bag(PositionNetwork.configuration().trackRules)
        for options in [
            SeparationOptions(overlap: 0.999), SeparationOptions(segmentSeconds: 2.1),
            SeparationOptions(shifts: 0, split: false),
        ] {
            #expect(throws: SeparationError.self) { try bag.work(options, trackSamples: 201) }
        }
        #expect(bag.trainingSeconds == 2)
    }
}
