import Foundation
import TestSupport
import Testing

/// Separation with the tiny models of the fixtures, and its failures.
struct SeparateTests {
    private let folder = TemporaryFolder()

    init() throws {
        try folder.writeTrack("a.wav")
    }

    @Test func stemsGoToFoldersOfModelAndTrack() throws {
        try folder.writeTrack("my.song.wav")
        let run = try folder.run(
            "-n", "cross_first", "my.song.wav", "-o", "out", "--seed", "3", "--precision", "auto")
        #expect(
            run.outputLines == [
                "out/cross_first/my.song/drums.wav", "out/cross_first/my.song/rest.wav",
            ])
        // A busy machine has lines of smaller shares between them.
        let begin = run.errorLines.prefix(3)
        #expect(begin.first == "Seed 3" && begin.last == "Separating my.song.wav")
        #expect(begin.dropFirst().first?.wholeMatch(of: /Precision (float32|bfloat16|int8)/) != nil)
        let last = run.errorLines.suffix(2)
        #expect(last.first?.hasPrefix("100 %, 0:00 of 0:00") == true)
        #expect(last.last?.hasPrefix("Done: 0:00 in ") == true)
        // 700 samples of two channels at 16 bits, behind a header with the mark.
        #expect(
            try folder.data("out/cross_first/my.song/drums.wav").count == WAVFile.stemHeaderBytes
                + 2800)
        #expect(folder.paths.allSatisfy { !$0.hasSuffix(".part") })
    }

    @Test func anotherDeviceIsIgnoredWithALine() throws {
        let run = try folder.run("a.wav", "-qn", "cross_first", "-d", "cuda", "--shifts=0")
        #expect(
            run.errors
                == "warning: the device 'cuda' is ignored: everything runs on the CPU\n")
    }

    @Test func valuesMayBeAttached() throws {
        try folder.writeTrack("-a.wav")
        let run = try folder.run("-qncross_first", "-o=out", "--shifts=0", "--", "-a.wav")
        #expect(run.outputLines.first == "out/cross_first/-a/drums.wav")
    }

    @Test func aFileWhoseNameIsNoTextIsSeparated() throws {
        try folder.makeFolder("music")
        let name = Array(folder.url("music/b").path.utf8) + [0xE4] + Array(".wav\0".utf8)
        let isMade = name.withUnsafeBytes {
            link(folder.url("a.wav").path, $0.baseAddress!.assumingMemoryBound(to: CChar.self)) == 0
        }
        // Some file systems refuse such names.
        guard isMade else { return }
        let options = ["-n", "cross_first", "--stems=drums", "--shifts=0", "-q"]
        let stem = "separated/cross_first/b%E4/drums.wav"
        for operand in ["music", "music/b*.wav"] {
            #expect(try folder.run([operand] + options).outputLines == [stem[...]])
        }
        // An argument of a `Process` is text, but that of a shell is any bytes.
        let run = try folder.shell(#""$0" "$(printf 'music/b\344.wav')" "$@""#, options)
        #expect(run.outputLines == [stem[...]])
        let again = try folder.run(["music", "--skip-existing"] + options.dropLast())
        #expect(again.errors.contains("Already done: music/b\\xE4.wav"))
    }

    /// Options of the request reach the samples, which `FileSeparationTests` compare.
    @Test func theRequestReachesTheSamples() throws {
        // Too quiet for clipping.
        try folder.writeTrack("b.wav", samples: 1600, rateHz: 4000, gain: 0.1)
        func samples(_ name: String, _ count: Int) throws -> [Float] {
            try folder.data(name).suffix(4 * count).withUnsafeBytes { bytes in
                (0..<count).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
            }
        }
        let run = try folder.run(
            "b.wav", "-qn", "base", "--shifts=0", "--start=0.1", "--duration=0:0.2",
            "--two-stems=vocals", "--other-method=minus", "--float32", "--clip-mode=none", "-o=out")
        #expect(run.outputLines == ["minus_vocals", "vocals"].map { "out/base/b/\($0).wav" })
        let stems = try run.outputLines.map { try samples(String($0), 1600) }
        let track = try samples("b.wav", 3200)[800..<2400]
        // Sums in another order differ in the last bits of numbers below one.
        #expect(zip(zip(stems[0], stems[1]).map(+), track).allSatisfy { abs($0 - $1) < 1e-6 })
        // Loud enough that stems are rescaled.
        try folder.writeTrack("c.wav", samples: 3001, rateHz: 4000, gain: 30)
        let outputs =
            try folder.run(
                "c.wav", "-qn", "cross_first", "--shifts=0", "--gain=common", "--output-rate=input",
                "--json"
            ).events("track").first?["outputs"] as? [[String: Any]]
        #expect(
            try #require(outputs).map { $0["bytes"] as? Int }
                == Array(
                    repeating: WAVFile.stemHeaderBytes + 3001 * 4, count: 2))
        let gains = Set(try #require(outputs).compactMap { $0["gain"] as? Double })
        #expect(gains.count == 1 && gains.allSatisfy { $0 < 1 })
    }

    @Test func aTruncatedTrackIsSeparatedWithAWarning() throws {
        try folder.writeTrack("whole.wav")
        try folder.write(try folder.data("whole.wav").prefix(44 + 8 * 350), "cut.wav")
        let run = try folder.run("cut.wav", "-qn", "cross_first", "-o", "out")
        try #require(run.errorLines.count == 1)
        #expect(run.errorLines[0].hasPrefix("warning: cut.wav: "))
        #expect(
            try folder.data("out/cross_first/cut/rest.wav").count == WAVFile.stemHeaderBytes + 350
                * 4)
    }

    @Test func withoutANameTheDemoIsUsedWithAWarning() throws {
        let run = try folder.run(
            ["a.wav", "-qo", "out", "--shifts=0"],
            models: Fixture.bundledModels.path)
        #expect(run.errors.hasPrefix("warning: the model 'htdemucs' was not found"))
        #expect(run.errors.contains("using the bundled 'demo': expect an SDR of about 6 dB"))
        #expect(run.errors.contains("'swift-demucs models fetch htdemucs' gets it"))
        #expect(run.errorLines.count == 1)
        #expect(folder.exists("out/demo/a/vocals.wav"))
    }

    /// The same run without `--dry-run` would fetch the default model, or say that it can't.
    @Test func aDryRunDoesNotTakeTheDemoForAModelThatWouldBeFetched() throws {
        let models = Fixture.bundledModels.path
        let run = try folder.run(
            ["a.wav", "--dry-run"], models: models, environment: ["HF_HUB_OFFLINE": "0"], exits: 3)
        #expect(run.errors.contains("the model 'htdemucs' was not found"))
        #expect(run.errors.hasSuffix("and is not fetched because this is a dry run\n"))
        let offline = try folder.run(["a.wav", "--dry-run", "--offline"], models: models)
        #expect(offline.output.contains("separated/demo/a/vocals.wav"))
    }
}
