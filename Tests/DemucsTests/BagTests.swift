import Demucs
import Foundation
import HTDemucs
import ModelZoo
import System
import Tensor
import TestSupport
import Testing

/// Bags of models: the cases that the golden bag tracks of `SeparatorTests` don't cover.
struct BagTests {
    private static let pair = ["cross_first", "positions"].map {
        Fixture.url("models/\($0).safetensors").path
    }

    private static let track = NoiseTrack.buffer(samples: 1777, amplitude: 1)

    private func bag(
        _ weights: [[Double]]?, stems: [String]? = nil, segmentSeconds: Double? = nil,
        members: [String] = BagTests.pair
    ) throws -> Separator {
        try Separator(
            OpenedModel(
                ModelFiles(
                    name: "bag", checkpoints: members, weights: weights,
                    segmentSeconds: segmentSeconds)),
            stems: stems, threads: 1)
    }

    /// Bits are equal because members that don't run still draw their offsets.
    @Test(arguments: [0, 1, 3])
    func oneStemOfAnIdentityBagIsTheSameAndRunsOneMember(shifts: Int) throws {
        let options = SeparationOptions(shifts: shifts, seed: 1234)
        let identity: [[Double]] = [[1, 0], [0, 1]]
        var segments = 0
        let whole = try bag(identity).separate(AudioInput(Self.track), options: options) {
            segments = $0.segmentsTotal
        }
        var segmentsOfStems = 0
        for stem in ["drums", "rest"] {
            var stemSegments = 0
            let separator = try bag(identity, stems: [stem])
            let one = try separator.separate(AudioInput(Self.track), options: options) {
                stemSegments = $0.segmentsTotal
            }
            #expect(separator.model.sources == [stem])
            #expect(one.stems.map(\.name) == [stem])
            #expect(one[stem] == whole[stem])
            segmentsOfStems += stemSegments
        }
        #expect(segmentsOfStems == segments)
    }

    /// Runs a separation; returns the stems, the events and the generator's final state.
    private func run(
        _ separator: Separator, shifts: Int, order: SeparationOptions.PassOrder
    ) throws -> (stems: PlanarAudio, events: [String], random: PythonRandom) {
        var random = PythonRandom(seed: 77)
        var events: [String] = []
        var stems = PlanarAudio(channelCount: 4, sampleRateHz: 1600)
        var options = SeparationOptions(shifts: shifts)
        options.passOrder = order
        options.reportsBegins = true
        let cancellation = CancellationToken()
        let pipeline = try separator.pipeline(
            separator.recording(cancellation: cancellation) { RangeReader(Self.track) }.track,
            options: options, random: &random, cancellation: cancellation)
        let report = { (progress: SeparationProgress) in
            #expect(progress.trackSamples == 1777)
            guard let segment = progress.segment else { return }
            events.append(
                "\(segment.member) \(segment.shift) \(segment.offsetSamples) \(segment.hasEnded)")
        }
        while let block = try pipeline.next(progress: report) { stems.append(block.stems) }
        return (stems, events, random)
    }

    /// In the reference's order each segment ends before the next begins: model by model, shift by
    /// shift, offset by offset.
    @Test(arguments: [0, 1, 3])
    func theOrderOfPassesChangesTheEventsAlone(shifts: Int) throws {
        let bag = try bag([[1, 0.5], [0.25, 1]])
        let sideBySide = try run(bag, shifts: shifts, order: .interleaved)
        let sequential = try run(bag, shifts: shifts, order: .sequential)
        #expect(sequential.stems == sideBySide.stems)
        #expect(sequential.events.sorted() == sideBySide.events.sorted())
        #expect(sequential.random.state == sideBySide.random.state)
        #expect(sequential.random.position == sideBySide.random.position)

        let keys = sequential.events.map { $0.split(separator: " ").compactMap { Int($0) } }
        #expect(keys.count.isMultiple(of: 2))
        for (index, event) in sequential.events.enumerated() {
            #expect(event.hasSuffix(index.isMultiple(of: 2) ? "false" : "true"))
            let earlier = index > 0 ? keys[index - 1] : [0, 0, 0]
            let isInOrder = !keys[index].lexicographicallyPrecedes(earlier)
            #expect(isInOrder, "\(earlier) came before \(keys[index])")
        }
    }

    @Test func someStemsOfOneModelAreTheSameAsOfAll() throws {
        let options = SeparationOptions(shifts: 2, seed: 5)
        let all = try NoiseTrack.model("six_sources")
        let sources = all.model.sources
        let some = try NoiseTrack.model("six_sources", stems: [sources[4], sources[1]])
        let track = PlanarAudio(
            channels: Self.track.channels, sampleRateHz: all.model.sampleRateHz)
        let whole = try all.separate(AudioInput(track), options: options)
        let part = try some.separate(AudioInput(track), options: options)
        #expect(part.stems.map(\.name) == [sources[1], sources[4]])
        #expect(part.stems == [whole.stems[1], whole.stems[4]])
    }

    @Test func aBagOfOneWithoutWeightsIsItsMember() throws {
        let options = SeparationOptions(shifts: 2, seed: 5)
        #expect(
            try bag(nil, members: [Self.pair[0]]).separate(AudioInput(Self.track), options: options)
                == NoiseTrack.model().separate(AudioInput(Self.track), options: options))
    }

    @Test func aLongerSegmentThanTheMembersIsNotTaken() throws {
        let options = SeparationOptions(shifts: 0)
        let own = try bag(nil)
        let longer = try bag(nil, segmentSeconds: 44)
        #expect(longer.model.segmentSeconds == own.model.segmentSeconds)
        #expect(
            try longer.separate(AudioInput(Self.track), options: options)
                == own.separate(AudioInput(Self.track), options: options))
        #expect(try bag(nil, segmentSeconds: 0.15).model.segmentSeconds == 0.15)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let six = Fixture.url("models/six_sources.safetensors").path
        let mono = Fixture.url("models/mono.safetensors").path
        #expect(throws: BagError.zeroWeights(name: "bag", source: "rest")) {
            _ = try bag([[1, 1], [1, -1]])
        }
        #expect(throws: BagError.weightCount(name: "bag", found: 3, sources: ["drums", "rest"])) {
            _ = try bag([[1, 1, 1], [1, 1, 1]])
        }
        #expect(throws: BagError.empty(name: "bag")) { _ = try bag(nil, members: []) }
        for other in [six, mono] {
            #expect(throws: BagError.self) { _ = try bag(nil, members: [Self.pair[0], other]) }
        }
        #expect(
            throws: SeparationError.invalidOption(
                name: "stems", value: "piano", allowed: "one of drums, rest")
        ) { _ = try bag(nil, stems: ["piano"]) }
        #expect(throws: SeparationError.self) { _ = try bag(nil, stems: []) }
        // A segment so short that it has no samples.
        #expect(throws: ConfigurationError.self) { _ = try bag(nil, segmentSeconds: 1e-9) }
    }
}
