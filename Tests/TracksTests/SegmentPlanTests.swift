import HTDemucs
import Networks
import TestSupport
import Testing
import Tracks

struct SegmentPlanTests {
    /// The published model: 7.8 s at 44,100 Hz.
    private func published(segmentSamples: Int = 343_980) throws -> Configuration {
        try PositionNetwork.configuration(segmentSamples: segmentSamples, rateHz: 44_100)
    }

    private func plan(
        _ options: SeparationOptions, _ configuration: Configuration? = nil,
        trackSamples: Int = 1_000_000
    ) throws -> SegmentPlan {
        try SegmentPlan(
            (configuration ?? published()).trackRules, options: options, trackSamples: trackSamples)
    }

    @Test func stridesAreTruncatedInDoublePrecision() throws {
        let fixture = try Fixture("separation/separation")
        for length in [343_980, 132_300, 200] {
            let configuration = try published(segmentSamples: length)
            let strides = try [0, 0.1, 0.25, 0.3, 0.5, 0.9, 0.99].map { overlap in
                Float(try plan(.init(overlap: overlap), configuration).strideSamples)
            }
            #expect(strides == (try fixture.floats("strides.\(length)")))
        }
        #expect(try plan(.init(overlap: 0.9)).strideSamples == 34_397)
    }

    /// Powers up to 3 are products on both sides; other powers use two libraries' `pow`, each
    /// within a unit in the last place (−138 dB).
    @Test(arguments: [(1.0, Double.infinity), (2, .infinity), (3, .infinity), (2.5, 130)])
    func weightsAreTheReferences(power: Double, leastDecibels: Double) throws {
        let weights = try plan(
            .init(transitionPower: power), PositionNetwork.configuration()
        ).weights
        let comparison = Comparison(
            actual: weights,
            expected: try Fixture("separation/separation").floats("weights.\(power)"))
        #expect(comparison.snrDecibels >= leastDecibels, "\(comparison)")
    }

    @Test func oddSegmentsHaveOnePeak() throws {
        let odd = try PositionNetwork.configuration(segmentSamples: 5)
        let weights = try plan(.init(overlap: 0), odd).weights
        let (third, twoThirds): (Float, Float) = (1 / 3, 2 / 3)
        #expect(weights == [third, twoThirds, 1, twoThirds, third])
    }

    @Test func segmentSecondsMayHaveDecimals() throws {
        let plan = try plan(.init(segmentSeconds: 3.3))
        #expect(plan.segmentSamples == 145_530)
        #expect(plan.paddedSamples == 145_530)
        #expect(try self.plan(.init()).paddedSamples == 343_980)
        #expect(try self.plan(.init(segmentSeconds: 7.8)).segmentSamples == 343_980)
    }

    @Test(arguments: [Architecture.hdemucs, .demucs])
    func otherClassesRunOnTheSegmentsThatFitIntoMemory(architecture: Architecture) throws {
        let configuration = try Configuration(.publishedSize(of: architecture))
        let plan = try plan(.init(segmentSeconds: 60), configuration)
        #expect(plan.segmentSamples == 60 * 44_100)
        let error = #expect(throws: SeparationError.self) {
            try self.plan(.init(segmentSeconds: 3600), configuration)
        }
        guard case .invalidOption("segment", "3600.0", _) = error else {
            throw UnexpectedError(error)
        }
        #expect(throws: ConfigurationError.self) {
            try configuration.inBag(ofSegmentSeconds: 3600)
        }
    }

    @Test(arguments: [
        (SeparationOptions(segmentSeconds: 7.81), "segment"),
        (SeparationOptions(segmentSeconds: 0.00001), "segment"),
        (SeparationOptions(segmentSeconds: 0), "segment"),
        (SeparationOptions(segmentSeconds: -1), "segment"),
        (SeparationOptions(segmentSeconds: .nan), "segment"),
        (SeparationOptions(segmentSeconds: .infinity), "segment"),
        (SeparationOptions(segmentSeconds: 3, split: false), "segment"),
        (SeparationOptions(overlap: 1), "overlap"),
        (SeparationOptions(overlap: -0.1), "overlap"),
        (SeparationOptions(overlap: .nan), "overlap"),
        (SeparationOptions(overlap: 0.999_999_9), "overlap"),
        (SeparationOptions(shifts: -1), "shifts"),
        (SeparationOptions(shifts: 101), "shifts"),
        (SeparationOptions(transitionPower: 0.5), "transition-power"),
        (SeparationOptions(transitionPower: .nan), "transition-power"),
        // (1 / 171,990)^10 is zero in float32, and dividing by a zero weight is impossible.
        (SeparationOptions(transitionPower: 10), "transition-power"),
    ])
    func optionsOutOfRangeAreNamed(options: SeparationOptions, name: String) throws {
        let error = try #require(throws: SeparationError.self) { try plan(options) }
        guard case .invalidOption(name, _, _) = error else { throw UnexpectedError(error) }
    }

    /// A fade takes a tenth of a chunk, and each chunk begins after the one before.
    @Test(arguments: [(3, 16), (16, 16), (17, 17), (40, 40)])
    func chunksHaveALeastLength(overlapCount: Int, least: Int) throws {
        let rules = chunkRules(overlapCount, samples: 900, rateHz: 1_024)
        func plan(_ samples: Int) throws -> SegmentPlan {
            try SegmentPlan(
                rules, options: .init(segmentSeconds: Double(samples) / 1_024), trackSamples: 5_000)
        }
        #expect(try plan(least).segmentSamples == least)
        let error = try #require(throws: SeparationError.self) { try plan(least - 1) }
        guard case .invalidOption("segment", _, "at least \(least) samples") = error else {
            throw UnexpectedError(error)
        }
    }

    @Test func aWholeTrackHasToFitIntoTheTrainingLength() throws {
        let whole = SeparationOptions(shifts: 0, split: false)
        let shifted = SeparationOptions(shifts: 1, split: false)
        _ = try plan(whole, trackSamples: 343_980)
        _ = try plan(shifted, trackSamples: 343_980 - 22_050)
        #expect(
            throws: SeparationError.trackTooLong(
                samples: 343_981, maximumSamples: 343_980, sampleRateHz: 44_100)
        ) { try plan(whole, trackSamples: 343_981) }
        #expect(
            throws: SeparationError.trackTooLong(
                samples: 321_931, maximumSamples: 321_930, sampleRateHz: 44_100)
        ) { try plan(shifted, trackSamples: 321_931) }
    }
}
