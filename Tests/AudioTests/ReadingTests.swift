import Audio
import Foundation
import Signal
import TestSupport
import Testing
import Tracks

/// Every container, intact and truncated.
struct ReadingTests {
    private let folder = TemporaryFolder()

    /// Recordings with their largest error: a step, because libsndfile multiplies by 32,767 and
    /// divides by 32,768; or the error of a sine in double precision.
    static let lossless: [(Recording, Double)] = [
        (.int16WAV, 1.0 / 32_768), (.int24WAV, 1.0 / 8_388_608), (.floatWAV, 1e-7),
        (.sixChannels, 1.0 / 32_768), (.aiff, 1.0 / 32_768), (.rf64, 1e-7),
        (.flac, 1.0 / 32_768), (.streamedWAV, 1.0 / 32_768),
    ]

    @Test(arguments: lossless)
    func losslessContainersGiveBackTheirSamples(recording: Recording, step: Double) throws {
        let decoded = try AudioFile.read(recording.path)
        #expect(decoded.warnings == [])
        #expect(decoded.buffer.sampleRateHz == recording.rateHz)
        #expect(decoded.buffer.channels.count == recording.channels)
        for (channel, samples) in decoded.buffer.channels.enumerated() {
            let comparison = Comparison(actual: samples, expected: recording.tone(channel: channel))
            #expect(comparison.maxAbsolute <= step, "\(comparison)")
        }
    }

    /// The bits of WAVEFORMATEXTENSIBLE (`ksmedia.h`), the lowest first; what is above the head has no place in a mix.
    @Test func eachBitOfTheMaskNamesASpeaker() throws {
        let known: [Speaker] = [
            .left, .right, .centre, .lowFrequency, .leftSurround, .rightSurround, .left, .right,
            .backCentre, .leftSurround, .rightSurround,
        ]
        func speakers(_ mask: Int, channels: Int) throws -> [Speaker]? {
            let samples = [Float](repeating: 0, count: 10 * channels)
            let wav = WAVFile.bytes(float32: samples, channels: channels, rateHz: 8000, mask: mask)
            return try AudioInput(path: folder.write(wav, "mask.wav")).reader().speakers
        }
        for bit in 0..<18 {
            let expected = bit < known.count ? [known[bit]] : nil
            #expect(try speakers(1 << bit, channels: 1) == expected, "bit \(bit)")
        }
        // Side speakers and those of the back in one file; another number of channels than bits.
        #expect(try speakers(0x63F, channels: 8) == known[..<6] + Array(known[9...]))
        #expect(try speakers(0x3, channels: 1) == nil)
    }

    @Test(arguments: [Recording.vorbis, .opus, .taggedMP3])
    func lossyContainersAreTrimmedToTheirLength(recording: Recording) throws {
        let decoded = try AudioFile.read(recording.path)
        #expect(decoded.warnings == [])
        #expect(decoded.buffer.sampleRateHz == recording.rateHz)
        #expect(decoded.buffer.sampleCount == recording.sampleCount)
        for (channel, samples) in decoded.buffer.channels.enumerated() {
            let comparison = Comparison(actual: samples, expected: recording.tone(channel: channel))
            // Bounds the error of such coders for a tone that starts at once; a delay of one sample
            // would cost more.
            #expect(comparison.snrDecibels > 20, "\(comparison)")
        }
    }

    /// libsndfile's estimate of the length differs from the decoded length.
    @Test
    func mp3WithoutALengthHeaderIsReadToItsEndWithoutAWarning() throws {
        let decoded = try AudioFile.read(Recording.untaggedMP3.path)
        #expect(decoded.warnings == [])
        #expect(decoded.buffer.sampleCount >= Recording.untaggedMP3.sampleCount)
    }

    @Test(arguments: [Recording.int16WAV, .int24WAV, .floatWAV, .aiff, .rf64])
    func truncatedUncompressedFileIsReadAsFarAsItGoes(recording: Recording) throws {
        let (decoded, samples, announced) = try truncated(recording, toTenths: 6)
        #expect(samples == decoded.buffer.durationSeconds)
        #expect(abs(try #require(announced) - recording.seconds) < 0.001)
        #expect(abs(samples / recording.seconds - 0.6) < 0.01)
        let expected = recording.tone(channel: 0).prefix(decoded.buffer.sampleCount)
        let comparison = Comparison(
            actual: decoded.buffer.channels[0], expected: Array(expected))
        #expect(comparison.snrDecibels > 80, "\(comparison)")
    }

    @Test(arguments: [Recording.flac, .taggedMP3])
    func truncatedCompressedFileIsReadAsFarAsItDecodes(recording: Recording) throws {
        let (decoded, samples, announced) = try truncated(recording, toTenths: 7)
        // MP3 counts frames.
        #expect(abs(try #require(announced) - recording.seconds) < 0.06)
        #expect(samples == decoded.buffer.durationSeconds)
        #expect(samples > 0.4 * recording.seconds && samples < 0.8 * recording.seconds)
    }

    @Test(arguments: [Recording.vorbis, .opus])
    func truncatedOggFileWarnsThatItsEndIsMissing(recording: Recording) throws {
        let (_, samples, announced) = try truncated(recording, toTenths: 8)
        #expect(announced == nil)
        #expect(samples > 0.4 * recording.seconds && samples < recording.seconds)
    }

    @Test
    func announcedTerabytesReserveNothing() throws {
        // The sizes of the ds64 chunk: of the data and in samples, eight bytes each.
        var rf64 = try Recording.rf64.data
        let chunk = try #require(rf64.range(of: Data("ds64".utf8)))
        rf64[chunk.lowerBound + 16 + 5] = 1
        rf64[chunk.lowerBound + 24 + 5] = 1
        // The low half of byte 13 of STREAMINFO is the top of the sample count.
        var flac = try Recording.flac.data
        flac[8 + 13] |= 0x0F
        let (decoded, _, announced) = try truncated(rf64)
        #expect(decoded.buffer.sampleCount == Recording.rf64.sampleCount)
        #expect(try #require(announced) > 1e6)
        let (whole, _, seconds) = try truncated(flac)
        #expect(whole.buffer.sampleCount == Recording.flac.sampleCount)
        #expect(try #require(seconds) > 1e6)
    }

    /// The beginning of a recording, and the lengths in the warning about it.
    private func truncated(
        _ recording: Recording, toTenths tenths: Int
    ) throws -> (decoded: DecodedAudio, decodedSeconds: Double, announcedSeconds: Double?) {
        let data = try recording.data
        return try truncated(data.prefix(data.count * tenths / 10))
    }

    private func truncated(
        _ data: Data
    ) throws -> (decoded: DecodedAudio, decodedSeconds: Double, announcedSeconds: Double?) {
        let path = try folder.write(data, "truncated")
        let decoded = try AudioFile.read(path)
        guard case .truncated(path, let seconds, let announced, _)? = decoded.warnings.first else {
            throw UnexpectedError(nil)
        }
        #expect("\(decoded.warnings[0])".split(separator: "\n").count == 1)
        return (decoded, seconds, announced)
    }
}
