import Foundation
import TestSupport
import Testing
import WeightsLoader

/// `quantize`, and other commands with its file.
struct QuantizeTests {
    private static let model = Fixture.url("models/base.safetensors").path

    private let folder = TemporaryFolder()

    private func report() throws -> [String: Any] {
        let data = try folder.data("layers.json")
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

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

        let report = try report()
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

    @Test func weightsAloneAreMeasuredInTheirPrecision() throws {
        try folder.run(
            "quantize", Self.model, "-o", "out.safetensors", "--precision", "float32",
            "--min-snr", "30", "--report", "layers.json", "-q")
        let report = try report()
        #expect((report["snr_db"] as? Double ?? 0) >= 30)
        let layers = try #require(report["layers"] as? [[String: Any]])
        #expect(layers.allSatisfy { $0["form"] as? String != "int8" })
    }

}
