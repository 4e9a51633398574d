import Foundation
import System
import TestSupport
import Testing
import WeightsLoader

/// `inspect` and `convert`.
struct CheckpointCommandTests {
    private let folder = TemporaryFolder()

    private static func fixture(_ name: String) -> String {
        Fixture.url("weights/formats/\(name)").path
    }

    @Test func inspectShowsFormatConfigurationTensorsAndChecksum() throws {
        let run = try folder.run("inspect", Self.fixture("ggml.bin"))
        #expect(run.errors.isEmpty)
        let lines = run.output.split(separator: "\n").map(String.init)
        #expect(
            lines.starts(with: [
                "file: \(Self.fixture("ggml.bin"))", "format: ggml (demucs.cpp file)",
                "size: 38401 bytes",
            ]))
        #expect(lines.contains("tensors: 273 with 12880 values (273 × F16)"))
        #expect(lines.contains("  encoder.0.conv.weight F16 [4, 4, 8]"))
        // 12 channels of the transformer can't be divided into the published models' 8 heads.
        #expect(lines.contains { $0.contains("t_heads = 8 is invalid") })
    }

    @Test func inspectPrintsJSON() throws {
        let file = Self.fixture("model.th")
        let run = try folder.run("inspect", "--json", file)
        let report = try run.json()
        #expect(report["format"] as? String == "torch")
        #expect(report["arguments_inferred"] as? Bool == false)
        #expect(report["dtypes"] as? [String: Int] == ["F16": 273])
        #expect((report["tensors"] as? [Any])?.count == 273)
        #expect((report["arguments"] as? [String: Any])?["t_heads"] as? Int == 2)
        #expect(report["sha256"] as? String == (try SHA256.hexadecimal(ofFile: file)))
    }

    @Test func inspectShowsOneOfSeveralModels() throws {
        let file = Self.fixture("several.safetensors")
        let whole = try folder.run("inspect", file)
        #expect(whole.output.contains("models: d12395a8, f7e0c4bc\n"))
        let run = try folder.run("inspect", file, "--member", "f7e0c4bc")
        #expect(run.output.contains("\n  encoder.0.conv.weight F16 [4, 4, 8, 1]\n"))
    }

    @Test(arguments: ["model.th", "legacy.th", "core.onnx"])
    func convertWritesTheOfficialLayout(name: String) throws {
        let run = try folder.run("convert", Self.fixture(name), "-o", "out.safetensors")
        #expect(run.output == "out.safetensors\n")
        #expect(folder.paths == ["out.safetensors"])
        let found = try Checkpoint.open(folder.url("out.safetensors").path)
        let source = try Checkpoint.open(Self.fixture(name))
        let reference = try Checkpoint.open(Self.fixture("model.safetensors"))
        for tensor in reference.tensors {
            let written = try #require(found.tensor(named: tensor.name))
            let read = try #require(source.tensor(named: tensor.name))
            #expect(written.shape == tensor.shape && written.elementType == read.elementType)
            #expect(try found.floats(written) == source.floats(read))
        }
        if !source.describesModel {
            #expect(run.errors.hasPrefix("warning: the file states no arguments of its model"))
        } else {
            #expect(run.errors.isEmpty)
            let className = "demucs.htdemucs.HTDemucs"
            #expect(
                try found.modelArguments(ofClasses: [className])
                    == reference.modelArguments(ofClasses: [className]))
        }
    }

    @Test func convertRoundsToFloat16AndNamesSources() throws {
        try folder.run(
            "convert", Self.fixture("legacy.th"), "--float16", "--sources", "a,b,c,d",
            "--out=out.safetensors", )
        let found = try Checkpoint.open(folder.url("out.safetensors").path)
        #expect(found.tensors.allSatisfy { $0.elementType == .float16 })
        let names: [ArgumentValue] = ["a", "b", "c", "d"].map { .string($0) }
        #expect(
            try found.modelArguments(ofClasses: ["demucs.htdemucs.HTDemucs"]).keyword["sources"]
                == .array(names))
    }

    @Test func filesWithoutAModelAreNotConverted() throws {
        for (file, message) in [
            ("views.th", "is missing"), ("diffq.th", "diffq"), ("absent.th", "no such file"),
        ] {
            let run = try folder.run(
                "convert", Self.fixture(file), "-o", "out.safetensors", exits: 3)
            #expect(run.errors.hasPrefix("error: ") && run.errors.contains(message))
        }
        #expect(folder.paths.isEmpty)
    }

}
