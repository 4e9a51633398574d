import Foundation
import System
import TestSupport
import Testing
import Tracks

/// The conditions under which `--skip-existing` skips a track.
struct SkipExistingTests {
    private let folder = TemporaryFolder()
    private let stem = "out/cross_first/a/drums.wav"
    private static let demo = Fixture.bundledModels.appendingPathComponent("demo.safetensors").path
    /// Path of the record, with the checksum of `cross_first/a/drums.wav`.
    private static let record = "out/.swift-demucs/a.wav-18d5a1c6142e14dd/track.json"

    init() throws {
        try folder.writeTrack("a.wav")
        #expect(try isSkipped() == false)
    }

    private func run(_ more: [String], model: String = "cross_first") throws -> CommandRun {
        try folder.run(["a.wav", "-n", model, "-o", "out", "--skip-existing"] + more)
    }

    /// Whether a run skips the track.
    private func isSkipped(_ more: String..., model: String = "cross_first") throws -> Bool {
        let run = try run(more, model: model)
        return run.errors.contains("Already done: a.wav")
    }

    @Test func hiddenFilesAreNoStems() throws {
        let folder = TemporaryFolder()
        try folder.writeTrack("a.wav")
        try folder.write("", "out/cross_first/.DS_Store")
        try folder.run("a.wav", "-qn", "cross_first", "-o", "out", "--skip-existing")
        #expect(folder.exists("out/.swift-demucs"))
    }

    @Test func aSecondRunDoesNothing() throws {
        let before = try folder.data(stem)
        // Without a seed, a new separation would give other samples.
        #expect(try isSkipped())
        #expect(try folder.data(stem) == before)
    }

    /// Options of a request that change the files, each with a value that does.
    private static let changing = [
        "shifts": ["--shifts=0"], "overlap": ["--overlap=0.5"], "segment": ["--segment=0.2"],
        "no-split": ["--no-split"], "transition-power": ["--transition-power=2"],
        "precision": ["--precision=bfloat16"], "then": ["--then=drums=cross_first"],
        "start": ["--start=0.1"], "duration": ["--duration=0.2"], "downmix": ["--downmix=layout"],
        "stems": ["--stems=drums"], "two-stems": ["--two-stems=drums"],
        "other-method": ["--two-stems=drums", "--other-method=none"],
        "mix": ["--mix=both=drums+rest"], "residual": ["--residual"], "flac": ["--flac"],
        "mp3": ["--mp3"], "mp3-bitrate": ["--mp3", "--mp3-bitrate=128"],
        "mp3-preset": ["--mp3", "--mp3-preset=7"], "int24": ["--int24"], "float32": ["--float32"],
        "clip-mode": ["--clip-mode=clamp"], "gain": ["--gain=common"],
        "output-rate": ["--output-rate=input"], "no-tags": ["--no-tags"],
    ]

    /// Options of a request that change no file; the seed has tests of its own, and `format` is `--flac` at
    /// other doors.
    private static let keeping: Set = ["seed", "analyze", "format"]

    @Test func optionsThatChangeTheSamplesSeparateAgain() throws {
        let names = SeparationRequest.fields.map(\.name)
        #expect(
            Set(names) == Self.keeping.union(Self.changing.keys),
            "a new option belongs into one of the lists")
        for options in Self.changing.values {
            #expect(
                try run(["--dry-run"] + options).errors == "Would separate a.wav\n", "\(options)")
        }
    }

    /// Options that count only beside another one.
    @Test(arguments: [
        ("--mp3", "--mp3-bitrate=128"), ("--mp3", "--mp3-preset=7"),
        ("--two-stems=bass", "--other-method=none"),
    ])
    func optionsOfAnOptionSeparateAgain(option: String, more: String) throws {
        #expect(try isSkipped(option, model: Self.demo) == false)
        #expect(try isSkipped(option, model: Self.demo))
        #expect(try isSkipped(option, more, model: Self.demo) == false)
    }

    @Test func optionsThatKeepTheSamplesSkipTheTrack() throws {
        for options in [["--threads=1"], ["--jobs=2"], ["--quiet"], ["--json"]] {
            #expect(try !run(options).output.contains("drums.wav\n"), "\(options)")
        }
    }

    @Test func theSeedCountsOnlyIfItIsAskedForAndUsed() throws {
        #expect(try isSkipped("--seed=5", "--force") == false)
        #expect(try isSkipped("--seed=5"))
        #expect(try isSkipped("--seed=6") == false)
        #expect(try isSkipped())
        // Without shifts it does not count.
        #expect(try isSkipped("--seed=5", "--shifts=0") == false)
        #expect(try isSkipped("--seed=5", "--shifts=0"))
        #expect(try isSkipped("--seed=6", "--shifts=0"))
    }

    /// Reading a pipe again for its checksum would wait for ever.
    @Test func aNamedPipeIsSeparatedWithoutARecord() throws {
        try folder.makePipe("pipe.wav", holding: folder.data("a.wav"))
        try folder.run("pipe.wav", "-n", "cross_first", "-o", "out", "--quiet")
        #expect(try !folder.data("out/cross_first/pipe/drums.wav").isEmpty)
        let records = try FileManager.default.contentsOfDirectory(
            atPath: folder.url("out/.swift-demucs").path)
        #expect(records.allSatisfy { !$0.hasPrefix("pipe") })
    }

    @Test func anotherInputIsDoneAgainAndTheSameOneElsewhereIsNot() throws {
        // Another modification time, the same bytes.
        let bytes = try folder.data("a.wav")
        try bytes.write(to: folder.url("a.wav"))
        #expect(try isSkipped())
        try folder.writeTrack("a.wav", replacing: [3: 0.5])
        #expect(try isSkipped() == false)
        #expect(try isSkipped())
    }

    @Test func anotherModelOfThatNameIsDoneAgain() throws {
        let other = folder.url("cross_first.safetensors").path
        try FileManager.default.copyItem(
            at: Fixture.url("models/cross_first.safetensors"),
            to: folder.url("cross_first.safetensors"))
        #expect(try isSkipped(model: other))
        try FileManager.default.removeItem(atPath: other)
        try FileManager.default.copyItem(
            at: Fixture.url("models/dconv_depth_1.safetensors"),
            to: folder.url("cross_first.safetensors"))
        #expect(try run(["--dry-run"], model: other).errors == "Would separate a.wav\n")
    }

    @Test func aStemThatIsGoneOrChangedIsDoneAgain() throws {
        try FileManager.default.removeItem(at: folder.url(stem))
        #expect(try isSkipped() == false)
        var bytes = try folder.data(stem)
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: folder.url(stem))
        #expect(try isSkipped() == false)
        #expect(try isSkipped())
    }

    // MARK: - Folders without records

    private func removeRecords() throws {
        try FileManager.default.removeItem(at: folder.url("out/.swift-demucs"))
    }

    @Test func withoutRecordsATrackIsDoneIfItsStemsAreWhole() throws {
        try removeRecords()
        let before = try folder.data(stem)
        let run = try run(["--json", "--shifts=0"])
        #expect(run.errors.contains("Already done: a.wav"))
        #expect(run.errors.components(separatedBy: "has stems and no records").count == 2)
        #expect(try run.events("track").first?["status"] as? String == "skipped")
        // A cut file, one that is no sound, and none.
        for bytes in [before.prefix(before.count - 100), Data("text".utf8), Data(), nil] {
            try FileManager.default.removeItem(at: folder.url(stem))
            if let bytes { try folder.write(bytes, stem) }
            #expect(try isSkipped() == false)
            #expect(try isSkipped())
        }
        #expect(try isSkipped("--force") == false)
        #expect(try isSkipped("--analyze") == false)
        #expect(!folder.exists("out/.swift-demucs"))
    }

    @Test func withoutRecordsTheLengthOfTheStemsCounts() throws {
        try removeRecords()
        #expect(try isSkipped("--duration=0.2") == false)
        #expect(try isSkipped() == false)
        #expect(try isSkipped("--start=0.1", "--duration=0.4"))
        try folder.writeTrack("a.wav", samples: 1_100)
        #expect(try isSkipped() == false)
        #expect(try isSkipped())
        #expect(try isSkipped("--start=0.4") == false)
        #expect(try isSkipped("--start=0.4"))
        #expect(try isSkipped() == false)
    }

    @Test(arguments: ["--mp3", "--flac"]) func withoutRecordsCodedStemsCount(format: String) throws
    {
        try removeRecords()
        let source = try Data(contentsOf: Fixture.url("audio/encoded/quiet_none_16.wav"))
        try folder.write(source, "a.wav")
        #expect(try isSkipped(format, model: Self.demo) == false)
        try removeRecords()
        #expect(try isSkipped(format, model: Self.demo))
        let stem = "out/demo/a/drums.\(format.dropFirst(2))"
        let whole = try folder.data(stem)
        try folder.write(whole.prefix(whole.count / 2), stem)
        #expect(try isSkipped(format, model: Self.demo) == false)
    }

    @Test func theOutputFolderMayBeMovedAndSpelledOtherwise() throws {
        try FileManager.default.moveItem(at: folder.url("out"), to: folder.url("moved"))
        for out in ["moved", "moved/", "./moved", folder.url("moved").path] {
            let run = try folder.run(
                ["a.wav", "-n", "cross_first", "-o", out, "--skip-existing"])
            #expect(run.errors.contains("Already done: a.wav"), "\(out)")
        }
    }

    @Test func aRecordThatIsDamagedIsNone() throws {
        for text in ["", "{", "{\"version\": 2}", "[]"] {
            try folder.write(text, Self.record)
            #expect(try isSkipped() == false)
            #expect(try isSkipped())
        }
        // One of a later version stays.
        for version in [3, 99] {
            let text = "{\"version\": \(version)}"
            try folder.write(text, Self.record)
            for _ in 0..<2 { #expect(try isSkipped() == false) }
            #expect(try folder.data(Self.record) == Data(text.utf8))
        }
    }

    /// Records of earlier versions show an analysis by its tempo or key alone.
    @Test(arguments: [
        ("--shifts=1", #""start_seconds": 0"#, ""),
        (
            "--no-tags --transition-power=2 --start=0.1",
            #""copies_tags": false, "transition_power": 2, "start_seconds": 0.1"#,
            #", "is_analyzed": true"#
        ),
        ("--shifts=1", #""start_seconds": 0"#, #", "tempo_bpm": 120"#),
        ("--shifts=1", #""start_seconds": 0"#, #", "key": "C major""#),
    ])
    func aRecordHasTheDocumentedForm(options: String, values: String, analysis: String) throws {
        let options = options.split(separator: " ").map(String.init)
        // Silence, which has neither tempo nor key.
        try folder.writeTrack("a.wav", gain: 0)
        _ = try run(options)
        func file(_ path: String) throws -> String {
            let bytes = [UInt8](try folder.data(path))
            return #"{"name": "\#(folder.url(path).lastPathComponent)", "modified": 1, "#
                + #""bytes": \#(bytes.count), "sha256": "\#(SHA256(of: bytes).hexadecimal)"}"#
        }
        let model = try Data(contentsOf: Fixture.url("models/cross_first.safetensors"))
        let outputs = try ["drums", "rest"].map { stem in
            #"{"stem": "\#(stem)", "file": \#(try file("out/cross_first/a/\(stem).wav")), "#
                + #""peak": 0.5, "gain": 1, "duration_seconds": 0.4375}"#
        }
        let text = """
            {"version": 2, "program": "0", "name": "a.wav", "path": "a.wav", "model": "cross_first",
            "state": "done", "result": {"seed": 7, "input": \(try file("a.wav")),
            "model": {"checkpoints": ["\(SHA256(of: [UInt8](model)).hexadecimal)"]},
            "parameters": {"outputs": ["drums", "rest"], "shifts": 1, "overlap": 0.25, "split": true,
            "downmix": "first", "precision": "float32", "container": "wav", "gain": "stem",
            "sample_format": "int16", "clip_mode": "rescale", "rate": "model", \(values)},
            "outputs": [\(outputs.joined(separator: ", "))]\(analysis)}}
            """
        let written = try folder.json(Self.record)
        try folder.write(text, Self.record)
        let results = [written, try folder.json(Self.record)].map { $0["result"] as? [String: Any] }
        let parameters = results.map { $0?["parameters"] as? NSDictionary }
        #expect(parameters[0] == parameters[1])
        // Nothing is written that isn't documented.
        let findings: Set = ["is_analyzed", "tempo_bpm", "key"]
        let names = results.map { Set($0?.keys.map { $0 } ?? []).subtracting(findings) }
        #expect(names[0] == names[1] && findings.isDisjoint(with: (results[0] ?? [:]).keys))
        for member in ["input", "model", "outputs"] {
            let members = results.map { result in
                (result?[member] as? [String: Any] ?? (result?[member] as? [[String: Any]])?[0])?
                    .keys.sorted()
            }
            #expect(members[0] == members[1], "\(member)")
        }
        #expect(written["version"] as? Int == 2)
        #expect(try run(options).errors.contains("Already done: a.wav"))
        #expect(try folder.data(Self.record) == Data(text.utf8))
        let errors = try run(options + ["--analyze"]).errors
        #expect(errors.contains("Already done: a.wav") == !analysis.isEmpty)
    }

    /// Silence has neither tempo nor key.
    @Test func anAnalysedTrackWithoutFindingsIsSkipped() throws {
        try folder.writeTrack("a.wav", gain: 0)
        _ = try run(["--analyze"])
        let result = try #require(try folder.json(Self.record)["result"] as? [String: Any])
        #expect(result["is_analyzed"] as? Bool == true && result["tempo_bpm"] == nil)
        #expect(try run(["--analyze"]).errors.contains("Already done: a.wav"))
    }
}
