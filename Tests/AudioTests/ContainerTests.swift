import Audio
import Foundation
import System
import TestSupport
import Testing

/// FLAC, MP3 and raw samples.
struct ContainerTests {
    private let folder = TemporaryFolder()

    static let formats = [
        OutputFormat.wav(.int16), .wav(.int24), .wav(.float32),
        .flac, OutputFormat(container: .flac, sampleFormat: .int24),
        OutputFormat(container: .flac, sampleFormat: .float32), .mp3(), .rawFloat32,
    ]

    /// FLAC stores the integers that the reference gives to its encoder, which equal those of its
    /// WAV files. FLAC has no floats and takes 16 bits instead.
    @Test(arguments: ["quiet", "loud"], [ClipMode.rescale, .clamp, .none])
    func flacHoldsTheReferencesIntegers(signal: String, clip: ClipMode) throws {
        let formats = [(SampleFormat.int16, "16"), (.int24, "24"), (.float32, "16")]
        for (format, label) in formats {
            let path = folder.path("stem.flac")
            try AudioFile.write(
                try TestSignal.clipping(signal), to: path,
                format: OutputFormat(container: .flac, sampleFormat: format), clip: clip)
            let expected = Fixture.url("audio/encoded/\(signal)_\(clip)_\(label).wav").path
            #expect(try AudioFile.read(path) == AudioFile.read(expected))
        }
    }

    @Test
    func rawSamplesAreThoseOfTheFloatFile() throws {
        let signal = try TestSignal.clipping("loud")
        try AudioFile.write(signal, to: folder.path("stem.f32"), format: .rawFloat32)
        let raw = try folder.data("stem.f32")
        let wav = try Data(contentsOf: Fixture.url("audio/encoded/loud_rescale_f32.wav"))
        #expect(raw.count == signal.sampleCount * 8)
        #expect(raw == wav.suffix(raw.count))
    }

    @Test(arguments: formats, [0, 1, 17, 40_001])
    func everyLengthIsWrittenAndRead(format: OutputFormat, samples: Int) throws {
        let path = folder.path("stem")
        let tone = TestSignal.tone(samples: samples)
        try AudioFile.write(
            PlanarAudio(channels: [tone, tone], sampleRateHz: 48_000), to: path, format: format)
        guard format.container != .rawFloat32 else { return }
        let reader = try AudioInput(path: path).reader()
        #expect(reader.channelCount == 2)
        var decodedSamples = 0
        while let block = try reader.next() { decodedSamples += block.sampleCount }
        #expect(decodedSamples == samples)
        #expect(reader.warnings == [])
        #expect(reader.sampleRateHz == 48_000)
    }

    /// The header of a FLAC frame has codes for the usual rates.
    @Test(arguments: [
        8_000, 12_345, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000,
        176_400, 192_000,
    ])
    func everyRateIsWrittenAndRead(rateHz: Int) throws {
        let path = folder.path("stem")
        let tone = PlanarAudio(channels: [TestSignal.tone(samples: 9_001)], sampleRateHz: rateHz)
        for format in [OutputFormat.wav(.int16), .flac] {
            try AudioFile.write(tone, to: path, format: format)
            let found = try AudioFile.read(AudioInput(path: path))
            #expect(found.buffer.sampleRateHz == rateHz && found.warnings == [], "\(format)")
        }
    }

    @Test(arguments: 1...8)
    func channelsKeepTheirOrder(count: Int) throws {
        for format in Self.formats
        where format.problem(channelCount: count, sampleRateHz: 44_100) == nil {
            let path = folder.path("stem")
            let levels = (1...count).map { 0.1 * Float($0) }
            try AudioFile.write(
                PlanarAudio(
                    channels: levels.map { [Float](repeating: $0, count: 5_000) },
                    sampleRateHz: 44_100), to: path, format: format)
            guard format.container != .rawFloat32 else { continue }
            let decoded = try AudioFile.read(path).buffer
            // Bounds the error of a lossy coder in the middle of a constant.
            #expect(zip(decoded.channels, levels).allSatisfy { abs($0[2_500] - $1) < 0.02 })
        }
    }

    @Test
    func equalSignalsMakeEqualBytesAndChecksums() throws {
        let tone = TestSignal.tone(samples: 20_000)
        var tags = AudioTags()
        tags.title = "A title"
        var files: [[Data]] = []
        for round in 0..<2 {
            // A time stamp in the file would differ.
            if round == 1 { Thread.sleep(forTimeInterval: 1.1) }
            files.append(
                try Self.formats.map { format in
                    let writer = try AudioWriter(.file(folder.path("stem")), format, tags: tags)
                    try writer.append(PlanarAudio(tone))
                    let written = try writer.finish()
                    let file = try folder.data("stem")
                    #expect(written == (file.count, SHA256(of: Array(file)).hexadecimal))
                    return file
                })
        }
        #expect(files[0] == files[1])
    }

    @Test(arguments: MP3Settings.supportedRatesHz, 1...2)
    func mp3KeepsRateAndLength(rateHz: Int, channels: Int) throws {
        let path = folder.path("stem.mp3")
        let tone = TestSignal.tone(samples: rateHz / 2)
        try AudioFile.write(
            PlanarAudio(
                channels: [[Float]](repeating: tone, count: channels), sampleRateHz: rateHz),
            to: path, format: .mp3())
        let decoded = try AudioFile.read(path)
        #expect(decoded.warnings == [])
        #expect(decoded.buffer.sampleRateHz == rateHz)
        // At all but the highest bit rates, LAME lowers the level by up to 5 % to keep decoders
        // from clipping.
        let level: Float = rateHz < 32_000 ? 0.95 : 1
        let comparison = Comparison(
            actual: decoded.buffer.channels[0], expected: tone.map { $0 * level })
        // A delay of one sample would leave 26 dB of this tone.
        #expect(comparison.snrDecibels > 40, "\(comparison)")
    }

    /// The reference's files have no information frame, so the sound is late by the delay of coder
    /// and decoder.
    @Test(arguments: [(Recording.untaggedMP3, 128, 2), (.fastMP3, 320, 7)])
    func mp3HoldsTheReferencesSound(reference: Recording, bitRate: Int, preset: Int) throws {
        let path = folder.path("stem.mp3")
        let tones = (0..<2).map { reference.tone(channel: $0) }
        let settings = MP3Settings(bitRateKilobitsPerSecond: bitRate, preset: preset)
        try AudioFile.write(
            PlanarAudio(channels: tones, sampleRateHz: reference.rateHz), to: path,
            format: .mp3(settings), clip: .none)
        let decoded = try AudioFile.read(path).buffer
        let expected = try AudioFile.read(reference.path).buffer
        for channel in 0..<2 {
            let comparison = Comparison(
                actual: decoded.channels[channel],
                expected: Array(expected.channels[channel].dropFirst(1_105).prefix(22_050)))
            // Equal to the last bit with LAME 3.100; another version may round differently.
            #expect(comparison.snrDecibels > 80, "\(comparison)")
        }
    }

    @Test(arguments: [(320, 320), (128, 128), (100, 96)])
    func mp3HasTheNearestBitRate(asked: Int, used: Int) throws {
        let data = try secondOfMP3(MP3Settings(bitRateKilobitsPerSecond: asked))
        // Version 1, layer III, 44.1 kHz: frames of 144,000 · rate / 44,100 bytes, some of them one
        // byte longer.
        let frames = (Double(data.count) / (144 * Double(used) / 44.1)).rounded()
        #expect(abs(frames - 44_100 / 1_152) < 4, "\(data.count) bytes")
    }

    /// No encoder is left to refuse what the row takes, after hours of work.
    @Test(arguments: formats, [1, 2, 8, 9])
    func whatIsNotRefusedAtOnceIsWritten(format: OutputFormat, channels: Int) throws {
        let ratesHz = [
            1, 999, 8_000, 11_025, 44_100, 44_101, 65_535, 65_536, 65_537, 65_540, 88_200, 88_201,
            96_001, 255_000, 256_000, 655_349, 655_350, 655_351, 655_360, 1_048_575,
        ]
        for rateHz in ratesHz
        where format.problem(channelCount: channels, sampleRateHz: rateHz) == nil {
            let writer = try AudioWriter(
                to: .file(folder.path("stem")), channelCount: channels, sampleRateHz: rateHz,
                sampleCount: 5_000, format: format, clip: .none)
            let channel = [Float](repeating: 0.1, count: 5_000)
            try writer.append(
                PlanarAudio(
                    channels: [[Float]](repeating: channel, count: channels), sampleRateHz: rateHz))
            #expect(try writer.finish().count > 0, "\(rateHz)")
        }
    }

    @Test(arguments: [
        (OutputFormat.mp3(), 3, 44_100, "up to 2 channels, not 3"),
        (.mp3(), 2, 96_000, "48000 Hz, not 96000 Hz"),
        (.mp3(.init(bitRateKilobitsPerSecond: 500)), 2, 44_100, "8 to 320 kbit/s, not 500"),
        (.mp3(.init(bitRateKilobitsPerSecond: .max)), 2, 44_100, "kbit/s, not 9223372036854775807"),
        (.mp3(.init(preset: 1)), 2, 44_100, "2 to 7, not to 1"),
        (.flac, 9, 44_100, "8 channels, not 9"),
        (.flac, 2, 768_000, "655350 Hz, not 768000 Hz"),
        (.flac, 2, 88_201, "up to 65535 Hz, or of tens of Hz up to 655350 Hz, not 88201 Hz"),
    ])
    func aSignalBeyondTheContainerIsRefused(
        format: OutputFormat, channels: Int, rateHz: Int, words: String
    ) throws {
        let path = folder.path("stem")
        let error = #expect(throws: AudioError.self) {
            try AudioFile.write(
                PlanarAudio(
                    channels: [[Float]](repeating: [0], count: channels), sampleRateHz: rateHz),
                to: path, format: format)
        }
        #expect(error?.description.hasPrefix(path) == true)
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
        #expect(try folder.contents == [])
    }

    /// MP4 in numbers of 32 bits: sizes and types, sizes of 64 bits. A thousand boxes are read at most.
    @Test(
        arguments: [
            ([8, 0, 12, 0, 0], [0, 8]), ([8, 0, 0, 0, 0], [0, 8]), ([21, 0, 0, 0, 0], []),
            ([7, 0, 0, 0, 0], []), ([16, 0, 0, 0, 8], [0]), ([1, 0, 0, 20, 0], [0]),
            ([1, 0, 0, 15, 0], []), ([1, 0, 0, 21, 0], []), ([1, 0, .max, .max, 0], []),
        ] as [([UInt32], [Int])])
    func boxesEndInTheirRange(numbers: [UInt32], starts: [Int]) {
        let bytes = numbers.flatMap { withUnsafeBytes(of: $0.bigEndian, Array.init) }
        func read(_ offset: Int, _ count: Int) -> [UInt8] { Array(bytes[offset...].prefix(count)) }
        #expect(mp4Boxes(in: 0..<20, read: read).map(\.start) == starts)
        #expect(mp4Boxes(in: 0..<1 << 40) { _, _ in [0, 0, 0, 8, 0, 0, 0, 0] }.count == 1_000)
    }

    private func secondOfMP3(_ settings: MP3Settings) throws -> Data {
        let tone = TestSignal.tone(samples: 44_100)
        try AudioFile.write(
            PlanarAudio(tone, tone.reversed()), to: folder.path("stem.mp3"),
            format: .mp3(settings))
        return try folder.data("stem.mp3")
    }
}
