// Whole tracks through tiny RoFormers, against the two programs that run these models; and the ways
// to give a track, which all give the same stems.

import Demucs
import ModelZoo
import System
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

    private func golden(_ program: String, _ name: String, _ stem: String, samples: Int) throws
        -> [Float]?
    {
        let golden = try Fixture("roformer_files/\(name).outputs")
        let key = "\(program).\(stem)" + (samples == Self.lengths[0] ? "" : ".\(samples)")
        return golden.names.contains(key) ? try golden.floats(key) : nil
    }

    @Test(arguments: models, SeparationOptions.Chunking.allCases)
    func wholeTracksAreThoseOfTheOtherPrograms(
        _ name: String, _ chunking: SeparationOptions.Chunking
    ) throws {
        let separator = try separator(name)
        for samples in Self.lengths {
            let track = try track(name, samples: samples)
            // Their own length, which audio-separator changes for tracks of less than ten seconds.
            let chunkSamples = name == "mel_target" ? 480 : 640
            let separation = try separator.separate(
                AudioInput(track),
                options: SeparationOptions(
                    segmentSeconds: (Double(chunkSamples) + 0.5) / 44_100, chunking: chunking))
            for stem in separation.stems {
                let program = chunking == .msst ? "demix" : "separator"
                guard let expected = try golden(program, name, stem.name, samples: samples) else {
                    // `demix` gives no residual.
                    #expect(chunking == .msst && stem.name == "other")
                    continue
                }
                let comparison = Comparison(
                    actual: stem.audio.channels.flatMap(\.self), expected: expected)
                // PyTorch's float32 network alone has 120 dB or less.
                #expect(
                    comparison.snrDecibels >= 100, "\(stem.name) of \(samples): \(comparison)")
            }
        }
    }

    /// audio-separator's command scales a loud track to a peak of 0.9, and takes chunks of 256 frames
    /// for a short one: here more samples than the track has.
    @Test(arguments: models)
    func loudAndShortTracksAreThoseOfAudioSeparatorsCommand(_ name: String) throws {
        var track = try track(name, samples: 2992)
        for channel in track.channels.indices {
            track.channels[channel] = track.channels[channel].map { $0 * 3 }
        }
        #expect(track.peak > 0.9)
        let separation = try separator(name).separate(
            AudioInput(track), options: SeparationOptions(chunking: .audioSeparator))
        for stem in separation.stems {
            let golden = try Fixture("roformer_files/\(name).outputs")
            let comparison = Comparison(
                actual: stem.audio.channels.flatMap(\.self),
                expected: try golden.floats("command.\(stem.name)"))
            // As above.
            #expect(comparison.snrDecibels >= 100, "\(stem.name): \(comparison)")
        }
    }

    /// Files have no peak above 0.9 either; a quiet stem keeps its gain.
    @Test func filesOfAudioSeparatorsWayHaveItsPeak() throws {
        let folder = TemporaryFolder()
        var request = SeparationRequest()
        request.chunking = .audioSeparator
        #expect(request.output().peakLimit == 0.9)
        var track = try track("target", samples: 2992)
        for channel in track.channels.indices {
            track.channels[channel] = track.channels[channel].map { $0 * 3 }
        }
        // The mixture is loud, and no network is between.
        let report = try separator("target").separate(
            AudioInput(track),
            into: [
                StemOutput(
                    name: "loud", signal: .mixture, to: .file(folder.path("loud.wav"))),
                StemOutput(
                    name: "vocals", signal: .stem("vocals"), to: .file(folder.path("vocals.wav"))),
            ], output: request.output(), options: request.separation)
        #expect(abs(report.outputs[0].peak - 0.9) < 1e-6 && report.outputs[0].gain == 1)
        let written = try AudioFile.read(folder.path("vocals.wav")).buffer.peak
        #expect(written <= 0.9)
        let scaled = min(1, 0.9 / report.outputs[1].peak)
        #expect(abs(report.outputs[1].gain - scaled) < 1e-6)
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
    func liveStreamsAndWorkersGiveTheSameBits(_ name: String) throws {
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
                    normalization: Normalization(mean: 0.5, standardDeviation: 2),
                    isInputRate: false, spoolFolder: nil, options: SeparationOptions(),
                    cancellation: CancellationToken())
                var stems = PlanarAudio(channelCount: whole.count, sampleRateHz: 44_100)
                for start in stride(from: 0, to: samples, by: blockSamples) {
                    try stream.append(track[start..<min(start + blockSamples, samples)])
                    while let block = try stream.next() { stems.append(block) }
                }
                try stream.end()
                while let block = try stream.next() { stems.append(block) }
                #expect(stems.channels == whole, "\(samples) samples, live")
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
        guard case .invalidOption(let option, _, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
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
