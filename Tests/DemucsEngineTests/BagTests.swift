import DemucsEngine
import Foundation
import ModelZoo
import Networks
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

    @Test(arguments: [0, 1, 3])
    func eachSegmentBeginsOnceThenEndsOnce(shifts: Int) throws {
        let bag = try bag([[1, 0.5], [0.25, 1]])
        var (begun, ended): ([String], [String]) = ([], [])
        _ = try bag.separate(AudioInput(Self.track), options: SeparationOptions(shifts: shifts)) {
            #expect($0.trackSamples == 1777)
            guard let segment = $0.segment else { return }
            let place = "\(segment.member) \(segment.shift) \(segment.offsetSamples)"
            if segment.hasEnded {
                #expect(begun.contains(place))
                ended.append(place)
            } else {
                begun.append(place)
            }
        }
        #expect(begun.sorted() == ended.sorted() && Set(begun).count == begun.count)
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
        let mono = Fixture.url("models/mono.safetensors").path
        #expect(throws: BagError.zeroWeights(name: "bag", source: "rest")) {
            _ = try bag([[1, 1], [1, -1]])
        }
        #expect(throws: BagError.weightCount(name: "bag", found: 3, sources: ["drums", "rest"])) {
            _ = try bag([[1, 1, 1], [1, 1, 1]])
        }
        #expect(throws: BagError.empty(name: "bag")) { _ = try bag(nil, members: []) }
        #expect(throws: BagError.self) { _ = try bag(nil, members: [Self.pair[0], mono]) }
        #expect(
            throws: SeparationError.invalidOption(
                name: "stems", value: "piano", allowed: "one of drums, rest")
        ) { _ = try bag(nil, stems: ["piano"]) }
        #expect(throws: SeparationError.self) { _ = try bag(nil, stems: []) }
        // A segment so short that it has no samples.
        #expect(throws: ConfigurationError.self) { _ = try bag(nil, segmentSeconds: 1e-9) }
    }
}
