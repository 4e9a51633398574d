import Audio
import Demucs
import Foundation
import ModelZoo
import System
import TestSupport
import Testing

extension NoiseTrack {
    /// A small model for the track.
    static func model(
        _ name: String = "cross_first", threads: Int = 1, segmentsInParallel: Int = 1
    ) throws -> Separator {
        let files = ModelFiles(checkpoint: Fixture.url("models/\(name).safetensors").path)
        return try Separator(
            OpenedModel(files), threads: threads, segmentsInParallel: segmentsInParallel)
    }

    /// Both stems of the model.
    static func outputs(_ path: (_ stem: String) -> String) -> [StemOutput] {
        ["drums", "rest"].map {
            StemOutput(name: $0, signal: .stem($0), to: .file(path($0)))
        }
    }
}

struct FileSeparationTests {
    let folder = TemporaryFolder()
    let separator: Separator

    init() throws {
        separator = try NoiseTrack.model()
    }

    /// Writes a track as float32, which stores samples up to ±1 exactly.
    private func write(
        _ buffer: PlanarAudio, format: OutputFormat = .wav(.float32)
    ) throws -> AudioInput {
        let path = folder.path("track.\(format.fileExtension)")
        try AudioFile.write(buffer, to: path, format: format, clip: .none)
        return try AudioInput(path: path)
    }

    private func outputs(_ signals: [(String, StemSignal)]) -> [StemOutput] {
        signals.map { name, signal in
            StemOutput(name: name, signal: signal, to: .file(folder.path("\(name).out")))
        }
    }

    private var bothStems: [StemOutput] { NoiseTrack.outputs { folder.path("\($0).out") } }

    private func float32(_ clipMode: ClipMode = .none) -> OutputOptions {
        OutputOptions(format: .wav(.float32), clipMode: clipMode)
    }

    private func channels(_ name: String) throws -> [[Float]] {
        try AudioFile.read(folder.path("\(name).out")).buffer.channels
    }

    /// Limits samples to full scale, as float32 files do in the reference too.
    private func limited(_ channels: [[Float]]?) -> [[Float]]? {
        channels?.map { $0.map { min(max($0, -1), 1) } }
    }

    // MARK: - The same bits as in memory

    @Test(
        arguments: [
            OutputFormat.wav(.int16), OutputFormat(container: .flac, sampleFormat: .int24),
            OutputFormat(container: .mp3(MP3Settings(bitRateKilobitsPerSecond: 128))),
        ], [(44_100, 1), (44_100, 2), (48_000, 1), (48_000, 2)])
    func streamingEqualsSeparatingInMemory(
        format: OutputFormat, recording: (rateHz: Int, channels: Int)
    ) throws {
        let (rateHz, channelCount) = recording
        let input = try write(
            NoiseTrack.buffer(
                samples: rateHz * 3 / 5, channels: channelCount, rateHz: rateHz, amplitude: 0.9),
            format: format)
        let options = SeparationOptions(shifts: 2, seed: 9)
        let report = try separator.separate(
            input, into: bothStems, output: float32(), options: options)
        let decoded = try AudioFile.read(input).buffer
        let whole = try separator.separate(AudioInput(decoded), options: options)
        for stem in whole.stems {
            #expect(try channels(stem.name) == limited(stem.audio.channels))
        }
        #expect(report.sampleRateHz == rateHz)
        #expect(report.channelCount == channelCount)
        #expect(report.durationSeconds == decoded.durationSeconds)
        #expect(report.seed == 9)
    }

    /// Files equal those of a separation in memory, byte for byte.
    @Test(arguments: [ClipMode.rescale, .clamp, .tanh, .none], SampleFormat.allCases)
    func clipModesAreThoseOfWholeStems(clip: ClipMode, format: SampleFormat) throws {
        let input = try write(NoiseTrack.buffer(samples: 2000, amplitude: 2))
        let options = SeparationOptions(shifts: 2, seed: 3)
        let report = try separator.separate(
            input, into: bothStems, output: OutputOptions(format: .wav(format), clipMode: clip),
            options: options)
        let whole = try separator.separate(input, options: options)
        for (stem, output) in zip(whole.stems, report.outputs) {
            let expected = folder.path("expected.wav")
            try AudioFile.write(
                stem.audio, to: expected, format: .wav(format), clip: clip,
                tags: AudioTags().titled(""))
            let path = try #require(output.path)
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            #expect(bytes == (try Data(contentsOf: URL(fileURLWithPath: expected))))
            let peak = stem.audio.peak
            #expect(output.peak == peak)
            #expect(output.gain == (clip == .rescale ? 1 / max(1.01 * peak, 1) : 1))
            #expect(output.bytes == bytes.count)
            #expect(try output.sha256 == SHA256.hexadecimal(ofFile: path))
            #expect(output.durationSeconds == 1.25)
        }
        #expect(try folder.contents.filter { $0.hasSuffix(".part") } == [])
    }

    /// A file that is encoded while the peak is not known yet, and kept or encoded again.
    @Test(arguments: [false, true], [OutputFormat.wav(.int16), OutputFormat(container: .flac)])
    func aSignalThatClipsLateOrNeverIsThatOfTheWholeStem(clips: Bool, format: OutputFormat) throws {
        var track = NoiseTrack.buffer(samples: 6_000, amplitude: 0.05)
        if clips {
            for sample in 5_500..<5_700 {
                for channel in 0..<2 { track.channels[channel][sample] *= 100 }
            }
        }
        let input = try AudioInput(track)
        let options = SeparationOptions(shifts: 0)
        let report = try separator.separate(
            input, into: bothStems, output: OutputOptions(format: format), options: options)
        #expect(report.outputs.contains { $0.gain < 1 } == clips)
        for stem in try separator.separate(input, options: options).stems {
            let expected = folder.path("expected")
            try AudioFile.write(
                stem.audio, to: expected, format: format, tags: AudioTags().titled(""))
            #expect(
                try report.outputs.first { $0.name == stem.name }?.sha256
                    == SHA256.hexadecimal(ofFile: expected))
        }
    }

    // MARK: - Signals, gains and rates

    @Test func mixesAreSumsAndDifferencesOfStems() throws {
        let input = try write(NoiseTrack.buffer(samples: 1500, amplitude: 0.6))
        let separator = try NoiseTrack.model("six_sources")
        let options = SeparationOptions(shifts: 0)
        _ = try separator.separate(
            input,
            into: outputs([
                ("no_bass", .sum(["piano", "drums", "other", "vocals", "guitar"])),
                ("minus_bass", .mixtureMinus(["bass"])),
                ("residual", .mixtureMinus(separator.model.sources)),
            ]), output: float32(), options: options)
        let mix = try AudioFile.read(input).buffer
        let whole = try separator.separate(AudioInput(mix), options: options)
        func sum(_ stems: [Stem]) -> [[Float]] {
            stems.reduce([[Float]](repeating: [Float](repeating: 0, count: 1500), count: 2)) {
                zip($0, $1.audio.channels).map { zip($0, $1).map { $0 + $1 } }
            }
        }
        func difference(_ subtrahend: [[Float]]) -> [[Float]] {
            zip(mix.channels, subtrahend).map { zip($0, $1).map { $0 - $1 } }
        }
        let others = sum(whole.stems.filter { $0.name != "bass" })
        #expect(try channels("no_bass") == limited(others))
        let minus = difference(try #require(whole["bass"]).channels)
        #expect(try channels("minus_bass") == limited(minus))
        #expect(try channels("residual") == limited(difference(sum(whole.stems))))
    }

    @Test func aCommonGainLeavesTheSumOfTheStems() throws {
        let input = try write(NoiseTrack.buffer(samples: 1800, amplitude: 2))
        var output = float32(.rescale)
        output.gain = .common
        let options = SeparationOptions(shifts: 0)
        let report = try separator.separate(
            input, into: bothStems, output: output, options: options)
        let peak = report.outputs.map(\.peak).reduce(0, max)
        let divisor = max(1.01 * peak, 1)
        #expect(divisor > 1)
        let whole = try separator.separate(input, options: options)
        for (stem, written) in zip(whole.stems, report.outputs) {
            #expect(written.gain == 1 / divisor)
            #expect(
                try channels(stem.name) == stem.audio.channels.map { $0.map { $0 / divisor } })
        }
        output.clipMode = .clamp
        #expect(throws: SeparationError.self) {
            try separator.separate(input, into: bothStems, output: output, options: options)
        }
    }

    @Test func theClipModeOffKeepsWhatNoneLimitsWithAWarning() throws {
        let input = try write(NoiseTrack.buffer(samples: 1500, amplitude: 2))
        let options = SeparationOptions(shifts: 0)
        let whole = try separator.separate(input, options: options)
        _ = try separator.separate(
            input, into: bothStems, output: float32(.off), options: options)
        #expect(try channels("drums") == whole["drums"]?.channels)
        let report = try separator.separate(
            input, into: bothStems, output: float32(), options: options)
        for stem in whole.stems {
            let count = stem.audio.channels.joined().count { abs($0) > 1 }
            let warning = AudioWarning.limited(output: "\(stem.name).out", samples: count)
            #expect(report.warnings.contains(warning) == (count > 0))
        }
        #expect(!report.warnings.isEmpty)
    }

    /// An observer that finds a tempo in the stems.
    private final class Finder: StemObserver {
        let findsTags = true
        func begin(_ track: ObservedTrack) {}
        func append(_ block: StemBlock) {}
        func addTags(to tags: inout AudioTags) { tags.beatsPerMinute = "93" }
    }

    /// A signal that clips is encoded again, others keep their first file.
    @Test(arguments: [false, true], [OutputFormat.wav(.int16), OutputFormat(container: .flac)])
    func foundTagsAndTheStemsNameAreWritten(clips: Bool, format: OutputFormat) throws {
        var tags = AudioTags()
        (tags.title, tags.beatsPerMinute) = ("Song", "100")
        let path = folder.path("tagged.wav")
        try AudioFile.write(
            NoiseTrack.buffer(samples: 1500, amplitude: clips ? 2 : 0.01), to: path,
            format: .wav(.float32), clip: .off, tags: tags)
        let report = try separator.separate(
            try AudioInput(path: path), into: bothStems, output: OutputOptions(format: format),
            options: .init(shifts: 0), observer: Finder())
        #expect(report.outputs.contains { $0.gain < 1 } == clips)
        (tags.title, tags.beatsPerMinute) = ("Song (drums)", "93")
        #expect(try AudioInput(path: folder.path("drums.out")).tags == tags)
    }

    /// Once for all stems, and only where they have tags.
    @Test(arguments: [true, false])
    func aCoverThatStemsCannotHoldIsNamed(copiesTags: Bool) throws {
        var tags = AudioTags()
        tags.cover = [0xFF, 0xD8, 0xFF, 0xE0] + Array("a cover".utf8)
        let path = folder.path("tagged.wav")
        try AudioFile.write(
            NoiseTrack.buffer(samples: 1500, amplitude: 0.01), to: path, format: .wav(.int16),
            tags: tags)
        var data = try folder.data("tagged.wav")
        let start = try #require(data.range(of: Data(tags.cover ?? []))?.lowerBound)
        data.replaceSubrange(start..<start + 4, with: "GIF8".utf8)
        let input = try AudioInput(path: folder.write(data, "tagged.wav"))
        for container in [OutputFormat.Container.wav, .rawFloat32] {
            var output = OutputOptions(format: OutputFormat(container: container))
            output.copiesTags = copiesTags
            let report = try separator.separate(
                input, into: bothStems, output: output, options: .init(shifts: 0))
            let warning = AudioWarning.coverLeftOut(path: path, reason: "GIF")
            #expect(report.warnings == (copiesTags && container == .wav ? [warning] : []))
        }
    }

    @Test(arguments: [1_000, 1_600, 2_205, 44_100])
    func stemsAtTheInputsRateAreAsLongAsTheInput(rateHz: Int) throws {
        for samples in [rateHz * 2 / 3, rateHz * 2 / 3 + 1] {
            let input = try write(NoiseTrack.buffer(samples: samples, rateHz: rateHz))
            var output = float32(.rescale)
            output.rate = .input
            let report = try separator.separate(
                input, into: bothStems, output: output, options: .init(shifts: 0))
            let written = try AudioFile.read(folder.path("rest.out")).buffer
            #expect(written.sampleRateHz == rateHz)
            #expect(written.sampleCount == samples)
            // The report has the peak of the written signal.
            let rest = report.outputs[1]
            #expect(abs(written.peak - rest.peak * rest.gain) < 1e-6)
        }
    }

    @Test(arguments: [Downmix.first, .average])
    func furtherChannelsAreLeftOutOrAveraged(downmix: Downmix) throws {
        let buffer = NoiseTrack.buffer(samples: 900, channels: 3, amplitude: 0.9)
        var output = float32()
        output.downmix = downmix
        let report = try separator.separate(
            try write(buffer), into: outputs([("mix", .mixtureMinus(["drums"]))]), output: output,
            options: .init(shifts: 0))
        let leftOut = AudioWarning.channelsLeftOut(
            path: folder.path("track.wav"), channelCount: 3, used: 2)
        #expect(report.warnings.contains(leftOut) == (downmix == .first))
        let mean = (0..<900).map { index in
            buffer.channels.reduce(0) { $0 + $1[index] } / 3
        }
        let mix = PlanarAudio(
            channels: downmix == .first ? Array(buffer.channels[..<2]) : [mean, mean],
            sampleRateHz: 1600)
        let drums = try #require(
            try separator.separate(AudioInput(mix), options: .init(shifts: 0))["drums"])
        let minus = zip(mix.channels, drums.channels).map { zip($0, $1).map { $0 - $1 } }
        #expect(try channels("mix") == limited(minus))
    }

    /// Left, right and low frequencies; without the mask the third channel would be the centre.
    @Test func theFilesLoudspeakersDecideTheMix() throws {
        let buffer = NoiseTrack.buffer(samples: 900, channels: 3, amplitude: 0.9)
        let samples = (0..<900).flatMap { index in buffer.channels.map { $0[index] } }
        let wav = WAVFile.bytes(float32: samples, channels: 3, rateHz: 1600, mask: 0b1011)
        var output = float32()
        output.downmix = .layout
        _ = try separator.separate(
            AudioInput(path: folder.write(wav, "mask.wav")),
            into: outputs([("drums", .stem("drums"))]),
            output: output, options: .init(shifts: 0))
        let stereo = PlanarAudio(channels: Array(buffer.channels[..<2]), sampleRateHz: 1600)
        let drums = try separator.separate(AudioInput(stereo), options: .init(shifts: 0))["drums"]
        #expect(try channels("drums") == limited(drums?.channels))
    }

    @Test func onlyTheNetworksThatAreNeededRun() throws {
        let input = try write(NoiseTrack.buffer(samples: 1777))
        let files = ModelFiles(
            name: "bag",
            checkpoints: ["cross_first", "positions"].map {
                Fixture.url("models/\($0).safetensors").path
            }, weights: [[1, 0], [0, 1]])
        let separator = try Separator(OpenedModel(files), threads: 1)
        let options = SeparationOptions(shifts: 2, seed: 77)
        let whole = try separator.separate(input, options: options)
        let minus = outputs([("minus", .mixtureMinus(["rest"])), ("rest", .stem("rest"))])
        var segments = 0
        _ = try separator.separate(input, into: minus, output: float32(), options: options) {
            segments = $0.segmentsTotal
        }
        #expect(try channels("rest") == limited(whole["rest"]?.channels))
        var segmentsOfAll = 0
        _ = try separator.separate(
            input, into: bothStems, output: float32(), options: options
        ) { segmentsOfAll = $0.segmentsTotal }
        #expect(segments < segmentsOfAll)
        // A separator that was loaded for some stems has no other stems.
        let some = try Separator(OpenedModel(files), stems: ["rest"], threads: 1)
        _ = try some.separate(input, into: minus, options: options)
        #expect(throws: SeparationError.self) {
            try some.separate(input, into: bothStems, options: options)
        }
    }

    // MARK: - Excerpts

    @Test func anExcerptIsATrackOfItsOwn() throws {
        let buffer = NoiseTrack.buffer(samples: 3000, amplitude: 0.8)
        let input = try write(buffer)
        let options = SeparationOptions(shifts: 2, seed: 2)
        for (excerpt, range) in [
            (Excerpt(startSeconds: 0.5, durationSeconds: 0.75), 800..<2000),
            (Excerpt(startSeconds: 1), 1600..<3000),
            (Excerpt(durationSeconds: 1e6), 0..<3000),
            (Excerpt(startSeconds: 1.25, durationSeconds: 1e-9), 2000..<2001),
        ] {
            let report = try separator.separate(
                input, excerpt: excerpt, into: bothStems, output: float32(), options: options)
            let part = buffer[range]
            let whole = try separator.separate(AudioInput(part), options: options)
            #expect(try separator.separate(input, excerpt: excerpt, options: options) == whole)
            #expect(try channels("drums") == limited(whole["drums"]?.channels))
            #expect(report.durationSeconds == part.durationSeconds)
        }
    }

    @Test func excerptsThatCannotBeAreRefused() throws {
        let input = try write(NoiseTrack.buffer(samples: 800))
        func separate(_ excerpt: Excerpt) throws {
            _ = try separator.separate(input, excerpt: excerpt, into: bothStems)
        }
        #expect(throws: SeparationError.excerptOutside(startSeconds: 0.5, trackSeconds: 0.5)) {
            try separate(Excerpt(startSeconds: 0.5))
        }
        for excerpt in [
            Excerpt(startSeconds: -1), Excerpt(startSeconds: .nan), Excerpt(startSeconds: 1e300),
            Excerpt(durationSeconds: 0), Excerpt(durationSeconds: -.infinity),
            Excerpt(durationSeconds: .infinity),
        ] {
            #expect(throws: SeparationError.self) { try separate(excerpt) }
        }
        #expect(try folder.contents == ["track.wav"])
    }
}
