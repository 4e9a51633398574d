import Audio
import Foundation
import Signal
import TestSupport
import Testing

/// Inputs that are not readable sound files: a typed error, one line, no trap.
struct ReadingErrorTests {
    private let folder = TemporaryFolder()

    @Test
    func pathsWithoutASoundFileAreRefused() throws {
        let missing = folder.path("none.wav")
        expect(.notFound(path: missing), from: missing)
        expect(.isFolder(path: folder.url.path), from: folder.url.path)
        expect(.notAFile(path: "/dev/null"), from: "/dev/null")
        for (path, advice) in [("file:///a%20b", "without 'file://'"), ("http://a", "no path")] {
            #expect(AudioError.notFound(path: path).description.contains(advice))
        }
        let empty = try folder.write(Data(), "empty.wav")
        expect(.empty(path: empty), from: empty)
    }

    @Test func stereoIsNotSpreadOverMoreChannels() {
        #expect(throws: SeparationError.tooFewChannels(found: 2, needed: 4)) {
            try AudioConversion(fromChannels: 2, rateHz: 44_100, toChannels: 4, rateHz: 44_100)
        }
    }

    @Test(.enabled(if: getuid() != 0, "root may read everything"))
    func unreadableFile() throws {
        let path = try folder.write(try Recording.int16WAV.data, "secret.wav")
        chmod(path, 0)
        expect(.unreadable(path: path, reason: "Permission denied"), from: path)
    }

    @Test
    func textRenamedToWAV() throws {
        let path = try folder.write("Not a sound, just words.\n", "text.wav")
        let error = #expect(throws: AudioError.self) { try Self.read(path) }
        #expect(error?.description.contains("Install ffmpeg") == true)
    }

    @Test
    func headerWithoutSamples() throws {
        var header = try Recording.int16WAV.data.prefix(44)
        header.replaceSubrange(40..<44, with: [0, 0, 0, 0])
        let path = try folder.write(header, "header.wav")
        expect(.nothingDecodable(path: path, reason: nil), from: path)
    }

    @Test
    func zeroChannels() throws {
        let path = try damaged([22: [0, 0]])
        let error = #expect(throws: AudioError.self) { try Self.read(path) }
        #expect(error?.description.hasPrefix(path) == true)
    }

    @Test
    func moreChannelsThanAnyRecording() throws {
        let path = try damaged([22: [200, 0], 32: [0x90, 0x01]])
        expect(
            .implausibleHeader(path: path, problem: "200 channels, expected 1 to 64"), from: path)
    }

    @Test(arguments: [0, 1, 999, 768_001, 2_147_483_647])
    func rateThatNoRecordingHas(rateHz: Int) throws {
        let path = try damaged([
            24: withUnsafeBytes(of: UInt32(rateHz).littleEndian) { Array($0) }
        ])
        let problem = "a sample rate of \(rateHz) Hz, expected 1000 to 768000 Hz"
        expect(.implausibleHeader(path: path, problem: problem), from: path)
    }

    /// A WAV file with changed bytes at offsets of its header.
    private func damaged(_ changes: [Int: [UInt8]]) throws -> String {
        var data = try Recording.int16WAV.data
        for (place, bytes) in changes {
            data.replaceSubrange(place..<place + bytes.count, with: bytes)
        }
        return try folder.write(data, "damaged.wav")
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func sampleThatIsNotFiniteIsNamedByPlaceAndChannel(value: Float) throws {
        // RF64 of libsndfile: the samples are the last bytes. Stereo, sample 441, channel 2.
        var data = try Recording.rf64.data
        let samples = data.count - Recording.rf64.sampleCount * 8
        withUnsafeBytes(of: value.bitPattern.littleEndian) {
            let place = samples + (441 * 2 + 1) * 4
            data.replaceSubrange(place..<place + 4, with: $0)
        }
        let path = try folder.write(data, "bad.rf64")
        let error = #expect(throws: AudioError.self) { try AudioFile.read(path) }
        guard case .notFinite(path, let found, let seconds, let channel)? = error else {
            throw UnexpectedError(error)
        }
        #expect(found.bitPattern == value.bitPattern)
        #expect(seconds == 0.01)
        #expect(channel == 1)
        #expect("\(try #require(error))".contains("at 0.010 s in channel 2"))
    }

    /// Any damaged header gives a result or a typed error.
    @Test(arguments: [
        Recording.int16WAV, .floatWAV, .sixChannels, .aiff, .rf64, .flac, .vorbis, .opus,
        .taggedMP3, .untaggedMP3,
    ])
    func damagedFilesNeverTrap(recording: Recording) throws {
        let original = try recording.data
        var generator = SplitMix64(seed: 1)
        func random(_ bound: Int) -> Int { generator.index(below: bound) }
        for round in 0..<60 {
            var data = original
            if round % 3 == 0 { data = data.prefix(random(data.count)) }
            for _ in 0..<(round % 4) where !data.isEmpty {
                let place = random(min(data.count, round % 2 == 0 ? 120 : data.count))
                data[place] = UInt8(random(256))
            }
            let path = try folder.write(data, "damaged")
            do {
                let decoded = try Self.read(path)
                #expect(decoded.buffer.sampleCount > 0)
            } catch {
                #expect("\(error)".hasPrefix(path))
            }
        }
    }

    /// Reads without ffmpeg, which may be missing, and decodes some damaged files.
    private static func read(_ path: String) throws -> DecodedAudio {
        try AudioFile.read(AudioInput(path: path, spool: Spool(), ffmpeg: nil))
    }

    private func expect(_ expected: AudioError, from path: String) {
        let error = #expect(throws: AudioError.self) { try AudioFile.read(path) }
        #expect(error == expected)
        #expect(error?.description.contains("\n") == false)
        #expect(error?.localizedDescription == error?.description)
    }
}
