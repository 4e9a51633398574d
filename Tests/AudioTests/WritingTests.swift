import Audio
import Foundation
import TestSupport
import Testing

/// Files compared with those of demucs.audio.save_audio, and failures of writing.
struct WritingTests {
    private let folder = TemporaryFolder()

    @Test(arguments: ["quiet", "loud"], [ClipMode.rescale, .clamp, .tanh, .none])
    func filesAreTheReferences(signal: String, clip: ClipMode) throws {
        let buffer = try TestSignal.clipping(signal)
        for (format, label) in [(SampleFormat.int16, "16"), (.int24, "24"), (.float32, "f32")] {
            try AudioFile.write(
                buffer, to: folder.path("stem.wav"), format: .wav(format), clip: clip)
            let name = "\(signal)_\(clip)_\(label).wav"
            let expected = try Data(contentsOf: Fixture.url("audio/encoded/\(name)"))
            var actual = try folder.data("stem.wav")
            if format == .float32 {
                // Two bytes more than the reference's, as formats other than PCM must have.
                #expect(actual[16] == 18 && actual[36..<38].elementsEqual([0, 0]))
                actual.removeSubrange(36..<38)
                actual[16] = 16
                actual[4] -= 2
            }
            if clip == .tanh {
                // PyTorch's vectorised tanh may be off by a unit in the last place.
                let steps = try #require(
                    format.largestDifference(samples(in: actual), samples(in: expected)))
                #expect(steps <= (format == .float32 ? 2 : 1), "\(name)")
            } else {
                #expect(actual == expected, "\(name)")
            }
        }
    }

    @Test(arguments: [
        OutputFormat.wav(.int16), .wav(.int24), OutputFormat(container: .flac),
        OutputFormat(container: .flac, sampleFormat: .int24),
    ])
    func integersThatWereReadKeepTheirValues(format: OutputFormat) throws {
        let steps: Float = format.storedFormat == .int24 ? 8_388_608 : 32_768
        // Each value of 16 bits, or as many of 24 bits with both ends.
        let stride = steps / 32_768
        var values = (-32_768..<32_768).map { Float($0) * stride / steps }
        values[values.count - 1] = (steps - 1) / steps
        let path = folder.path("stem")
        let buffer = PlanarAudio(channels: [values, values.reversed()], sampleRateHz: 44_100)
        let writer = try AudioWriter(
            to: .file(path), channelCount: 2, sampleRateHz: 44_100, sampleCount: values.count,
            format: format, clip: .none, rounding: .nearest)
        try writer.append(buffer)
        try writer.finish()
        #expect(try AudioFile.read(path).buffer.channels == buffer.channels)
    }

    @Test
    func fileStandsUnderItsNameOnlyWhenComplete() throws {
        let path = folder.path("stem.wav")
        let writer = try AudioWriter(.file(path), samples: 100)
        try writer.append(constant(samples: 60))
        #expect(!FileManager.default.fileExists(atPath: path))
        try writer.append(constant(samples: 40))
        try writer.finish()
        #expect(try folder.contents == ["stem.wav"])
        #expect(try AudioFile.read(path).buffer.sampleCount == 100)
    }

    @Test
    func unfinishedFileLeavesNothingBehind() throws {
        var unfinished: AudioWriter? = try AudioWriter(
            .file(folder.path("stem.wav")), samples: 100)
        try unfinished?.append(constant(samples: 60))
        #expect(try folder.contents.count == 1)
        unfinished = nil
        #expect(try folder.contents == [])
    }

    @Test
    func existingFileIsReplacedOnlyBySuccess() throws {
        let path = try folder.write("old", "stem.wav")
        #expect(
            throws: AudioError.outputNotFinite(path: path, seconds: 1 / 44_100, channel: 0)
        ) { try AudioFile.write(PlanarAudio([0, .nan]), to: path) }
        #expect(try folder.data("stem.wav") == Data("old".utf8))
        #expect(try folder.contents == ["stem.wav"])
        try AudioFile.write(PlanarAudio([0, 0.5]), to: path)
        #expect(try AudioFile.read(path).buffer.sampleCount == 2)
    }

    @Test(arguments: [("none/stem.wav", "No such file or directory"), ("", "Is a directory")])
    func pathWhereNoFileCanBeIsNamed(name: String, reason: String) {
        let path = folder.path(name)
        #expect(throws: AudioError.unwritable(path: path, reason: reason)) {
            try AudioFile.write(PlanarAudio([0]), to: path, format: .wav(.int16))
        }
    }

    @Test(arguments: [
        PlanarAudio(), PlanarAudio([0, 0], [0]), PlanarAudio(channels: [[0]], sampleRateHz: 0),
    ])
    func bufferThatIsNoRecordingIsRefused(buffer: PlanarAudio) throws {
        let error = #expect(throws: AudioError.self) {
            try AudioFile.write(buffer, to: folder.path("stem.wav"))
        }
        guard case .invalidAudio? = error else { throw UnexpectedError(error) }
        #expect(try folder.contents == [])
    }

    @Test func samplesBeyondFullScaleAreKeptOrCounted() throws {
        let (path, loud) = (
            folder.path("stem.wav"), PlanarAudio([0.5, -1.5, 1, 8], [1, 0, 1.01, -1])
        )
        try AudioFile.write(loud, to: path, format: .wav(.float32), clip: .off)
        #expect(try AudioFile.read(path).buffer.channels == loud.channels)
        for format in [OutputFormat.wav(.int16), .flac, .mp3()] {
            let error = #expect(throws: AudioError.self) {
                try AudioFile.write(
                    loud, to: folder.path("stem.\(format.fileExtension)"), format: format,
                    clip: .off)
            }
            #expect("\(error as Any)".contains("only float32 keeps samples beyond ±1"))
        }
        for (format, limited) in [(OutputFormat.wav(.float32), 3), (.wav(.int16), 3)] {
            let writer = try AudioWriter(.file(path), format, channels: 2)
            for _ in 0..<2 { try writer.append(loud) }
            #expect(writer.limitedSamples == 2 * limited)
            try writer.finish()
        }
    }

    private func constant(samples: Int) -> PlanarAudio {
        PlanarAudio([Float](repeating: 0.5, count: samples))
    }

    /// The content of the data chunk.
    private func samples(in file: Data) throws -> [UInt8] {
        let name = try #require(file.range(of: Data("data".utf8)))
        return Array(file[(name.upperBound + 4)...].prefix(file.littleEndian(at: name.upperBound)))
    }
}

extension SampleFormat {
    /// The largest difference in steps of the format; nil if the lengths differ.
    fileprivate func largestDifference(_ a: [UInt8], _ b: [UInt8]) -> Int? {
        guard a.count == b.count else { return nil }
        func values(_ bytes: [UInt8]) -> [Int] {
            stride(from: 0, to: bytes.count, by: sampleBytes).map { start in
                let pattern = bytes[start..<start + sampleBytes].reversed().reduce(0) {
                    $0 << 8 | Int($1)
                }
                let shift = Int.bitWidth - 8 * sampleBytes
                let signed = (pattern << shift) >> shift
                // Bit patterns of floats are ordered like numbers, negative ones backwards.
                return self == .float32 && signed < 0 ? Int(Int32.min) - signed : signed
            }
        }
        return zip(values(a), values(b)).map { abs($0 - $1) }.max()
    }
}
