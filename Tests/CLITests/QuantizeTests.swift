import Foundation
import TestSupport
import Testing
import WeightsLoader

/// `quantize`, and other commands with its file.
struct QuantizeTests {
    private static let model = Fixture.url("models/base.safetensors").path

    private let folder = TemporaryFolder()

    @Test func theFileIsWrittenAndRuns() throws {
        try folder.writeTrack("music.wav")
        let made = try folder.run(
            "quantize", Self.model, "-o", "int8.safetensors", "--calibrate", "music.wav",
            "--samples", "2", "--report", "layers.json")
        #expect(made.outputLines.first?.hasPrefix("layer ") == true)
        #expect(made.outputLines.last == "int8.safetensors")
        let path = folder.url("int8.safetensors").path
        let checkpoint = try Checkpoint.open(path)
        #expect(checkpoint.isQuantized)

        let report = try folder.json("layers.json")
        #expect(report["bytes"] as? Int == checkpoint.countBytes)
        let layers = try #require(report["layers"] as? [[String: Any]])
        #expect(layers.contains { $0["form"] as? String == "int8" })
        #expect(layers.contains { $0["form"] as? String == "float" })

        // INT8 is the file's default precision.
        let bench = try folder.run("bench", "-n", path, "--runs", "1", "--json", "-q")
        #expect(bench.output.contains("\"precision\" : \"int8\""), "\(bench.output)")
        #expect(bench.output.contains("\"file_bytes\" : \(checkpoint.countBytes)"))
        let separated = try folder.run("-n", path, "--shifts", "0", "-v", "music.wav")
        #expect(separated.errors.contains(" in int8, "), "\(separated.errors)")
    }

    /// Files separated by commas, folders, and a file with a comma in its name. More files than segments
    /// are not all read. Weights alone are measured in their precision.
    @Test(arguments: [
        (["a.wav,b.wav", "more", "d,e.wav"], [], 4),
        (["a.wav,bad.wav"], ["--precision=float32"], 1),
    ])
    func calibrationTakesSeveralFilesAndFolders(
        files: [String], options: [String], segments: Int
    ) throws {
        for name in ["a.wav", "b.wav", "more/c.wav", "d,e.wav"] { try folder.writeTrack(name) }
        try folder.write("no sound", "bad.wav")
        try folder.run(
            ["quantize", Self.model, "-o", "out.safetensors", "--report", "layers.json", "-q"]
                + ["--samples", "\(segments)"] + files.flatMap { ["--calibrate", $0] } + options)
        let report = try folder.json("layers.json")
        let calibration = try #require(report["calibration"] as? [String: Any])
        #expect(calibration["files"] as? Int == segments)
        #expect(calibration["segments"] as? Int == segments)
        if options == [] { return }
        #expect((report["snr_db"] as? Double ?? 0) >= 30)
        let layers = try #require(report["layers"] as? [[String: Any]])
        #expect(layers.allSatisfy { $0["form"] as? String != "int8" })
    }

    /// The work in between may take hours.
    @Test(arguments: [
        ["-o", "missing/a.safetensors"], ["-o", "a.safetensors", "--report", "missing/r.json"],
        ["-o", "."],
    ])
    func filesThatCannotBeWrittenAreNamedAtTheStart(options: [String]) throws {
        let run = try folder.run(["quantize", Self.model] + options, exits: 3)
        #expect(run.errors.contains("can't be written: ") && run.errorLines.count == 1)
        #expect(!folder.exists("a.safetensors"))
    }

    @Test(arguments: ["quantize", "convert"])
    func theCheckpointIsNotReplaced(command: String) throws {
        try FileManager.default.copyItem(
            atPath: Self.model, toPath: folder.path("model.safetensors"))
        let run = try folder.run(
            [command, "model.safetensors", "-o", "./model.safetensors"], exits: 3)
        #expect(run.errors.contains("it is the checkpoint itself"))
    }

    @Test func aFolderWithoutMusicIsRefused() throws {
        try folder.write("text", "empty/notes.txt")
        let run = try folder.run(
            ["quantize", Self.model, "-o", "int8.safetensors", "--calibrate", "empty"], exits: 2)
        #expect(run.errors.contains("empty: "), "\(run.errors)")
    }

    @Test func stagesAreCountedOnATerminal() throws {
        let terminal = try PseudoTerminal(
            ["quantize", Self.model, "-o", "int8.safetensors"], in: folder.url, columns: 80)
        #expect(terminal.wait() == 0)
        #expect(terminal.drawings.contains("Segment 4 of 4"))
        #expect(terminal.drawings.contains { $0.hasPrefix("Layer 2 of ") })
        #expect(terminal.drawings.last == "")
    }
}
