import Files
import Foundation
import TestSupport
import Testing
import WeightsLoader

/// `inspect` and `convert`.
struct CheckpointCommandTests {
    private static func fixture(_ name: String) -> String {
        Fixture.url("weights/formats/\(name)").path
    }

    @Test func inspectShowsFormatConfigurationTensorsAndChecksum() throws {
        let folder = try TemporaryFolder()
        let run = try CommandRun(["inspect", Self.fixture("ggml.bin")], in: folder.url)
        #expect(run.exitCode == 0 && run.errors.isEmpty)
        let lines = run.output.split(separator: "\n").map(String.init)
        #expect(
            lines.starts(with: [
                "file: \(Self.fixture("ggml.bin"))", "format: ggml (demucs.cpp file)",
                "size: 38401 bytes",
            ]))
        #expect(lines.contains("tensors: 273 with 12880 values (273 × F16)"))
        #expect(lines.contains("  encoder.0.conv.weight F16 [4, 4, 8]"))
        // The transformer's 12 channels can't have the published models' 8 heads.
        #expect(lines.contains { $0.contains("t_heads = 8 is impossible") })
    }

    @Test func inspectPrintsJSON() throws {
        let folder = try TemporaryFolder()
        let file = Self.fixture("model.th")
        let run = try CommandRun(["inspect", "--json", file], in: folder.url)
        let report = try #require(
            JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        #expect(report["format"] as? String == "torch")
        #expect(report["arguments_inferred"] as? Bool == false)
        #expect(report["dtypes"] as? [String: Int] == ["F16": 273])
        #expect((report["tensors"] as? [Any])?.count == 273)
        #expect((report["arguments"] as? [String: Any])?["t_heads"] as? Int == 2)
        var digest = SHA256()
        digest.update([UInt8](try Data(contentsOf: URL(fileURLWithPath: file))))
        #expect(report["sha256"] as? String == digest.hexadecimal)
    }

    @Test func inspectShowsOneOfSeveralModels() throws {
        let folder = try TemporaryFolder()
        let file = Self.fixture("several.safetensors")
        let whole = try CommandRun(["inspect", file], in: folder.url)
        #expect(whole.output.contains("models: d12395a8, f7e0c4bc\n"))
        let run = try CommandRun(["inspect", file, "--member", "f7e0c4bc"], in: folder.url)
        #expect(run.output.contains("\n  encoder.0.conv.weight F16 [4, 4, 8, 1]\n"))
        let missing = try CommandRun(["inspect", file, "--member", "x"], in: folder.url)
        #expect(missing.exitCode == 3)
        #expect(
            missing.errors
                == "error: \(file): holds no model \"x\"; it has \"d12395a8\", \"f7e0c4bc\"\n")
    }

    @Test(arguments: ["model.th", "legacy.th", "core.onnx"])
    func convertWritesTheOfficialLayout(name: String) throws {
        let folder = try TemporaryFolder()
        let run = try CommandRun(
            ["convert", Self.fixture(name), "-o", "out.safetensors"], in: folder.url)
        #expect(run.exitCode == 0 && run.errors.isEmpty && run.output == "out.safetensors\n")
        #expect(folder.contents == ["out.safetensors"])
        let found = try Checkpoint.open(folder.url.appendingPathComponent("out.safetensors").path)
        let source = try Checkpoint.open(Self.fixture(name))
        let reference = try Checkpoint.open(Self.fixture("model.safetensors"))
        for tensor in reference.tensors {
            let written = try #require(found.tensor(named: tensor.name))
            let read = try #require(source.tensor(named: tensor.name))
            #expect(written.shape == tensor.shape && written.elementType == read.elementType)
            #expect(try found.floats(written) == source.floats(read))
        }
        if source.describesModel {
            let className = "demucs.htdemucs.HTDemucs"
            #expect(
                try found.modelArguments(ofClass: className)
                    == reference.modelArguments(ofClass: className))
        }
    }

    @Test func convertRoundsToFloat16AndNamesSources() throws {
        let folder = try TemporaryFolder()
        let run = try CommandRun(
            [
                "convert", Self.fixture("legacy.th"), "--float16", "--sources", "a,b,c,d",
                "--out=out.safetensors",
            ], in: folder.url)
        #expect(run.exitCode == 0)
        let found = try Checkpoint.open(folder.url.appendingPathComponent("out.safetensors").path)
        #expect(found.tensors.allSatisfy { $0.elementType == .float16 })
        let names: [ArgumentValue] = ["a", "b", "c", "d"].map { .string($0) }
        #expect(
            try found.modelArguments(ofClass: "demucs.htdemucs.HTDemucs").keyword["sources"]
                == .array(names))
    }

    @Test func whatIsNoModelIsNotConverted() throws {
        let folder = try TemporaryFolder()
        for (file, message) in [
            ("views.th", "is missing"), ("diffq.th", "diffq"), ("absent.th", "no such file"),
        ] {
            let run = try CommandRun(
                ["convert", Self.fixture(file), "-o", "out.safetensors"], in: folder.url)
            #expect(run.exitCode == 3)
            #expect(run.errors.hasPrefix("error: ") && run.errors.contains(message))
        }
        #expect(folder.contents.isEmpty)
    }

    @Test func anUnwritableOutputIsTold() throws {
        let folder = try TemporaryFolder()
        let run = try CommandRun(
            ["convert", Self.fixture("model.th"), "-o", "absent/out.safetensors"], in: folder.url)
        #expect(run.exitCode == 3)
        #expect(
            run.errors
                == "error: absent/out.safetensors: can't be written: No such file or directory\n")
    }

    @Test(arguments: [
        (["inspect"], "Missing expected argument '<file>'; see 'swift-demucs inspect --help'"),
        (["inspect", "a", "b"], "Unexpected argument 'b'"),
        (["convert", "a"], "Missing value for '--out <file>'"),
        (
            ["convert", "a", "--float1", "-o", "b"],
            "Unknown option '--float1'. Did you mean '--float16'?"
        ),
    ])
    func mistakesAreTold(arguments: [String], message: String) throws {
        let folder = try TemporaryFolder()
        let run = try CommandRun(arguments, in: folder.url)
        #expect(run.exitCode == 2)
        #expect(run.errors == "error: \(message)\n")
    }
}
