import DemucsEngine
import ModelZoo
import TestSupport
import Testing

/// Models of several families whose stems are averaged.
struct MixTests {
    private let folder = TemporaryFolder()
    private static let demucs = Fixture.url("models/cross_first.safetensors").path
    private static let six = Fixture.url("models/six_sources.safetensors").path
    private static let track = NoiseTrack.buffer(samples: 3001)
    private let unshifted = SeparationOptions(shifts: 0)

    private func separator(
        _ name: String, stems: [String]? = nil, jobs: Int = 1
    ) throws -> Separator {
        try Separator(
            OpenedModel(ModelStore(environment: [:]).find(name)), stems: stems, threads: jobs,
            segmentsInParallel: jobs)
    }

    private func stems(_ separator: Separator) throws -> [String: [[Float]]] {
        let separation = try separator.separate(AudioInput(Self.track), options: unshifted)
        return Dictionary(
            uniqueKeysWithValues: separation.stems.map { ($0.name, $0.audio.channels) })
    }

    private func expectMean(
        _ mean: [[Float]]?, of parts: [(weight: Float, stem: [[Float]]?)]
    ) throws {
        var expected = [Float](repeating: 0, count: 2 * Self.track.sampleCount)
        let total = parts.reduce(0) { $0 + $1.weight }
        for (weight, stem) in parts {
            for (index, value) in try #require(stem).joined().enumerated() {
                expected[index] += value * weight / total
            }
        }
        let comparison = Comparison(
            actual: try #require(mean).flatMap(\.self), expected: expected)
        #expect(comparison.snrDecibels >= 130, "\(comparison)")
    }

    @Test func sharedStemsAreTheMeanAndOthersTheirModels() throws {
        let roformer = try folder.writeRoFormer("a+b")
        let mix = try separator("\(Self.demucs)+\(roformer)")
        #expect(mix.model.name == "cross_first+a+b" && mix.model.memberCount == 2)
        #expect(mix.model.sources == ["drums", "rest", "other"])
        #expect(mix.model.warnings.isEmpty)
        let (found, first, second) = try (
            stems(mix), stems(separator(Self.demucs)), stems(separator(roformer))
        )
        try expectMean(found["drums"], of: [(1, first["drums"]), (1, second["drums"])])
        #expect(found["rest"] == first["rest"] && found["other"] == second["other"])
        #expect(try stems(separator("\(Self.demucs)+\(roformer)", jobs: 2)) == found)
        let rest = try separator("\(Self.demucs)+\(roformer)", stems: ["rest"])
        #expect(try stems(rest) == ["rest": found["rest"]])
        #expect(rest.model.parameterCount < mix.model.parameterCount)
    }

    /// The second model's stems are not in the first one's order.
    @Test func aBagInAMixCountsAsOneModel() throws {
        let roformer = try folder.writeRoFormer("z")
        try folder.write(
            "models: [cross_first, six_sources]\nweights: [[3, 1, 0, 0, 0, 0, 0], [1, 9, 1, 1, 1, 1, 1]]",
            "bag.yaml")
        let store = try ModelStore(
            repository: Fixture.url("models").path, environment: [:])
        let bag = try Separator(OpenedModel(store.find(folder.path("bag.yaml"))), threads: 1)
        #expect(
            bag.model.sources == ["drums", "rest", "bass", "other", "vocals", "guitar", "piano"])
        let mix = try OpenedModel(store.find("\(roformer)+\(folder.path("bag.yaml"))"))
        #expect(mix.sources.prefix(3) == ["drums", "other", "rest"])
        #expect(mix.warnings.count == 1 && mix.warnings[0].contains("'other'"))
        #expect(mix.stemSources.names.sources == ["drums", "other"])
        #expect(mix.stemSources.names.others == ["rest", "bass", "vocals", "guitar", "piano"])
        let (found, one, two, three) = try (
            stems(Separator(mix, threads: 1)), stems(bag), stems(separator(Self.demucs)),
            stems(separator(Self.six))
        )
        let alone = try stems(separator(roformer))
        try expectMean(one["drums"], of: [(3, two["drums"]), (1, three["drums"])])
        #expect(one["rest"] == two["rest"] && one["piano"] == three["piano"])
        try expectMean(found["drums"], of: [(1, alone["drums"]), (1, one["drums"])])
        try expectMean(found["other"], of: [(1, alone["other"]), (1, one["other"])])
        #expect(found["rest"] == one["rest"])
    }

    @Test func progressNeverGoesBackAndEndsAtOne() throws {
        let mix = try separator("\(Self.demucs)+\(folder.writeRoFormer("r"))")
        var shares: [Double] = []
        _ = try mix.separate(AudioInput(Self.track), options: SeparationOptions(seed: 1)) {
            shares.append(Double($0.segmentsDone) / Double($0.segmentsTotal))
        }
        #expect(shares == shares.sorted() && shares.first == 0 && shares.last == 1)
    }

    /// Each model hears the live track as it does alone. (Sums are limited, so a mean is no test.)
    @Test func aLiveMixHasTheStemsOfItsModels() throws {
        let roformer = try folder.writeRoFormer("r")
        func stems(_ name: String, _ names: [String]) throws -> [[Float]] {
            let stream = try SeparationStream(
                separator(name, stems: names), channelCount: 2, sampleRateHz: 1600,
                live: LiveOptions(lookaheadSeconds: 0.05, hopSeconds: 0.05, windowSeconds: 0.2),
                options: unshifted)
            try stream.append(Self.track)
            try stream.end()
            var stems = PlanarAudio(channelCount: 2 * names.count, sampleRateHz: 1600)
            while let block = try stream.next() { stems.append(block) }
            return stems.channels
        }
        let mix = try stems("\(Self.demucs)+\(roformer)", ["rest", "other"])
        #expect(try mix == stems(Self.demucs, ["rest"]) + stems(roformer, ["other"]))
        #expect(mix.allSatisfy { $0.contains { $0 != 0 } })
    }

    @Test func optionsAndFilesThatDoNotFitAllModelsAreRefused() throws {
        let roformer = try folder.writeRoFormer("r")
        let mix = try separator("\(Self.demucs)+\(roformer)")
        for (options, name) in [
            (SeparationOptions(shifts: 2), "shifts"),
            (SeparationOptions(segmentSeconds: 0.3), "segment"),
        ] {
            let error = #expect(throws: SeparationError.self) { try mix.validate(options) }
            guard case .invalidOption(name, _, _) = error else { throw UnexpectedError(error) }
        }
        let other = Fixture.url("roformer_files/target.ckpt").path
        #expect(
            throws: BagError.membersDiffer(
                name: "r+target", property: "samplerate", first: "1600", other: "44100")
        ) { try separator("\(roformer)+\(other)") }
        var files = try ModelStore(environment: [:]).find("\(roformer)+\(roformer)")
        files.submodel = "one"
        #expect(throws: SeparationError.self) { try OpenedModel(files) }
    }
}
