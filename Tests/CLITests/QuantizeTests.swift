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

    /// Files separated by commas, folders, and a file with a comma in its name.
    @Test func calibrationTakesSeveralFilesAndFolders() throws {
        for name in ["a.wav", "b.wav", "more/c.wav", "d,e.wav"] { try folder.writeTrack(name) }
        try folder.run(
            "quantize", Self.model, "-o", "int8.safetensors", "--calibrate", "a.wav,b.wav",
            "--calibrate", "more", "--calibrate", "d,e.wav", "--samples", "4", "--report",
            "layers.json", "-q")
        let calibration = try #require(
            try folder.json("layers.json")["calibration"] as? [String: Any])
        #expect(calibration["files"] as? Int == 4)
        #expect(calibration["segments"] as? Int == 4)
    }

    @Test func moreFilesThanSegmentsAreNotAllRead() throws {
        for name in ["a.wav", "c.wav"] { try folder.writeTrack(name) }
        try folder.write("no sound", "b.wav")
        try folder.run(
            "quantize", Self.model, "-o", "int8.safetensors", "--calibrate", "a.wav,b.wav,c.wav",
            "--samples", "1", "--report", "layers.json", "-q")
        let calibration = try #require(
            try folder.json("layers.json")["calibration"] as? [String: Any])
        #expect(calibration["files"] as? Int == 1)
        #expect(calibration["segments"] as? Int == 1)
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

    @Test func weightsAloneAreMeasuredInTheirPrecision() throws {
        try folder.run(
            "quantize", Self.model, "-o", "out.safetensors", "--precision", "float32",
            "--report", "layers.json", "-q")
        let report = try folder.json("layers.json")
        #expect((report["snr_db"] as? Double ?? 0) >= 30)
        let layers = try #require(report["layers"] as? [[String: Any]])
        #expect(layers.allSatisfy { $0["form"] as? String != "int8" })
    }

}
