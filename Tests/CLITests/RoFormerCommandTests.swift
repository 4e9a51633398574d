import Foundation
import TestSupport
import Testing
import WeightsLoader

/// The commands for models and measurements take RoFormers too. `target.ckpt` holds only tensors; the
/// YAML file beside it has the rest.
struct RoFormerCommandTests {
    private let folder = TemporaryFolder()
    private let model = Fixture.url("roformer_files/target.ckpt").path

    @Test func inspectShowsTheSectionsOfTheFileBesideTheCheckpoint() throws {
        let run = try folder.run("inspect", model)
        let file = Fixture.url("roformer_files/target.yaml").path
        #expect(run.output.contains("\narguments (of \(file)):\n  audio = "))
        #expect(run.output.contains("\n  band_split.to_features.0.1.weight F32 [8, 16]\n"))
        let report = try folder.run("inspect", "--json", model).json()
        #expect(report["arguments_inferred"] as? Bool == false)
        let arguments = try #require(report["arguments"] as? [String: [String: Any]])
        #expect(arguments["model"]?["dim"] as? Int == 8)
    }

    @Test func aTraceHasAChunkAndItsStems() throws {
        try folder.writeTrack("song.wav", rateHz: 44_100)
        try folder.run(
            "trace", "song.wav", "-n", model, "--only", "mix,final", "-o", "a.safetensors", "-q")
        let file = try Checkpoint.open(folder.url("a.safetensors").path)
        func values(_ name: String, _ shape: [Int]) throws -> [Float] {
            let tensor = try #require(file.tensor(named: name))
            #expect(tensor.shape == shape)
            return try file.floats(tensor)
        }
        let mix = try values("mix", [2, 640])
        let stems = try values("final", [2, 2, 640])
        // The second stem is the residual.
        #expect(mix.contains { abs($0) > 0.01 })
        #expect(Array(stems[1280...]) == zip(mix, stems).map(-))
        let run = try folder.run(
            "trace", "song.wav", "-n", model, "--attention", "layers.0:0", "-o", "b.safetensors",
            exits: 1)
        #expect(run.errors.contains("is a RoFormer; give a model of demucs"))
    }

    @Test func aTraceHasTheEditsOfItsOptions() throws {
        try folder.writeTrack("song.wav", rateHz: 44_100)
        let command = ["trace", "song.wav", "-n", model, "--only", "final", "-q", "-o"]
        try folder.run(
            command + [
                "a.safetensors", "--edit", "band_split=scale:2", "--edit", "mask_est*=zero",
            ])
        let file = try Checkpoint.open(folder.url("a.safetensors").path)
        #expect(file.metadata["edits"] == "band_split=scale:2 mask_est*=zero")
        let stems = try file.floats(#require(file.tensor(named: "final")))
        #expect(stems[..<1280].allSatisfy { $0 == 0 } && stems[1280...].contains { $0 != 0 })
        let wrong = try folder.run(command + ["b.safetensors", "--edit", "final=half"], exits: 2)
        #expect(wrong.errors.contains("'final=half' is invalid for '--edit"))
        let none = try folder.run(command + ["b.safetensors", "--edit", "x.9=zero"], exits: 1)
        #expect(none.errors.contains("Nothing matches 'x.9'"))
        #expect(!FileManager.default.fileExists(atPath: folder.url("b.safetensors").path))
    }

    @Test func aQuantizedModelIsMeasuredInEveryPrecision() throws {
        let quantized = folder.url("int8.safetensors").path
        let run = try folder.run("quantize", model, "-o", quantized, "-q")
        #expect(run.output.contains("layers.0.0.layers.0.0.to_qkv.weight"))
        let bench = try folder.run(
            "bench", "-n", quantized, "--precision", "all", "--runs", "1", "--layers", "--json",
            "-q")
        let rows = try bench.json(as: [[String: Any]].self)
        #expect(rows.map { $0["precision"] as? String } == ["float32", "bfloat16", "int8"])
        // Eight bits in matrices of 8 inputs.
        #expect((rows[2]["snr_db"] as? Double ?? 0) >= 20)
        let layers = try #require(rows[0]["layers"] as? [[String: Any]])
        #expect(
            layers.map { $0["name"] as? String } == [
                "stft", "band_split", "layers.0.0", "layers.0.1", "mask_estimators.0",
            ])
    }

    @Test func aConvertedCheckpointDescribesItself() throws {
        let converted = folder.url("converted.safetensors").path
        try folder.run("convert", model, "-o", converted)
        let report = try folder.run("inspect", "--json", converted).json()
        #expect((report["arguments"] as? [String: Any])?["training"] is [String: Any])
        let run = try folder.run(
            "convert", model, "-o", folder.url("b.safetensors").path, "--sources", "a,b", exits: 3)
        #expect(run.errors.contains("training.instruments"))
    }

    @Test func aMixIsWrittenToAFolderOfBothNames() throws {
        let roformer = try folder.writeRoFormer("r")
        try folder.writeTrack("a.wav")
        func run(_ more: String..., exits code: Int32 = 0) throws -> CommandRun {
            try folder.run(
                ["a.wav", "-n", "cross_first+\(roformer)", "-o", "out", "--skip-existing"] + more,
                exits: code)
        }
        #expect(try run().errors.contains("Already done") == false)
        let names = ["drums", "other", "rest"].map { "\($0).wav" }
        #expect(
            try FileManager.default.contentsOfDirectory(
                atPath: folder.path("out/cross_first+r/a")
            ).sorted() == names)
        #expect(try run().errors.contains("Already done"))
        // The first model's own overlap, which is not the second one's.
        #expect(try !run("--overlap", "0.25").errors.contains("Already done"))
        #expect(try run("--two-stems", "drums").errors.contains("Already done") == false)
        #expect(folder.exists("out/cross_first+r/a/no_drums.wav"))
        #expect(try run("--config", "\(folder.path("r.yaml"))", exits: 2).errors.contains("mix"))
        let wrong = try folder.run("a.wav", "-n", "cross_first+\(model)", exits: 3)
        #expect(wrong.errors.contains("differ in their samplerate: 1600 and 44100"))
    }
}
