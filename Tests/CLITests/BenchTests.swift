import Foundation
import TestSupport
import Testing

/// `bench` with a tiny model, and with the published configuration without a file.
struct BenchTests {
    private let folder = TemporaryFolder()

    private func run(_ arguments: String...) throws -> CommandRun {
        try folder.run(["bench"] + arguments)
    }

    private func rows(_ run: CommandRun) throws -> [[String: Any]] {
        try run.json(as: [[String: Any]].self)
    }

    @Test func jsonHasARowForEachPrecision() throws {
        let run = try run(
            "-n", "base", "--precision", "all", "--threads", "2", "--runs", "3", "--json",
            "--quiet")
        #expect(run.errors.isEmpty)
        let rows = try rows(run)
        #expect(
            rows.map { $0["precision"] as? String } == ["float32", "bfloat16", "int8", "float32"])
        #expect(rows.map { $0["widened_from"] as? String } == [nil, nil, nil, "float16"])
        for row in rows {
            #expect(row["threads"] as? Int == 2)
            for key in [
                "load_seconds", "realtime_factor", "gflops", "share_of_peak", "loop_microseconds",
            ] {
                #expect((row[key] as? Double ?? 0) > 0, "\(key)")
            }
            let seconds = try #require(row["seconds_per_segment"] as? [String: Double])
            #expect(seconds.keys.sorted() == ["max", "median", "min"])
            let times = ["min", "median", "max"].compactMap { seconds[$0] }
            #expect(times == times.sorted())
            // The program and Foundation alone take more than a megabyte.
            #expect((row["peak_rss_bytes"] as? Int ?? 0) > 1 << 20)
            #expect(row["isa"] is String)
            #expect(row["blas"] is String)
            #expect(row["layers"] == nil)
        }
        #expect(rows[0]["snr_db"] as? String == "Infinity")
        // 8 bits of mantissa in every product.
        #expect((20...70).contains(rows[1]["snr_db"] as? Double ?? 0))
        // 11 bits, in the weights alone.
        #expect((50...90).contains(rows[3]["snr_db"] as? Double ?? 0))
        let bytes = rows.compactMap { $0["file_bytes"] as? Int }
        #expect(bytes.count == 4 && bytes[3] < bytes[0] * 2 / 3)
    }

    /// One precision alone is compared with float32 too. `getrusage` of a child would include the
    /// peak of this process.
    @Test func thePeakOfMemoryIsTheProgramsOwn() throws {
        let countBytes = 400 << 20
        var held = [UInt8](repeating: 1, count: countBytes)
        let run = try run("-n", "base", "--precision=bfloat16", "--runs=1", "--json", "--quiet")
        held.withUnsafeMutableBytes { $0[0] = 2 }
        let rows = try rows(run)
        try #require(rows.count == 1)
        #expect((20...70).contains(rows[0]["snr_db"] as? Double ?? 0))
        let peak = try #require(rows[0]["peak_rss_bytes"] as? Int)
        #expect((1 << 20..<countBytes).contains(peak))
    }

    @Test func layersHaveTheReferencesNames() throws {
        let run = try run("-n", "base", "--runs", "1", "--layers", "--json", "--quiet")
        let layers = try #require(try rows(run).first?["layers"] as? [[String: Any]])
        let names = layers.compactMap { $0["name"] as? String }
        let encoders = (0..<4).flatMap { ["tencoder.\($0)", "encoder.\($0)"] }
        let decoders = (0..<4).flatMap { ["decoder.\($0)", "tdecoder.\($0)"] }
        let middle = encoders + ["crosstransformer"] + decoders
        #expect(names == ["stft", "normalisation"] + middle + ["istft"])
        #expect(layers.allSatisfy { ($0["bytes"] as? Double ?? 0) > 0 })
        let shares = layers.compactMap { $0["share"] as? Double }
        #expect(abs(shares.reduce(0, +) - 1) < 1e-9)
    }

    @Test func stemsAreScoredAgainstReferences() throws {
        try folder.writeTrack("music.wav")
        // Uses the model's own stems as the true ones.
        try folder.run(
            "music.wav", "-n", "base", "--shifts", "0", "--float32", "--clip-mode", "none", "-q")
        let references = folder.url("separated/base/music").path
        let arguments = ["-n", "base", "--runs", "1", "--track", "music.wav", "-q"]
        let run = try folder.run(
            ["bench", "--precision", "all", "--json", "--references", references] + arguments)
        let tracks = try rows(run).map { try #require($0["track"] as? [String: Any]) }
        #expect(tracks.allSatisfy { ($0["realtime_factor"] as? Double ?? 0) > 0 })
        let scores = try tracks.map { try #require($0["sdr_db"] as? [String: Double]) }
        #expect(scores[0].keys.sorted() == ["bass", "drums", "other", "vocals"])
        // A float32 file holds the samples exactly.
        #expect(scores[0].values.allSatisfy { $0 > 60 }, "\(scores[0])")
        // bfloat16 has 8 bits of mantissa.
        #expect(try #require(scores[1]["bass"]) < #require(scores[0]["bass"]))

        let table = try folder.run(
            ["bench", "--threads", "1", "--layers", "--references", references] + arguments)
        #expect(table.outputLines.first?.hasPrefix("base, a segment of 0.49 s, ") == true)
        #expect(table.outputLines.dropFirst().first?.hasPrefix("1 thread, 1 run, ") == true)
        #expect(table.outputLines.contains { $0.hasPrefix("crosstransformer ") })
        #expect(table.output.contains("SDR dB\n"), "\(table.output)")
        #expect(table.output.contains("; SDR in dB: bass "), "\(table.output)")

        try FileManager.default.removeItem(atPath: references + "/bass.wav")
        let missing = try folder.run(
            ["bench", "--references", references, "-n", "base", "--track", "music.wav"], exits: 1)
        #expect(missing.errors.contains("the stem 'bass' is missing"), "\(missing.errors)")
        #expect(!missing.errors.contains("Measuring"), "\(missing.errors)")
    }

    @Test func publishedConfigurationNeedsNoFile() throws {
        let run = try run("--random-weights", "htdemucs", "--runs", "1", "--json", "--quiet")
        let row = try #require(try rows(run).first)
        let seconds = try #require(row["seconds_per_segment"] as? [String: Double])
        let median = try #require(seconds["median"])
        let operations = try #require(row["gflops"] as? Double) * median
        // About 335 GFLOP: convolutions 123, linear layers 127, attention 85.
        #expect(abs(operations - 335) < 2)
        let audioSeconds = try #require(row["realtime_factor"] as? Double) * median
        #expect(abs(audioSeconds - 7.8) < 1e-9)
        // float32 values of all parameters.
        #expect(row["file_bytes"] as? Int == 4 * 41_984_456)
    }
}
