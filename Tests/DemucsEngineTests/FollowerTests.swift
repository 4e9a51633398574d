// Models that separate stems of other models further.

import DemucsEngine
import ModelZoo
import TestSupport
import Testing
import Tracks

@Suite struct FollowerTests {
    private static func roformer(_ name: String) -> ModelFiles {
        ModelFiles(checkpoint: Fixture.url("roformer_files/\(name).ckpt").path)
    }

    private static let demucs = ModelFiles(
        checkpoint: Fixture.url("models/cross_first.safetensors").path)

    private static func followed(_ files: ModelFiles, _ steps: [(String, ModelFiles)]) -> ModelFiles
    {
        var files = files
        files.followers = steps.map { ModelFiles.Follower(stem: $0.0, files: $0.1) }
        return files
    }

    private func separate(
        _ files: ModelFiles, _ track: PlanarAudio, stems: [String]? = nil,
        _ options: SeparationOptions, threads: Int = 1
    ) throws -> [String: PlanarAudio] {
        let separator = try Separator(OpenedModel(files), stems: stems, threads: threads)
        let separation = try separator.separate(AudioInput(track), options: options)
        #expect(separation.stems.map(\.name) == separator.model.sources)
        return Dictionary(uniqueKeysWithValues: separation.stems.map { ($0.name, $0.audio) })
    }

    /// Each part is what the second model makes of the stem as a track, bit for bit: with demucs' own
    /// normalisation, and with chunks that MSST reflects.
    @Test func partsAreThoseOfTheStemAlone() throws {
        let options = SeparationOptions(shifts: 0)
        for (first, stem, second, rate) in [
            (Self.demucs, "drums", Self.demucs, 1600),
            (Self.roformer("two_stems"), "stem2", Self.roformer("target"), 44_100),
        ] {
            let track = NoiseTrack.buffer(samples: 3001, rateHz: rate)
            let alone = try separate(first, track, options)
            let parts = try separate(second, try #require(alone[stem]), options)
            let files = Self.followed(first, [(stem, second)])
            let all = try separate(files, track, options, threads: 2)
            var expected = alone
            for (name, audio) in parts { expected["\(stem)_\(name)"] = audio }
            #expect(all == expected)
            // One part alone needs the first model's stem, and doesn't give it.
            let name = try #require(parts.keys.sorted().first)
            let one = try separate(files, track, stems: ["\(stem)_\(name)"], options)
            #expect(one == ["\(stem)_\(name)": parts[name]])
        }
    }

    @Test func severalStemsAreSeparatedFurther() throws {
        let track = NoiseTrack.buffer(samples: 2000)
        let files = Self.followed(Self.demucs, [("rest", Self.demucs), ("drums", Self.demucs)])
        let seeded = SeparationOptions(shifts: 1, seed: 3)
        let separator = try Separator(OpenedModel(files), threads: 1)
        #expect(
            separator.model.sources == [
                "drums", "rest", "rest_drums", "rest_rest", "drums_drums", "drums_rest",
            ])
        var shares: [Double] = []
        let separation = try separator.separate(AudioInput(track), options: seeded) {
            #expect($0.segmentsDone <= $0.segmentsTotal)
            shares.append(Double($0.segmentsDone))
        }
        #expect(shares == shares.sorted() && shares.last ?? 0 > 0)
        let again = try separator.separate(AudioInput(track), options: seeded)
        #expect(again == separation)
    }

    /// A track in blocks waits for its end anyway; a live one can't wait.
    @Test func streamsTakeFollowersUnlessTheyAreLive() throws {
        let track = NoiseTrack.buffer(samples: 1500)
        let options = SeparationOptions(shifts: 0)
        let separator = try Separator(
            OpenedModel(Self.followed(Self.demucs, [("drums", Self.demucs)])), threads: 1)
        let whole = try separator.separate(AudioInput(track), options: options)
        func stream(_ live: LiveOptions?) throws -> SeparationStream {
            try SeparationStream(
                separator, channelCount: 2, sampleRateHz: 1600, live: live, options: options)
        }
        let stems = try stream(nil).stems(of: track)
        #expect(stems.channels == whole.stems.flatMap(\.audio.channels))
        #expect(throws: SeparationError.self) { try stream(.balanced) }
    }

    /// As a running library does: the loaded weights are shared.
    @Test func aLoadedModelTakesFollowers() throws {
        let files = Self.followed(Self.demucs, [("drums", Self.demucs)])
        let opened = try OpenedModel(files)
        let track = try AudioInput(NoiseTrack.buffer(samples: 1500))
        let options = SeparationOptions(shifts: 0)
        let loaded = try NoiseTrack.model()
        let later = try Separator(loaded, followedBy: opened)
        let both = try Separator(opened, threads: 1)
        #expect(
            try later.separate(track, options: options)
                == both.separate(track, options: options))
        #expect(throws: SeparationError.self) {
            try Separator(NoiseTrack.model(stems: ["rest"]), followedBy: opened)
        }
    }

    static let refused: [(stem: String, second: ModelFiles, problem: String)] = [
        ("harp", demucs, "a stem among drums, rest"),
        ("drums", roformer("target"), "a model of 1600 Hz and 2 channels"),
    ]

    @Test(arguments: refused)
    func modelsThatDoNotFitAreRefused(stem: String, second: ModelFiles, problem: String) throws {
        let error = #expect(throws: SeparationError.self) {
            try OpenedModel(Self.followed(Self.demucs, [(stem, second)]))
        }
        guard case .invalidOption("then", _, let allowed) = error else {
            throw UnexpectedError(error)
        }
        #expect(allowed.contains(problem))
    }

    @Test func theWorkOfAJobCountsBothModels() throws {
        let sources = try OpenedModel(Self.followed(Self.demucs, [("drums", Self.demucs)]))
            .stemSources
        let options = SeparationOptions(shifts: 0)
        let one = try sources.work(for: ["rest"], options, trackSamples: 5000)
        let both = try sources.work(for: ["drums_rest"], options, trackSamples: 5000)
        #expect(both.segments == 2 * one.segments && both.samples == 2 * one.samples)
    }
}
