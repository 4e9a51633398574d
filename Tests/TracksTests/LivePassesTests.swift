import Networks
import Signal
import System
import Tensor
import TestSupport
import Testing
import Tracks

/// Windows, weights and missing passes, with a network that returns its input.
struct LivePassesTests {
    private let backend: Backend
    private let bag: Bag
    /// 100 samples a second: hops of 50 samples with fades of 10, a look-ahead of 30.
    private let plan: LivePlan

    init() throws {
        backend = try Backend(threads: 1)
        bag = try Bag(PositionNetwork.configuration().trackRules)
        plan = try LivePlan(
            LiveOptions(lookaheadSeconds: 0.3, hopSeconds: 0.5, windowSeconds: 1.5), for: bag)
    }

    /// Two stems like the mix; half of it for the second member.
    private func copies(_ pass: LivePass) -> [Tensor] {
        pass.mixes.map { copy($0.member, $0.mix) }
    }

    private func copy(_ member: Int, _ mix: Tensor) -> Tensor {
        let output = backend.tensor([2, mix.shape[0], mix.shape[1]])
        for source in 0..<2 {
            for index in 0..<mix.count {
                output.pointer[source * mix.count + index] = mix.pointer[index] / Float(member + 1)
            }
        }
        return output
    }

    /// The stems, the missing shares and the peaks of a track that arrives in blocks; the passes of
    /// `late` are given up.
    private func separated(
        _ track: PlanarAudio, blockSamples: Int, late: Set<Int> = [], by plan: LivePlan? = nil,
        bag: Bag? = nil
    ) throws -> (
        stems: PlanarAudio, mixture: PlanarAudio, missing: [Float], peaks: [Float], missed: Int
    ) {
        let plan = plan ?? self.plan
        var passes = LivePasses(bag ?? self.bag, plan)
        var mixer = LiveMixer(channelCount: 2, sampleRateHz: 100)
        var result = (
            stems: PlanarAudio(channelCount: 4, sampleRateHz: 100),
            mixture: PlanarAudio(channelCount: 2, sampleRateHz: 100), missing: [Float](),
            peaks: [Float](), missed: 0
        )
        func drain() throws {
            while passes.hasReadyPass {
                if late.contains(passes.settledPasses) {
                    passes.giveUpPass()
                } else {
                    let pass = passes.beginPass(on: backend)
                    passes.add(pass, copies(pass))
                }
            }
            let block = passes.take(passes.finishedSamples)
            result.stems.append(block.samples.stems)
            result.mixture.append(block.samples.mixture)
            result.missing += block.missing
            result.peaks += block.peaks
            // Two stems share what is missing.
            for (index, row) in block.filledStems.channels.enumerated() {
                let track = block.samples.mixture.channels[index % 2]
                for (sample, missing) in block.missing.enumerated() {
                    let stem = block.samples.stems.channels[index][sample]
                    #expect(row[sample] == stem + missing * 0.5 * track[sample])
                }
            }
            let stems = block.samples.stems.channels
            for (channel, row) in mixer.mix(block, gains: [0.5, 0.25]).channels.enumerated() {
                for (sample, missing) in block.missing.enumerated() {
                    let track = missing * block.samples.mixture.channels[channel][sample]
                    let (one, two) = (stems[channel][sample], stems[2 + channel][sample])
                    #expect(row[sample] == track + 0.5 * one + 0.25 * two)
                }
            }
        }
        for start in stride(from: 0, to: track.sampleCount, by: blockSamples) {
            passes.append(track[start..<min(start + blockSamples, track.sampleCount)])
            try drain()
            // The longest window, what isn't taken yet (a pass and its look-ahead, and a fade), and a block.
            let waiting = plan.hopSamples + 2 * plan.fadeSamples + plan.lookaheadSamples
            #expect(try heldSamples(passes) <= 150 + waiting + blockSamples)
        }
        passes.endTrack()
        try drain()
        #expect(passes.hasEnded)
        result.missed = passes.missedPasses
        return result
    }

    @Test(arguments: [1, 7, 64, 441, 4096])
    func aNetworkThatReturnsItsInputGivesTheTrack(blockSamples: Int) throws {
        let track = NoiseTrack.buffer(samples: 1_234, rateHz: 100)
        let found = try separated(track, blockSamples: blockSamples)
        #expect(found.mixture == track)
        #expect(found.missing.allSatisfy { $0 == 0 } && found.missed == 0)
        for (stem, channel) in [(0, 0), (1, 1), (2, 0), (3, 1)] {
            #expect(
                Comparison(
                    actual: found.stems.channels[stem], expected: track.channels[channel]
                ).snrDecibels > 120)
        }
    }

    /// Fades of 5, 6, 7 and 9 samples, whose weights add up to 1 but for their rounding.
    @Test(arguments: [0.25, 0.3, 0.35, 0.45])
    func nothingIsMissingWithFadesOfAnyLength(hop: Double) throws {
        let track = NoiseTrack.buffer(samples: 400, rateHz: 100)
        let plan = try LivePlan(
            LiveOptions(lookaheadSeconds: 0.3, hopSeconds: hop, windowSeconds: 1.5), for: bag)
        #expect(
            try separated(track, blockSamples: 50, by: plan).missing.allSatisfy { $0 == 0 })
    }

    /// A network that makes everything too loud gives 6 dB above the loudest sample that a pass knows, however the
    /// blocks are taken.
    @Test(arguments: [1, 7, 50])
    func stemsAreLimitedByTheTrackSoFar(blockSamples: Int) throws {
        let levels: [Float] = [0.1, 0.2, 0.2, 0.4, 0.1, 0.8]
        let row = levels.flatMap { [Float](repeating: $0, count: 50) }
        var passes = LivePasses(bag, plan)
        var taken: [Float] = []
        for start in 0..<row.count {
            passes.append(
                PlanarAudio(channels: [[row[start]], [row[start]]], sampleRateHz: 100))
            while passes.hasReadyPass {
                let pass = passes.beginPass(on: backend)
                let outputs = copies(pass)
                for output in outputs {
                    for index in 0..<output.count {
                        output.pointer[index] = index / output.shape[2] % 2 == 0 ? 1e6 : -1e6
                    }
                }
                passes.add(pass, outputs)
            }
            while passes.finishedSamples >= blockSamples {
                let block = passes.take(blockSamples)
                for (index, row) in block.samples.stems.channels.enumerated() {
                    #expect(row == block.peaks.map { index % 2 == 0 ? 2 * $0 : -2 * $0 })
                }
                taken += block.peaks
            }
        }
        // The pass that begins at sample `50 n` knows the track up to `50 n + 90`; its first 10 samples are the
        // fade out of the one before.
        let expected = taken.indices.map { row[..<(max(0, $0 - 10) / 50 * 50 + 90)].max() }
        #expect(taken.count > 150 && taken == expected)
    }

    @Test(arguments: [(389, 6), (390, 7)])
    func theProgressCountsTheNetworksOfATrackWithoutAnEnd(samples: Int, count: Int) throws {
        var passes = LivePasses(bag, plan)
        passes.append(NoiseTrack.buffer(samples: samples, rateHz: 100))
        var reports: [SeparationProgress] = []
        while try passes.next(
            atMost: 400, by: { copy($0, $1) }, on: backend, cancellation: CancellationToken(),
            progress: { reports.append($0) }) != nil
        {}
        // A pass each half second, up to the last one whose look-ahead is there.
        #expect(reports.map(\.segmentsDone) == (0..<count).flatMap { [$0, $0 + 1] })
        #expect(reports.map(\.isBegin) == (0..<2 * count).map { $0 % 2 == 0 })
        #expect(
            reports.filter(\.isBegin).map(\.segment?.offsetSamples)
                == (0..<count).map { 50 * $0 })
        #expect(reports.allSatisfy { $0.segmentsTotal == 0 && $0.audioSecondsTotal == 0 })
    }

    @Test func nothingBeginsAfterACancellation() throws {
        var passes = LivePasses(bag, plan)
        passes.append(NoiseTrack.buffer(samples: 400, rateHz: 100))
        let cancellation = CancellationToken()
        var reports: [Bool] = []
        #expect(throws: CancellationError.self) {
            while try passes.next(
                atMost: 400, by: { copy($0, $1) }, on: backend, cancellation: cancellation,
                progress: {
                    reports.append($0.isBegin)
                    if reports.count == 4 { cancellation.cancel() }
                }) != nil
            {}
        }
        #expect(reports == [true, false, true, false])
    }

    /// The pass before a missing one fades out, and the one after it fades in.
    @Test func theTrackFillsWhatALatePassLeaves() throws {
        let track = NoiseTrack.buffer(samples: 400, rateHz: 100)
        let found = try separated(track, blockSamples: 10, late: [2, 3, 5])
        #expect(found.missed == 3)
        #expect(found.missing[..<100].allSatisfy { $0 == 0 })
        for (index, sample) in (100..<110).enumerated() {
            #expect(abs(found.missing[sample] - Float(index + 1) / 11) < 1e-5)
            #expect(abs(found.missing[sample + 100] - Float(10 - index) / 11) < 1e-5)
        }
        #expect(found.missing[110..<200].allSatisfy { $0 == 1 })
        #expect(found.missing[210..<250].allSatisfy { $0 == 0 })
        #expect(found.missing[260..<300].allSatisfy { $0 == 1 })
        let filled = found.missing.indices.map {
            found.stems.channels[0][$0] + found.missing[$0] * track.channels[0][$0]
        }
        #expect(Comparison(actual: filled, expected: track.channels[0]).snrDecibels > 120)
    }

    /// A pass that is given up has measured its samples.
    @Test(arguments: [[3], [2, 5, 6], Array(0..<8)])
    func noPeakIsBelowItsSample(late: [Int]) throws {
        let row = (1...400).map { Float($0) }
        let track = PlanarAudio(channels: [row, row], sampleRateHz: 100)
        let peaks = try separated(track, blockSamples: 10, late: Set(late)).peaks
        #expect(peaks.count == 400 && zip(peaks, row).allSatisfy(>=))
    }

    /// Each window ends with the look-ahead of its block, and is normalised by what arrived before.
    @Test func windowsAreNormalisedByWhatHasArrived() throws {
        let track = NoiseTrack.buffer(samples: 400, rateHz: 100)
        var passes = LivePasses(bag, plan)
        passes.append(track)
        for number in 0..<3 {
            let mix = passes.beginPass(on: backend).mixes[0].mix
            let end = 50 * number + 50 + 10 + 30
            var statistics = TrackStatistics()
            statistics.add(track[0..<end])
            // Divided by the number of samples, not by one less.
            let share = (Float(end - 1) / Float(end)).squareRoot()
            let (mean, scale) = (statistics.mean, statistics.standardDeviation * share + 1e-8)
            #expect(mix.shape == [2, 150])
            for sample in 0..<150 {
                let position = end - 150 + sample
                let expected =
                    position < 0 ? 0 : (track.channels[1][position] - mean) / scale
                #expect(abs(mix.pointer[150 + sample] - expected) < 1e-5)
            }
        }
    }

    @Test func theDelayIsTheLookaheadTheFadeAndTwoHops() throws {
        #expect(plan.delaySamples == 30 + 10 + 2 * 50)
        let presets: [LiveOptions] = [.fast, .balanced, .best]
        #expect(try presets.map { try LivePlan($0, for: bag).delaySamples } == [11, 22, 160])
    }

    @Test func aStemIsTheMeanOfItsNetworks() throws {
        let track = NoiseTrack.buffer(samples: 400, rateHz: 100)
        let rules = chunkRules(2, samples: 150)
        let bag = Bag([[1, 3], [2, 1]].map { Bag.Member(rules, weights: $0) })
        let plan = try LivePlan(.init(lookaheadSeconds: 0.3, hopSeconds: 0.5), for: bag)
        let stems = try separated(track, blockSamples: 50, by: plan, bag: bag).stems.channels
        for (row, share) in ([2 / 3, 2 / 3, 0.875, 0.875] as [Float]).enumerated() {
            let expected = track.channels[row % 2].map { $0 * share }
            #expect(Comparison(actual: stems[row], expected: expected).snrDecibels > 120)
        }
    }

    @Test(
        arguments: [
            (-0.01, 0.5, nil), (0, 0, nil), (0, 0.049, nil), (1.5, 0.5, nil), (0.5, 0.5, 1.09),
            (0.5, 0.5, 2.01), (0, 2.01, nil), (1.41, 0.5, nil), (.nan, 0.5, nil),
            (0, .infinity, nil), (0, -.infinity, nil), (0, -1e30, nil),
        ] as [(Double, Double, Double?)])
    func lengthsThatDoNotFitAreRefused(lookahead: Double, hop: Double, window: Double?) {
        #expect(throws: SeparationError.self) {
            try LivePlan(
                LiveOptions(
                    lookaheadSeconds: lookahead, hopSeconds: hop, windowSeconds: window),
                for: bag)
        }
    }

    /// A fade of one sample; a window that just holds the look-ahead, the hop and the fade of 0.1 s, or all
    /// that the network takes.
    @Test(
        arguments: [
            (0, 0.05, nil), (0, 1.9, nil), (1.4, 0.5, nil), (0.5, 0.5, 1.1), (0.5, 0.5, 2),
        ] as [(Double, Double, Double?)])
    func lengthsAtTheirLimitsAreTaken(lookahead: Double, hop: Double, window: Double?) throws {
        _ = try LivePlan(
            LiveOptions(lookaheadSeconds: lookahead, hopSeconds: hop, windowSeconds: window),
            for: bag)
    }

    @Test func gainsMoveWithoutAStep() {
        let ones = [[Float]](repeating: [Float](repeating: 1, count: 100), count: 2)
        let audio = PlanarAudio(channels: ones, sampleRateHz: 1_000)
        let block = LiveBlock(
            samples: StemBlock(stems: audio, mixture: audio),
            missing: [Float](repeating: 0, count: 100),
            peaks: [Float](repeating: 1, count: 100))
        var mixer = LiveMixer(channelCount: 1, sampleRateHz: 1_000)
        #expect(mixer.mix(block, gains: [1, 0]).channels[0].allSatisfy { $0 == 1 })
        let faded = mixer.mix(block, gains: [0, 0]).channels[0]
        for (index, sample) in faded.enumerated() {
            #expect(abs(sample - max(0, 1 - Float(index + 1) / 20)) < 1e-5)
        }
        // No louder than the track, unless a gain asks for it.
        #expect(mixer.mix(block, gains: [1, 1]).peak == 1)
        #expect(mixer.mix(block, gains: [2, 1]).peak == 2)
    }
}
