import Foundation
import ModelZoo
import TestSupport
import Testing

/// Output for programs: JSON lines, exit codes, lists of models.
struct SeparateReportTests {
    private let folder = TemporaryFolder()

    @Test func jsonLinesDescribeTheRun() throws {
        try folder.writeTrack("good \"1\".wav")
        try folder.write("text", "bad.wav")
        let run = try folder.run(
            "bad.wav", "good \"1\".wav", "-n", "cross_first", "--json", "--seed=9", "--quiet",
            exits: 1)
        let events = try run.events()
        let kinds = events.map { $0["event"] as? String }
        #expect(kinds.first == "start" && kinds.last == "manifest")
        #expect(kinds.contains("progress"))
        #expect(kinds.count { $0 == "track" } == 2)
        #expect(events[0]["tracks"] as? Int == 2)

        let manifest = try #require(events.last)
        #expect(manifest["exit_code"] as? Int == 1)
        #expect(manifest["version"] as? String == "0.1.0")
        #expect(manifest["counts"] as? [String: Int] == ["done": 1, "failed": 1])
        let model = try #require(manifest["model"] as? [String: Any])
        #expect(model["name"] as? String == "cross_first")
        #expect((model["sha256"] as? [String])?.first?.count == 64)
        let parameters = try #require(manifest["parameters"] as? [String: Any])
        #expect(parameters["shifts"] as? Int == 1)
        // The model's own, which a later version may change.
        #expect(parameters["overlap"] as? Double == 0.25)
        let tracks = try #require(manifest["tracks"] as? [[String: Any]])
        #expect(tracks.map { $0["status"] as? String } == ["failed", "done"])
        #expect((tracks[0]["error"] as? String)?.hasPrefix("bad.wav: ") == true)
        #expect(tracks[1]["seed"] as? Int == 9)
        #expect(tracks[1]["channels"] as? Int == 2)
        let outputs = try #require(tracks[1]["outputs"] as? [[String: Any]])
        #expect(outputs.map { $0["stem"] as? String } == ["drums", "rest"])
        for output in outputs {
            let path = try #require(output["path"] as? String)
            let data = try folder.data(path)
            #expect(output["bytes"] as? Int == data.count)
            #expect(output["duration_seconds"] as? Double == 0.4375)
            #expect((output["peak"] as? Double).map { $0 > 0 } == true)
            #expect((output["gain"] as? Double).map { $0 > 0 && $0 <= 1 } == true)
        }
    }

    /// What demucs prints: its lines to standard output, tqdm's bar to standard error.
    @Test(arguments: ["option", "environment", "name"])
    func programsThatReadDemucsGetItsLinesAndBars(way: String) throws {
        try folder.writeTrack("a.wav", samples: 4000)
        let link = folder.url.appendingPathComponent("demucs")
        try FileManager.default.createSymbolicLink(
            at: link, withDestinationURL: CommandRun.executable)
        let run = try CommandRun(
            ["a.wav", "-n", "cross_first", "-o", "out"]
                + (way == "option" ? ["--progress", "tqdm"] : []),
            in: folder.url,
            environment: way == "environment" ? ["SWIFT_DEMUCS_PROGRESS": "tqdm"] : [:],
            executable: way == "name" ? link : CommandRun.executable)
        #expect(
            run.outputLines == [
                "Selected model is a bag of 1 models. You will see that many progress bars per track.",
                "Separated tracks will be stored in \(folder.path("out/cross_first"))",
                "Separating track a.wav",
            ])
        let bar =
            /\r *(\d+)%\|[█ ]+\| (\d+\.\d+)\/2.50 \[\d\d:\d\d<(\d\d:\d\d|\?), +[\d.?]+s?(\/seconds|econds\/s)\]\n?/
        let matches = run.errors.matches(of: bar)
        #expect(matches.map { String($0.0) }.joined() == run.errors)
        #expect(matches.first?.1 == "0" && matches.last?.1 == "100" && matches.last?.2 == "2.50")
        #expect(run.errors.last == "\n" && run.errors.count { $0 == "\n" } == 1)
    }

    @Test func eachModelOfABagHasItsBar() throws {
        try folder.writeTrack("a.wav", samples: 4000)
        try folder.write("models: [cross_first, cross_first, cross_first]", "three.yaml")
        let run = try folder.run("a.wav", "-n", "three.yaml", "--progress=tqdm")
        #expect(run.output.hasPrefix("Selected model is a bag of 3 models."))
        #expect(run.errors.count { $0 == "\n" } == 3)
        #expect(run.errors.matches(of: /100%[^\r]+\n/).count == 3)
        // Other things on standard output: the environment doesn't change them.
        let events = try CommandRun(
            ["a.wav", "-n", "cross_first", "--json"], in: folder.url,
            environment: ["SWIFT_DEMUCS_PROGRESS": "tqdm"])
        #expect(try events.events().count > 3)
        let refused = try CommandRun(
            ["a.wav", "-n", "cross_first"], in: folder.url,
            environment: ["SWIFT_DEMUCS_PROGRESS": "bars"], exits: 2)
        #expect(refused.errors == "error: SWIFT_DEMUCS_PROGRESS is 'bars', expected bar or tqdm\n")
    }

    @Test func progressCountsUpToTheEnd() throws {
        try folder.writeTrack("a.wav")
        let run = try folder.run("a.wav", "-qn", "cross_first", "--json", "--shifts=2", "--dry-run")
        #expect(try run.events().map { $0["event"] as? String } == ["start", "track", "manifest"])
        let real = try folder.run("a.wav", "-qn", "cross_first", "--json", "--shifts=2")
        let steps = try real.events("progress")
        let done = steps.compactMap { $0["segments_done"] as? Int }
        let total = try #require(steps.first?["segments_total"] as? Int)
        #expect(done == Array(0...total))
        #expect(steps.last?["audio_seconds_total"] as? Double == 0.4375)
    }

    @Test func modelsAreListedAsTheReferenceDoes() throws {
        let known = try folder.run("--list-models")
        #expect(known.output.hasPrefix("Bag of models:\n    htdemucs\n    htdemucs_ft\n"))
        #expect(known.output.contains("Single models:\n    955717e8\n"))
        try folder.write("models: ['abc']", "mine.yaml")
        try folder.write("x", "abc-01234567.th")
        let local = try folder.run("--list-models", "--repo", ".")
        #expect(local.output == "Bag of models:\n    mine\nSingle models:\n    abc\n")
    }

    /// A file that holds the model `cross_first` twice, as `one.` and `two.`.
    private func twoModels() throws -> Data {
        let one = try RawCheckpoint(fixture: "cross_first")
        let tensors = ["one", "two"].flatMap { member in
            one.tensors.map { tensor in
                var tensor = tensor
                tensor.name = "\(member).\(tensor.name)"
                return tensor
            }
        }
        return try RawCheckpoint(metadata: one.metadata, tensors: tensors).data
    }

    @Test func aModelOfAFileWithSeveralIsChosen() throws {
        try folder.writeTrack("a.wav")
        try folder.write(try twoModels(), "several.safetensors")
        let several = "several.safetensors"
        let refused = try folder.run("a.wav", "-qn", several, exits: 3)
        #expect(refused.errors.contains("choose one of them (--member)"))
        try folder.run("a.wav", "-qn", several, "--member", "three", exits: 3)
        let chosen = try folder.run("a.wav", "-qn", several, "--member", "two", "--stems=rest")
        #expect(chosen.outputLines == ["separated/several_two/a/rest.wav"])
    }
}
