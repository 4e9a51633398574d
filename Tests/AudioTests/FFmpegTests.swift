import Audio
import Foundation
import System
import TestSupport
import Testing

/// Formats that libsndfile doesn't decode, with shell scripts instead of ffmpeg.
struct FFmpegTests {
    private let folder = TemporaryFolder()
    private let video: String

    init() throws {
        // The name would act as an option and an address if it were passed to ffmpeg.
        video = try folder.write("\0\0\0\u{18}ftypisom, or so", "-i http: 'x'.mp4")
    }

    /// Opens the video with a script for ffmpeg.
    @discardableResult
    private func open(
        _ script: String, limits: SpoolLimits = SpoolLimits(),
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws -> AudioInput {
        let spool = Spool(folder: folder.url.path, limits: limits, isCancelled: isCancelled)
        return try AudioInput(path: video, spool: spool, ffmpeg: folder.ffmpeg(script))
    }

    /// Sets `file` to the last argument, the path of the output.
    private static let output = "for last; do :; done; file=${last#file:}\n"

    @Test
    func outputOfFFmpegIsTheTrack() throws {
        let source = Recording.floatWAV.path
        let input = try open(
            "cat /dev/stdin > '\(folder.path("seen"))'; \(Self.output) cat '\(source)' > $file")
        #expect(input.name == video)
        for _ in 0..<2 { #expect(try AudioFile.read(input) == AudioFile.read(source)) }
        #expect(try folder.data("seen") == folder.data(FilePath.name(of: video)))
        #expect(try folder.contents.filter { $0.hasSuffix(".part") } == [])
    }

    /// ffmpeg gets no name, and decodes little more than the limit.
    @Test(arguments: [
        (SpoolLimits(), " -f wav "),
        (SpoolLimits(seconds: 90, bytes: 5_000), " -t 91.0 -fs 5001 -f wav "),
    ])
    func onlyTheLimitsArePassedOn(limits: SpoolLimits, words: String) throws {
        #expect(throws: AudioError.self) {
            try open("printf '%s ' \"$@\" > '\(folder.path("arguments"))'; exit 1", limits: limits)
        }
        let arguments = try String(contentsOfFile: folder.path("arguments"), encoding: .utf8)
        #expect(!arguments.contains("mp4") && arguments.contains("file:/dev/stdin"))
        #expect(arguments.contains(words))
        #expect(arguments.contains(" -t ") == words.contains(" -t "))
    }

    @Test
    func aSilentFFmpegIsEnded() throws {
        var limits = SpoolLimits()
        limits.silenceSeconds = 0.3
        #expect(
            throws: AudioError.notAudio(
                path: video, reason: "ffmpeg: ended because it wrote nothing for 0.3 s")
        ) {
            try open(
                "\(Self.output) echo a > $file; while :; do echo noise >&2; done", limits: limits)
        }
    }

    @Test
    func aCopyBeyondTheLimitIsRefused() throws {
        let script = "\(Self.output) cat '\(Recording.floatWAV.path)' > $file"
        let bytes = try Recording.floatWAV.data.count
        try open(script, limits: SpoolLimits(bytes: bytes))
        let error = #expect(throws: AudioError.copyTooLarge(path: video, limitBytes: bytes - 1)) {
            try open(script, limits: SpoolLimits(bytes: bytes - 1))
        }
        #expect(error?.description.contains("\(video): its temporary copy takes more than") == true)
        #expect(try folder.contents.filter { $0.hasSuffix(".part") } == [])
    }

    /// A copy of a pipe counts as well.
    @Test
    func aPipeBeyondTheLimitIsRefused() throws {
        let sound = try Recording.floatWAV.data
        let spool = Spool(folder: folder.url.path, limits: SpoolLimits(bytes: sound.count - 1))
        #expect(throws: AudioError.copyTooLarge(path: "pipe", limitBytes: sound.count - 1)) {
            try AudioInput(
                descriptor: Conduit.holding(sound), name: "pipe", spool: spool, ffmpeg: nil)
        }
    }

    private struct Refusal: Error, Equatable {
        let channels: Int
        let rateHz: Int
        let seconds: Double?
    }

    /// The script decodes everything only if nothing refuses the beginning.
    @Test
    func soundsAreRefusedBeforeTheyAreDecoded() throws {
        let script = """
            echo '    title           : Duration: 9' >&2
            echo '  Duration: 01:02:03.50, start: 0.000000, bitrate: 1 kb/s' >&2
            for word; do test "$word" = -frames:a && only=1; done
            test "$only" || echo > '\(folder.path("decoded"))'
            \(Self.output) cat '\(Recording.sixChannels.path)' > $file
            """
        let refused = SpoolLimits(seconds: 5_000, bytes: 1 << 40) {
            throw Refusal(
                channels: $0.channelCount, rateHz: $0.sampleRateHz, seconds: $0.announcedSeconds)
        }
        #expect(throws: Refusal(channels: 6, rateHz: 48_000, seconds: 3723.5)) {
            try open(script, limits: refused)
        }
        // 3,723.5 s of six channels at 48 kHz in float32.
        let bytes = 4_289_472_000
        #expect(throws: AudioError.copyTooLarge(path: video, limitBytes: bytes - 1)) {
            try open(script, limits: SpoolLimits(bytes: bytes - 1) { _ in })
        }
        #expect(try folder.contents.contains("decoded") == false)
        try open(script, limits: SpoolLimits(bytes: bytes) { _ in })
        #expect(try folder.contents.contains("decoded"))
        // No more than the limit of seconds is decoded.
        try open(script, limits: SpoolLimits(seconds: 1, bytes: 2_000_000) { _ in })
    }

    @Test
    func fileThatLibsndfileDecodesNeedsNoFFmpeg() throws {
        let ffmpeg = try folder.ffmpeg("exit 1")
        _ = try AudioInput(path: Recording.flac.path, spool: Spool(), ffmpeg: ffmpeg)
    }

    @Test(arguments: [
        ("echo 'file:/dev/stdin: Invalid data found' >&2; exit 1", "ffmpeg: Invalid data found"),
        (
            "echo '[mov @ 0x5] moov atom not found' >&2; echo b >&2; exit 8",
            "ffmpeg: moov atom not found"
        ),
        ("echo \"Stream map '0:a:0' matches no streams.\" >&2; exit 1", "ffmpeg: no sound in it"),
        ("exit 3", "ffmpeg: ended with status 3"),
        ("exit 0", "ffmpeg: wrote nothing"),
        (
            "\(output) head -c 6000 '\(Recording.floatWAV.path)' > $file; echo killed >&2; exit 255",
            "ffmpeg: killed"
        ),
        ("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1", nil),
    ])
    func aFailureOfFFmpegHasItsReason(script: String, reason: String?) throws {
        let error = #expect(throws: AudioError.self) { try open(script) }
        if let reason { #expect(error == .notAudio(path: video, reason: reason)) }
        #expect(error?.description.hasPrefix("\(video): is not a sound file") == true)
        #expect(error?.description.contains("\n") == false)
    }

    @Test
    func fullDiskIsNoFaultOfTheFile() throws {
        #expect(
            throws: AudioError.writeFailed(
                path: "the decoded copy of \(video)", reason: "No space left on device")
        ) { try open("echo 'av_write_frame(): No space left on device' >&2; exit 1") }
    }

    @Test
    func packetsThatAreNotDecodedAreAWarning() throws {
        let script =
            "\(Self.output) cat '\(Recording.floatWAV.path)' > $file; echo '[aac @ 0x1] bad band' >&2"
        // A text alone is none: there may be a tag that ffmpeg doesn't know.
        #expect(try AudioFile.read(open(script)).warnings == [])
        let failure = "Error while decoding stream #0:0: Invalid data"
        #expect(
            try AudioFile.read(open("\(script); echo '\(failure)' >&2")).warnings == [
                .damaged(path: video, reason: "ffmpeg: bad band", atSeconds: nil, filledSeconds: 0)
            ])
    }

    @Test
    func outputThatIsNoSoundIsAnError() throws {
        #expect(throws: AudioError.self) { try open("\(Self.output) echo nonsense > $file") }
    }

    @Test
    func aProgramThatDoesNotStartIsAnError() throws {
        let path = try folder.write("no program", "ffmpeg")
        chmod(path, 0o755)
        let error = #expect(throws: AudioError.self) {
            try AudioInput(path: video, ffmpeg: FFmpeg(path: path))
        }
        #expect(error?.description.contains("ffmpeg") == true)
        #expect(throws: AudioError.self) {
            try AudioInput(path: video, ffmpeg: FFmpeg(path: folder.path("none")))
        }
    }

    @Test
    func cancellationEndsFFmpeg() throws {
        let mark = folder.path("pid")
        #expect(throws: CancellationError.self) {
            try open(
                "trap '' TERM; echo $$ > '\(mark)'; exec sleep 60",
                isCancelled: { FilePath.countBytes(mark) > 0 })
        }
        let text = try String(contentsOfFile: mark, encoding: .utf8)
        let process = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(kill(process, 0) != 0)
    }

    @Test
    func pipeThatLibsndfileDoesNotDecodeGoesToFFmpeg() throws {
        let ffmpeg = try folder.ffmpeg(
            "grep -q ftyp /dev/stdin && { \(Self.output) cat '\(Recording.floatWAV.path)' > $file; }"
        )
        let descriptor = Conduit.holding(try Data(contentsOf: URL(fileURLWithPath: video)))
        let input = try AudioInput(
            descriptor: descriptor, name: "standard input", spool: Spool(), ffmpeg: ffmpeg)
        #expect(try AudioFile.read(input) == AudioFile.read(Recording.floatWAV.path))
    }
}
