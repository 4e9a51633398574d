import Foundation
import TestSupport
import Testing

/// `tensors`, `trace` and `compare`.
struct TensorsTests {
    private let folder = TemporaryFolder()

    init() throws {
        try folder.writeTrack("song.wav")
    }

    @discardableResult
    private func run(_ words: String, exits code: Int32 = 0) throws -> CommandRun {
        try folder.run(words.split(separator: " ").map(String.init), exits: code)
    }

    private func prepare() throws {
        let run = try run("tensors prepare song.wav -o chunks -n cross_first --chunk 0.1001")
        #expect(run.output == "chunks\n")
        #expect(run.errors == "6 chunks of 160 samples\n")
    }

    @Test func aTrackGoesThroughFilesToStems() throws {
        try prepare()
        // The model is taken from the manifest.
        #expect(try run("tensors run chunks -q").output == "chunks\n")
        let stems = try run("tensors stems chunks -o stems --float32")
        #expect(stems.output == "stems/drums.wav\nstems/rest.wav\n")
        #expect(
            folder.paths.isSuperset(of: [
                "chunks/manifest.json", "chunks/chunk-00005/input.raw", "chunks/chunk-00005/x.raw",
                "chunks/chunk-00005/output.raw", "chunks/chunk-00005/add_67.raw",
            ]))
        // No other files, and no incomplete ones.
        #expect(folder.paths.count == 1 + 1 + 2 + 6 * 5 + 1 + 2)
    }

    @Test func anExcerptIsATrackOfItsOwn() throws {
        let words = "tensors prepare song.wav -o part -n cross_first --chunk 0.1001 -q"
        try run(words + " --start 0.2 --duration 0.15")
        let source = try #require(
            try folder.json("part/manifest.json")["source"] as? [String: Any])
        #expect(source["samples"] as? Int == 240 && source["start"] as? Double == 0.2)
        // The same again resumes, and another part doesn't.
        try run(words + " --start 0.2 --duration 0.15")
        let other = try run(words + " --start 0.1 --duration 0.15", exits: 1)
        #expect(other.errors.contains("(240 samples from 0.2 s) in the folder"))
        let late = try run(words + " --start 9", exits: 1)
        #expect(late.errors.contains("The excerpt begins at 9.0 s"))
        #expect(try run(words + " --duration 0", exits: 2).errors.contains("--duration"))
    }

    /// A pipe is read once; its checksum is that of what was read.
    @Test func aNamedPipeHasTheChecksumOfItsBytes() throws {
        func checksum(_ track: String, _ out: String) throws -> String {
            try run("tensors prepare \(track) -o \(out) -n cross_first -q")
            let source = try folder.json("\(out)/manifest.json")["source"] as? [String: Any]
            return try #require(source?["sha256"] as? String)
        }
        let expected = try checksum("song.wav", "whole")
        try folder.makePipe("pipe", holding: folder.data("song.wav"))
        #expect(try checksum("pipe", "piped") == expected)
    }

    @Test(arguments: [
        ("", "a name that no file can have"), ("../x", "a name that no file can have"),
        (#"a\u0000"#, "a name that no file can have"), ("Drums", "a name twice"),
    ])
    func aManifestWithAWrongSourceIsRefused(name: String, problem: String) throws {
        try prepare()
        let path = folder.url("chunks/manifest.json")
        let text = try String(contentsOf: path, encoding: .utf8)
        let changed = text.replacing("\"rest\"", with: "\"\(name)\"")
        try changed.write(to: path, atomically: true, encoding: .utf8)
        let refused = try run("tensors stems chunks -o stems", exits: 1)
        #expect(refused.errors.contains("'model.sources' has \(problem)"), "\(refused.errors)")
    }

    @Test func stemsAreNamedAfterTheModelThatIsAskedFor() throws {
        try prepare()
        try run("tensors run chunks -q")
        #expect(
            try run("tensors stems chunks -o out -n positions").output
                == "out/drums.wav\nout/rest.wav\n")
        let run = try run("tensors stems chunks -o out -n six_sources", exits: 1)
        #expect(run.errors.contains("a number of sources of 2, the model has 6"))
    }

    @Test func tracesAreComparedInTheOrderOfComputation() throws {
        try prepare()
        try run("trace chunks/chunk-00001 -o a.safetensors -q")
        try run("trace song.wav -n cross_first -o b.safetensors --chunk 0.1001 -q")
        let same = try run("compare a.safetensors a.safetensors --min-snr 200")
        #expect(same.outputLines.last == "76 of 76 compared, all equal")
        let other = try run(
            "compare a.safetensors b.safetensors --only x,*coder.? --min-snr 60", exits: 1)
        #expect(other.outputLines.dropFirst().first?.hasPrefix("x ") == true)
        #expect(other.outputLines.contains { $0.hasPrefix("wrong: x has ") })
        try run("compare a.safetensors b.safetensors", exits: 1)
        try run("compare a.safetensors b.safetensors --bound -100")
        let bare = try run("trace chunks -n cross_first -o c.safetensors", exits: 1)
        #expect(bare.errors.hasPrefix("error: chunks: contains no tensor 'mix'; it has chunk-0"))

        // The other file begins elsewhere in the song, but each of its layers is right.
        let json = try run(
            "compare a.safetensors b.safetensors -n cross_first --json --only mix,xt", exits: 1)
        let document = try json.json()
        let wrong = try #require(document["wrong"] as? [[String: Any]])
        #expect(wrong.map { $0["name"] as? String } == ["mix"])
        #expect(wrong[0].keys.sorted() == ["name", "own_snr_db", "snr_db"])
        #expect(document["compared"] as? Int == 2 && document["expected"] as? Int == 2)
        let equal = try run("compare a.safetensors a.safetensors -n cross_first --json").json()
        #expect((equal["wrong"] as? [Any])?.isEmpty == true)
        let judged = try run("compare a.safetensors a.safetensors -n cross_first")
        #expect(judged.outputLines[0].contains("own dB") && !same.outputLines[0].contains("own dB"))
        try run("compare a.safetensors a.safetensors --like a.safetensors", exits: 2)
        let rows = try #require(document["tensors"] as? [[String: Any]])
        #expect(rows.map { $0["name"] as? String } == ["mix", "xt"])
        #expect(rows[0]["shape"] as? [Int] == [2, 160])
    }

    @Test func calibrationSetsHaveListsOfTheirFiles() throws {
        let run = try run(
            "tensors calibrate song.wav -o set -n cross_first --chunk 0.05 --samples 4 --type "
                + "float16")
        #expect(run.output == "set/dataset.txt\nset/input_list.txt\n")
        #expect(folder.paths.isSuperset(of: ["set/input/00003.npy", "set/x/00003.npy"]))
    }

}
