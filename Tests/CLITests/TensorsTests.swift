import Foundation
import TestSupport
import Testing

/// `tensors`, `trace` and `compare` as a user calls them.
struct TensorsTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.writeTrack("song.wav")
    }

    private func run(_ words: String) throws -> CommandRun {
        try CommandRun(words.split(separator: " ").map(String.init), in: folder.url)
    }

    private func prepare() throws {
        let run = try run("tensors prepare song.wav -o chunks -n cross_first --chunk 0.1001")
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output == "chunks\n")
        #expect(run.errors == "6 chunks of 160 samples\n")
    }

    @Test func aTrackGoesThroughFilesToStems() throws {
        try prepare()
        // The model is the manifest's.
        #expect(try run("tensors run chunks -q").output == "chunks\n")
        let stems = try run("tensors stems chunks -o stems --float32")
        #expect(stems.exitCode == 0, "\(stems.errors)")
        #expect(stems.output == "stems/drums.wav\nstems/rest.wav\n")
        #expect(
            folder.contents.isSuperset(of: [
                "chunks/manifest.json", "chunks/chunk-00005/input.raw", "chunks/chunk-00005/x.raw",
                "chunks/chunk-00005/output.raw", "chunks/chunk-00005/add_67.raw",
            ]))
        // Nothing else, and nothing half-written.
        #expect(folder.contents.count == 1 + 1 + 2 + 6 * 5 + 1 + 2)
    }

    @Test func stemsAreNamedAfterTheModelThatIsAskedFor() throws {
        try prepare()
        _ = try run("tensors run chunks -q")
        #expect(
            try run("tensors stems chunks -o out -n positions").output
                == "out/drums.wav\nout/rest.wav\n")
        let run = try run("tensors stems chunks -o out -n six_sources")
        #expect(run.exitCode == 1)
        #expect(run.errors.contains("a number of sources of 2, the model has 6"))
    }

    @Test func tracesAreComparedInTheOrderOfComputation() throws {
        try prepare()
        #expect(try run("trace chunks/chunk-00001 -o a.safetensors -q").exitCode == 0)
        #expect(
            try run("trace song.wav -n cross_first -o b.safetensors --chunk 0.1001 -q").exitCode
                == 0)
        let same = try run("compare a.safetensors a.safetensors --min-snr 200")
        #expect(same.exitCode == 0)
        #expect(same.outputLines.last == "all 76 at 200 dB or more")
        let other = try run("compare a.safetensors b.safetensors --only x,*coder.? --min-snr 60")
        #expect(other.exitCode == 1)
        #expect(other.outputLines.dropFirst().first?.hasPrefix("x ") == true)
        #expect(other.outputLines.last?.hasPrefix("first below 60 dB: x has ") == true)
        // Without a minimum the answer is for people.
        #expect(try run("compare a.safetensors b.safetensors").exitCode == 0)

        let json = try run("compare a.safetensors b.safetensors --json --only mix,xt")
        let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
        let document = try #require(object as? [String: Any])
        #expect(document["first_below"] as? String == "mix")
        let rows = try #require(document["tensors"] as? [[String: Any]])
        #expect(rows.map { $0["name"] as? String } == ["mix", "xt"])
        #expect(rows[0]["shape"] as? [Int] == [2, 160])
    }

    @Test func calibrationSetsHaveListsOfTheirFiles() throws {
        let run = try run(
            "tensors calibrate song.wav -o set -n cross_first --chunk 0.05 --samples 4 --type "
                + "float16")
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output == "set/dataset.txt\nset/input_list.txt\n")
        #expect(folder.contents.isSuperset(of: ["set/input/00003.npy", "set/x/00003.npy"]))
    }

    static let mistakes: [(String, Int32, String)] = [
        ("tensors prepare song.wav", 2, "Missing value for '--out <folder>'"),
        (
            "tensors prepare song.wav -o c -n cross_first --overlap 1", 2,
            "The value '1.0' is invalid for '--overlap': expected a number from 0.0 to 0.99"
        ),
        (
            "tensors prepare song.wav -o c -n cross_first --format hdf5", 2,
            "The value 'hdf5' is invalid for '--format <name>': expected one of raw, npy, "
                + "safetensors"
        ),
        (
            "tensors prepare none.wav -o c -n cross_first", 1,
            "none.wav: there is no such file. Check the path."
        ),
        (
            "tensors run c", 1,
            "c/manifest.json: is missing; expected the manifest of 'tensors prepare'"
        ),
        (
            "tensors stems c -o out --tensors a,b,c", 2,
            "The value 'a,b,c' is invalid for '--tensors <names>': expected one name, or two "
                + "separated by a comma"
        ),
        (
            "tensors split song.wav", 2,
            "Unknown action 'split': expected one of prepare, run, stems, calibrate"
        ),
        (
            "trace song.wav -o t -n cross_first --start 9", 2,
            "The value '9.0' is invalid for '--start': expected a number of seconds within the "
                + "track's 0.4375"
        ),
        (
            "compare none.npy song.wav", 1,
            "none.npy: is missing; expected a file of tensors, a folder of them or a folder of "
                + "stems"
        ),
        ("trace song.wav -o t -n none", 3, ""),
    ]

    @Test(arguments: mistakes)
    func mistakesAreTold(words: String, code: Int32, message: String) throws {
        let run = try run(words)
        #expect(run.exitCode == code)
        #expect(run.errors.hasPrefix("error: \(message)"), "\(run.errors)")
        #expect(run.errorLines.count == 1)
        #expect(run.output.isEmpty)
        #expect(folder.contents == ["song.wav"])
    }

    @Test func theActionsAreListed() throws {
        let run = try run("tensors --help")
        #expect(run.exitCode == 0)
        for name in ["prepare", "run", "stems", "calibrate"] {
            #expect(run.output.contains("'\(name)"))
        }
    }
}
