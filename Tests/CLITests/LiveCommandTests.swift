import CLI
import Demucs
import Foundation
import TestSupport
import Testing

/// `live` with a model of 1,600 Hz and 0.25 s, from files as standard input.
struct LiveCommandTests {
    private static let lengths = ["--lookahead", "0.05", "--hop", "0.05", "--window", "0.2"]
    private static let delay = 80 + 16 + 2 * 80

    private let folder = TemporaryFolder()
    private let track = NoiseTrack.buffer(samples: 3_000, amplitude: 0.5)

    private func run(
        _ arguments: String..., input: String = "in.wav", exits code: Int32 = 0
    ) throws -> CommandRun {
        try folder.write(
            WAVFile.bytes(float32: track.interleaved, channels: 2, rateHz: 1_600), "in.wav")
        return try CommandRun(
            ["live", "-n", "cross_first"] + Self.lengths + arguments, in: folder.url,
            input: input, exits: code)
    }

    /// The samples of a WAV file without known sizes, or of raw output.
    private func samples(_ run: CommandRun, headerBytes: Int = 58) -> [Float] {
        Data(run.outputBytes.dropFirst(headerBytes)).withUnsafeBytes {
            Array($0.bindMemory(to: Float.self))
        }
    }

    @Test func theDelayNeedsNoInput() throws {
        try folder.write(Data(), "empty")
        #expect(try run("--print-delay", input: "empty").output == "\(Self.delay)\n")
        let delay = try run("--print-delay", "--raw", "3200", input: "empty").output
        #expect((Int(delay.dropLast()) ?? 0) > 2 * Self.delay)
    }

    @Test func theOutputIsLaterByThePrintedDelay() throws {
        #expect(try run("--print-delay").output == "\(Self.delay)\n")
        let whole = try run("--wait")
        #expect(whole.outputBytes.starts(with: Data("RIFF".utf8)))
        let found = samples(whole)
        #expect(found.count == 2 * (3_000 + Self.delay))
        #expect(found[..<(2 * Self.delay)].allSatisfy { $0 == 0 })
        #expect(found[(2 * Self.delay)...].contains { $0 != 0 })
        #expect(whole.errors.isEmpty)
    }

    /// Muting a stem leaves the sum of the others.
    @Test func stemsAreMutedAndPlayedAlone() throws {
        let drums = try samples(run("--wait", "--stem", "drums"))
        let rest = try samples(run("--wait", "--stem", "rest"))
        let both = try samples(run("--wait"))
        #expect(try samples(run("--wait", "--mute", "rest")) == drums)
        let all = try samples(run("--wait", "--channels", "rest,drums"))
        // The output of a seeded network is often louder than the track, which limits it.
        let quiet = drums.indices.filter {
            abs(drums[$0]) < 0.1 && abs(rest[$0]) < 0.1 && abs(both[$0]) < 0.1
        }
        #expect(quiet.count > 100)
        for index in quiet {
            let frame = 4 * (index / 2) + index % 2
            #expect(both[index] == drums[index] + rest[index])
            #expect((all[frame], all[frame + 2]) == (rest[index], drums[index]))
        }
        #expect(both.allSatisfy { abs($0) <= track.peak })
        let none = try samples(run("--wait", "--mute", "rest", "--mute", "drums"))
        #expect(none.allSatisfy { $0 == 0 })
    }

    @Test func rawSamplesHaveNoHeader() throws {
        try folder.write(track.interleaved.withUnsafeBytes { Data($0) }, "in.raw")
        let raw = try run("--wait", "--raw", "1600", input: "in.raw")
        #expect(try samples(raw, headerBytes: 0) == samples(run("--wait")))
    }

    /// Without `--wait`, the clock decides what is late; the sound is as long in any case.
    @Test func inRealTimeTheSoundIsAsLong() throws {
        let live = try run("--quiet", "--hop", "0.1")
        #expect(samples(live).count == 2 * (3_000 + 80 + 32 + 2 * 160))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let cases: [([String], String)] = [
            (
                ["--stem", "choir"],
                "The value 'choir' is invalid for '--stem <name>': expected one of"
            ),
            (["--stem", "drums", "--mute", "bass"], "'--stem' can't be combined with '--mute'"),
            (["--channels", "drums"], "expected all stems of the model, drums,rest"),
            (["--hop", "0"], "'--hop <s>'"),
            (["--window", "9"], "'--window <s>'"),
            (["--lookahead", "-1"], "'--lookahead <s>'"),
            (["--preset", "slow"], "expected one of best, balanced, fast"),
        ]
        for (arguments, text) in cases {
            try folder.write(
                WAVFile.bytes(float32: track.interleaved, channels: 2, rateHz: 1_600), "in.wav")
            let run = try CommandRun(
                ["live", "-n", "cross_first"] + Self.lengths + arguments, in: folder.url,
                input: "in.wav", exits: 2)
            #expect(run.errors.contains(text), "\(run.errors)")
            #expect(run.outputBytes.isEmpty)
        }
        try folder.write(Data("ID3 is no header".utf8), "song.mp3")
        let run = try run("--wait", input: "song.mp3", exits: 1)
        #expect(run.errors.contains("a stream must be WAV, AU or Ogg"))
    }

    @Test func keysChangeTheGains() {
        let controls = LiveControls(["drums", "bass"], [1, 1])
        #expect(controls.line == "1 drums ▁  2 bass ▁")
        #expect(controls.press("2"))
        #expect(controls.gains == [1, 0])
        #expect(controls.line.hasSuffix("2 bass off"))
        #expect(controls.press("2") && controls.press("-"))
        #expect(controls.line.hasSuffix("2 bass ▁ -3 dB"))
        #expect(controls.press("s") && controls.press("9") && controls.press("x"))
        #expect(controls.gains == [0, 1])
        #expect(controls.press("0"))
        #expect(controls.gains == [1, 1])
        #expect(!controls.press("q"))
        let loud = PlanarAudio(channels: [[1], [1], [0], [0]], sampleRateHz: 1)
        controls.show(
            LiveBlock(
                samples: StemBlock(stems: loud, mixture: loud), missing: [0], peaks: [loud.peak]))
        #expect(controls.line == "1 drums █  2 bass ▁")
    }
}
