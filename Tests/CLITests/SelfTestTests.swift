import Foundation
import Quantization
import System
import TestSupport
import Testing

/// `selftest` with the bundled vectors, and with damaged ones.
struct SelfTestTests {
    private static let models = Fixture.url("../../Models").standardizedFileURL

    private let folder = TemporaryFolder()

    /// Runs with the models of the test's folder, then the bundled ones.
    private func run(_ arguments: String..., exits code: Int32 = 0) throws -> CommandRun {
        let models = [folder.url.path, Self.models.path].joined(separator: ":")
        return try folder.run(["selftest"] + arguments, models: models, exits: code)
    }

    @Test func thisMachineComputesWhatPyTorchComputes() throws {
        let run = try run("--json", "--quiet")
        #expect(run.errors.isEmpty)
        let document = try run.json()
        #expect(document["passed"] as? Bool == true)
        #expect((document["seconds"] as? Double ?? 0) > 0)
        let engines = try #require(document["engines"] as? [[String: Any]])
        let ran = engines.filter { $0["skipped"] as? Bool == false }
        #expect(ran.contains { $0["instruction_set"] as? String == "plain" })
        for engine in ran {
            let comparisons = try #require(engine["comparisons"] as? [[String: Any]])
            #expect(comparisons.contains { $0["name"] as? String == "demo" })
            for comparison in comparisons {
                #expect(comparison["passed"] as? Bool == true, "\(comparison)")
            }
        }
    }

    /// A small model in place of the demo, whose samples are wrong too.
    @Test func aDamagedVectorFailsInTheTable() throws {
        var data = try Data(contentsOf: Self.models.appendingPathComponent("selftest.safetensors"))
        let model = try Data(contentsOf: Fixture.url("models/base.safetensors"))
        let entry = Data("\"demo_fingerprint\":\"".utf8)
        let place = try #require(data.range(of: entry)).upperBound
        let fingerprint = model.withUnsafeBytes { fnv1a($0) }.zeroPadded(16, radix: 16)
        data.replaceSubrange(place..<place + 16, with: Data(fingerprint.utf8))
        // The file ends with the input of transformer_self: one element of it becomes 100.
        data.replaceSubrange(data.count - 4..<data.count, with: [0, 0, 0xC8, 0x42])
        try folder.write(data, "selftest.safetensors")
        try folder.write(model, "demo.safetensors")
        let run = try run(exits: 1)
        #expect(run.outputLines.first?.hasPrefix("dB against PyTorch") == true)
        for line in run.outputLines where line.hasSuffix("pass") || line.hasSuffix("FAIL") {
            let isWrong = line.hasPrefix("transformer_self") || line.hasPrefix("demo")
            #expect(line.hasSuffix(isWrong ? "FAIL" : "pass"), "\(line)")
        }
        for name in ["transformer_self", "demo"] {
            #expect(run.outputLines.contains { $0.hasPrefix(name) })
        }
        #expect(run.outputLines.last?.hasPrefix("FAILED: ") == true)
        let quiet = try self.run("-q", exits: 1)
        #expect(quiet.outputLines == [])
        #expect(
            quiet.errorLines.allSatisfy {
                $0.contains("transformer_self, ") || $0.contains("demo, ")
            })
        #expect(quiet.errors.contains("transformer_self, "))
        #expect(quiet.errors.contains(" dB against PyTorch, expected at least "))
    }

    @Test func vectorsOfAnotherModelAreRefused() throws {
        var data = try Data(contentsOf: Self.models.appendingPathComponent("demo.safetensors"))
        data[data.count - 1] ^= 1
        try folder.write(data, "demo.safetensors")
        let run = try run("-q", exits: 3)
        #expect(run.errors.contains("was made for a demo model with the fingerprint"))
    }

    /// Runs a copy of the program, because in the checkout's build folder it would still find the
    /// vectors.
    @Test func missingVectorsAreNamed() throws {
        let program = folder.url("swift-demucs")
        try FileManager.default.copyItem(at: CommandRun.executable, to: program)
        let run = try CommandRun(
            ["selftest"], in: folder.url, models: folder.url.path, executable: program,
            exits: 3)
        #expect(run.errors.hasPrefix("error: 'selftest.safetensors' was not found in "))
    }

    @Test func vectorsOfAnotherKindAreRefused() throws {
        let fixture = Fixture.url("layers/linear.safetensors")
        try folder.write(try Data(contentsOf: fixture), "selftest.safetensors")
        let run = try run("-q", exits: 3)
        #expect(run.errorLines.count == 1)
    }
}
