import Audio
import Demucs
import Foundation
import System
import TestSupport
import Testing

/// Stem files of a few samples, written by the real ffmpeg if there is one, and by scripts instead
/// of it.
struct StemFileTests {
    private let folder = TemporaryFolder()
    private static let alac = StemFileFormat(container: .mp4, codec: .alac)

    private var path: String { folder.path("a.stem.mp4") }

    @discardableResult
    private func write(
        _ ffmpeg: FFmpeg, channels: Int = 2, names: [String] = ["Mix", "D", "B", "O", "V"],
        format: StemFileFormat = Self.alac, isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws -> (count: Int, sha256: String) {
        var files: [FileHandle] = []
        defer { for file in files { try? file.close() } }
        let tracks = try names.enumerated().map { index, name in
            let samples = (0..<5_000).map { sin(Float($0) * 0.05) / Float(2 * index + 2) }
            let wav = folder.path("\(index).wav")
            let writer = try AudioWriter(
                to: .file(wav), channelCount: channels, sampleRateHz: 44_100, sampleCount: 5_000,
                format: .wav(.int16), clip: .none)
            try writer.append(
                PlanarAudio(
                    channels: [[Float]](repeating: samples, count: channels), sampleRateHz: 44_100))
            try writer.finish()
            files.append(try FileHandle(forReadingFrom: URL(fileURLWithPath: wav)))
            return (name: name, descriptor: files[index].fileDescriptor)
        }
        return try ffmpeg.writeStemFile(
            tracks, isMono: channels == 1, sampleFormat: .int16, format: format, tags: nil,
            to: path, spool: Spool(folder: folder.url.path, isCancelled: isCancelled))
    }

    /// A shell script in the place of ffmpeg.
    private func ffmpeg(_ script: String) throws -> FFmpeg {
        FFmpeg(path: try folder.program(script))
    }

    /// Expects that neither a stem file nor a temporary file is left.
    private func expectNothingLeft() throws {
        let left = try folder.contents.filter { $0.hasSuffix(".mp4") || $0.hasSuffix(".part") }
        #expect(left == [])
    }

    @Test(.enabled(if: FFmpeg.onPath != nil))
    func boxHasNamesAndColours() throws {
        let ffmpeg = try #require(FFmpeg.onPath)
        let names = ["Mix", "Drums", "Bass \"1\"\\\n", "Gitarre ü", "Vocals"]
        let written = try write(ffmpeg, names: names)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(written.count == bytes.count)
        #expect(StemMark.isIn(path) && bytes.suffix(StemMark.box.count) == Data(StemMark.box))
        bytes.removeLast(StemMark.box.count)
        // The boxes around it end where it does: at the end of the file, but for the mark.
        for name in ["moov", "udta", "stem{"] {
            let place = try #require(bytes.range(of: Data(name.utf8), options: .backwards))
            let size = bytes[place.lowerBound - 4..<place.lowerBound].reduce(0) {
                $0 << 8 | Int($1)
            }
            #expect(place.lowerBound - 4 + size == bytes.count, "\(name)")
        }
        let start = try #require(bytes.range(of: Data("stem{".utf8))).upperBound - 1
        let json = try JSONSerialization.jsonObject(with: bytes[start...]) as? [String: Any]
        #expect(json?["version"] as? Int == 1)
        let stems = json?["stems"] as? [[String: String]]
        #expect(stems?.compactMap { $0["name"] } == Array(names.dropFirst()))
        #expect(
            stems?.allSatisfy { $0["color"]?.wholeMatch(of: /#[0-9A-Fa-f]{6}/) != nil } == true)
        let effects = json?["mastering_dsp"] as? [String: [String: Any]]
        for (effect, keys) in [
            "compressor": [
                "ratio", "output_gain", "release", "attack", "input_gain", "threshold", "hp_cutoff",
                "dry_wet",
            ], "limiter": ["release", "threshold", "ceiling"],
        ] {
            let values = effects?[effect] ?? [:]
            #expect(values["enabled"] as? Bool == false, "\(effect)")
            for key in keys { #expect(values[key] != nil, "\(effect) \(key)") }
        }
    }

    @Test(.enabled(if: FFmpeg.onPath != nil))
    func equalSamplesGiveEqualBytes() throws {
        let ffmpeg = try #require(FFmpeg.onPath)
        #expect(try write(ffmpeg) == write(ffmpeg))
    }

    @Test(.enabled(if: FFmpeg.onPath != nil))
    func monoBecomesTwoEqualChannels() throws {
        try write(try #require(FFmpeg.onPath), channels: 1)
        let mono = try AudioFile.read(folder.path("0.wav")).buffer.channels[0]
        #expect(try AudioFile.read(path).buffer.channels == [mono, mono])
    }

    @Test
    func aFailureHasItsReasonAndLeavesNoFiles() throws {
        #expect(throws: AudioError.encodingFailed(path: path, reason: "Unknown encoder 'alac'")) {
            try write(ffmpeg("echo \"Unknown encoder 'alac'\" >&2; exit 1"))
        }
        #expect(throws: AudioError.encodingFailed(path: path, reason: "it ended with status 3")) {
            try write(ffmpeg("exit 3"))
        }
        #expect(
            throws: AudioError.writeFailed(path: path, reason: "No space left on device")
        ) { try write(ffmpeg("echo 'av_write: No space left on device' >&2; exit 1")) }
        let error = #expect(throws: AudioError.self) {
            try write(FFmpeg(path: folder.path("none")))
        }
        #expect(error?.description.contains("can't be started") == true)
        try expectNothingLeft()
    }

    @Test(arguments: ["exit 0", "printf nonsense > /dev/fd/1", "cat /dev/fd/0 > /dev/fd/1"])
    func outputThatIsNoMovieIsAnError(text: String) throws {
        let error = #expect(throws: AudioError.self) { try write(ffmpeg(text)) }
        #expect(error?.description.contains("its MP4 file: ") == true)
        try expectNothingLeft()
    }

    @Test
    func cancellationLeavesNothing() throws {
        let mark = folder.path("started")
        #expect(throws: CancellationError.self) {
            try write(
                ffmpeg("echo > '\(mark)'; exec sleep 60"),
                isCancelled: { FilePath.countBytes(mark) > 0 })
        }
        try expectNothingLeft()
    }

    @Test
    func unsuitableSignalsAreRefused() {
        let aac = StemFileFormat(container: .mp4, codec: .aac)
        #expect(Self.alac.problem(channelCount: 2, sampleRateHz: 192_000) == nil)
        #expect(aac.problem(channelCount: 1, sampleRateHz: 48_000) == nil)
        for (format, channels, rate, word) in [
            (Self.alac, 6, 44_100, "stereo"), (aac, 2, 192_000, "192000 Hz"),
        ] {
            let problem = format.problem(channelCount: channels, sampleRateHz: rate)
            #expect(problem?.contains(word) == true)
        }
    }
}
