import Foundation
import TestSupport
import Testing
import WeightsLoader

/// Calls of `quantize`, and what other commands make of the file.
struct QuantizeTests {
    private static let model = Fixture.url("models/base.safetensors").path

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func run(_ arguments: String...) throws -> CommandRun {
        try CommandRun(arguments, in: folder.url)
    }

    @Test func theFileIsWrittenAndRuns() throws {
        try folder.writeTrack("music.wav")
        let made = try run(
            "quantize", Self.model, "-o", "int8.safetensors", "--calibrate", "music.wav",
            "--samples", "2", "--report", "layers.json")
        #expect(made.exitCode == 0, "\(made.errors)")
        #expect(made.outputLines.first?.hasPrefix("layer ") == true)
        #expect(made.outputLines.last == "int8.safetensors")
        let path = folder.url.appendingPathComponent("int8.safetensors").path
        let checkpoint = try Checkpoint.open(path)
        #expect(checkpoint.isQuantized)

        let data = try Data(contentsOf: folder.url.appendingPathComponent("layers.json"))
        let report = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(report["bytes"] as? Int == checkpoint.countBytes)
        let layers = try #require(report["layers"] as? [[String: Any]])
        #expect(layers.contains { $0["form"] as? String == "int8" })
        #expect(layers.contains { $0["form"] as? String == "float" })

        // Its own precision without being asked.
        let bench = try run("bench", "-n", path, "--runs", "1", "--json", "-q")
        #expect(bench.output.contains("\"precision\" : \"int8\""), "\(bench.output)")
        #expect(bench.output.contains("\"file_bytes\" : \(checkpoint.countBytes)"))
        let separated = try run("-n", path, "--shifts", "0", "-v", "music.wav")
        #expect(separated.exitCode == 0, "\(separated.errors)")
        #expect(separated.errors.contains(" in int8, "), "\(separated.errors)")
    }

    @Test func weightsAloneAreMeasuredInTheirPrecision() throws {
        let made = try run(
            "quantize", Self.model, "-o", "out.safetensors", "--precision", "float32",
            "--min-snr", "30", "--report", "layers.json", "-q")
        #expect(made.exitCode == 0, "\(made.errors)")
        let data = try Data(contentsOf: folder.url.appendingPathComponent("layers.json"))
        let report = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect((report["snr_db"] as? Double ?? 0) >= 30)
        let layers = try #require(report["layers"] as? [[String: Any]])
        #expect(layers.allSatisfy { $0["form"] as? String != "int8" })
    }

    @Test func wishesThatCantBeMetLeaveNoFile() throws {
        let run = try run(
            "quantize", Self.model, "-o", "out.safetensors", "--max-bytes", "1000", "-q")
        #expect(run.exitCode == 3)
        #expect(run.errors.hasPrefix("error: 1000 bytes don't hold the model: "))
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
        #expect(!names.contains { $0.hasPrefix("out.safetensors") })
    }

    @Test(arguments: [
        ([], "Missing value for '--out <file>'"),
        (["-o", "x", "--min-snr", "much"], "The value 'much' is invalid for '--min-snr <dB>'"),
        (
            ["-o", "x", "--precision", "int4"],
            "The value 'int4' is invalid for '--precision <precision>'"
        ),
        (["-o", "x", "--samples", "0"], "The value '0' is invalid for '--samples <n>'"),
        (["-o", "x", "--max-bytes", "-1"], "The value '-1' is invalid for '--max-bytes <n>'"),
    ])
    func mistakesAreNamed(arguments: [String], message: String) throws {
        let run = try CommandRun(["quantize", Self.model] + arguments, in: folder.url)
        #expect(run.exitCode == 2)
        #expect(run.errors.contains(message), "\(run.errors)")
    }
}
