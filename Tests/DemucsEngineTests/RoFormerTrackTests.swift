// Whole tracks through tiny RoFormers, against the program that trains these models; and the ways to give
// a track, which all give the same stems.

import DemucsEngine
import ModelZoo
import TestSupport
import Testing

@Suite struct RoFormerTrackTests {
    static let models = ["target", "two_stems", "mel_target"]
    /// Samples of the whole track, and of tracks that are shorter than a chunk.
    static let lengths = [3001, 448, 208]

    private func separator(_ name: String, threads: Int = 2, jobs: Int = 1) throws -> Separator {
        let path = Fixture.url("roformer_files/\(name).ckpt").path
        return try Separator(
            OpenedModel(ModelFiles(checkpoint: path)), threads: threads, segmentsInParallel: jobs)
    }

    private func track(_ name: String, samples: Int) throws -> PlanarAudio {
        let golden = try Fixture("roformer_files/\(name).outputs")
        let values = try golden.floats("mix")
        let length = try golden.shape("mix")[1]
        let channels = stride(from: 0, to: values.count, by: length).map {
            Array(values[$0..<$0 + samples])
        }
        return PlanarAudio(channels: channels, sampleRateHz: 44_100)
    }

    @Test(arguments: models)
    func wholeTracksAreThoseOfTheOtherProgram(_ name: String) throws {
        let separator = try separator(name)
        let golden = try Fixture("roformer_files/\(name).outputs")
        for samples in Self.lengths {
            let separation = try separator.separate(AudioInput(track(name, samples: samples)))
            for stem in separation.stems {
                let key = "demix.\(stem.name)" + (samples == Self.lengths[0] ? "" : ".\(samples)")
                guard golden.names.contains(key) else {
                    // `demix` gives no residual.
                    #expect(stem.name == "other")
                    continue
                }
                let comparison = Comparison(
                    actual: stem.audio.channels.flatMap(\.self), expected: try golden.floats(key))
                // PyTorch's float32 network alone has 120 dB or less.
                #expect(
                    comparison.snrDecibels >= 100, "\(stem.name) of \(samples): \(comparison)")
            }
        }
    }

    /// The residual is the track minus the stem, up to the rounding of the window's sums.
    @Test func theResidualAddsUpToTheTrack() throws {
        let track = try track("target", samples: 3001)
        let stems = try separator("target").separate(AudioInput(track)).stems
        #expect(stems.map(\.name) == ["vocals", "other"])
        for (channel, samples) in track.channels.enumerated() {
            let sum = zip(stems[0].audio.channels[channel], stems[1].audio.channels[channel])
                .map { $0 + $1 }
            #expect(Comparison(actual: sum, expected: samples).snrDecibels >= 120)
        }
    }

    @Test(arguments: ["target", "mel_target"])
    func streamsAndWorkersGiveTheSameBits(_ name: String) throws {
        for samples in Self.lengths + [1280, 640, 641, 1] {
            let track = try track(name, samples: samples)
            let separator = try separator(name)
            let whole = try separator.separate(AudioInput(track)).stems.flatMap(\.audio.channels)
            let parallel = try self.separator(name, threads: 3, jobs: 2)
                .separate(AudioInput(track)).stems.flatMap(\.audio.channels)
            #expect(parallel == whole, "\(samples) samples, two jobs")
            for blockSamples in [97, 5000] {
                let stream = try SeparationStream(
                    separator, channelCount: track.channelCount, sampleRateHz: 44_100,
                    options: SeparationOptions())
                let stems = try stream.stems(of: track, blockSamples: blockSamples)
                #expect(stems.channels == whole, "\(samples) samples, a stream")
            }
        }
    }

    @Test func overlapAndSegmentReplaceThoseOfTheFile() throws {
        let track = try track("target", samples: 3001)
        let separator = try separator("target")
        func stems(_ options: SeparationOptions) throws -> [[Float]] {
            try separator.separate(AudioInput(track), options: options)
                .stems.flatMap(\.audio.channels)
        }
        let own = try stems(SeparationOptions())
        #expect(try stems(SeparationOptions(overlap: 0.5)) == own)
        #expect(try stems(SeparationOptions(segmentSeconds: 640.5 / 44_100)) == own)
        #expect(try stems(SeparationOptions(overlap: 0.75)) != own)
        #expect(try stems(SeparationOptions(shifts: 0)) == own)
        let whole = try stems(SeparationOptions(split: false))
        #expect(whole != own && whole.allSatisfy { $0.count == 3001 })
    }

    static let refused: [(options: SeparationOptions, name: String)] = [
        (SeparationOptions(shifts: 2), "shifts"),
        (SeparationOptions(transitionPower: 2), "transition-power"),
        (SeparationOptions(segmentSeconds: 10 / 44_100), "segment"),
    ]

    @Test(arguments: refused)
    func optionsOfDemucsAreRefused(options: SeparationOptions, name: String) throws {
        let error = #expect(throws: SeparationError.self) {
            try separator("target").validate(options)
        }
        guard case .invalidOption(let option, _, _) = error else { throw UnexpectedError(error) }
        #expect(option == name)
    }

    /// Eight bits in matrices of 8 inputs give about 35 dB; a wrong scale gives less than 15 dB.
    @Test(arguments: [Precision.bfloat16, .int8])
    func tracksInRoundedPrecisionsAreNearFloat32(_ precision: Precision) throws {
        let path = Fixture.url("roformer_files/target.ckpt").path
        let track = try track("target", samples: 3001)
        func stems(_ precision: Precision) throws -> [Float] {
            let separator = try Separator(
                OpenedModel(ModelFiles(checkpoint: path)), threads: 1, precision: precision)
            return try separator.separate(AudioInput(track), options: SeparationOptions())
                .stems.flatMap(\.audio.channels).flatMap { $0 }
        }
        let comparison = Comparison(actual: try stems(precision), expected: try stems(.float32))
        #expect(comparison.snrDecibels >= 28, "\(comparison)")
    }

    @Test func aConfigurationsErrorNamesItsFile() throws {
        let folder = TemporaryFolder()
        let path = Fixture.url("roformer_files/target.ckpt").path
        let yaml = try folder.write("model:\n  dim: 8\n", "wrong.yaml")
        var files = ModelFiles(checkpoint: path)
        files.configuration = try ConfigurationFile.read(yaml)
        #expect(
            throws: ConfigurationError.file(
                path: yaml,
                .invalid(
                    key: "model.stft_hop_length", found: "its default",
                    allowed: "it has to be at most 16, stft_n_fft / 4"))
        ) { try OpenedModel(files) }
    }
}
