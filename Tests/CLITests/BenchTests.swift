import Foundation
import TestSupport
import Testing

/// Calls of `bench` with a tiny model, and with the published configuration without a file.
struct BenchTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func run(_ arguments: String...) throws -> CommandRun {
        try CommandRun(["bench"] + arguments, in: folder.url)
    }

    private func rows(_ run: CommandRun) throws -> [[String: Any]] {
        let value = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        return try #require(value as? [[String: Any]])
    }

    @Test func jsonHasARowForEachPrecision() throws {
        let run = try run(
            "-n", "base", "--precision", "all", "--threads", "2", "--runs", "3", "--json",
            "--quiet")
        #expect(run.exitCode == 0)
        #expect(run.errors.isEmpty)
        let rows = try rows(run)
        #expect(
            rows.map { $0["precision"] as? String } == ["float32", "bfloat16", "int8", "float32"])
        #expect(rows.map { $0["widened_from"] as? String } == [nil, nil, nil, "float16"])
        for row in rows {
            #expect(row["threads"] as? Int == 2)
            for key in ["load_seconds", "realtime_factor", "gflops", "share_of_peak"] {
                #expect((row[key] as? Double ?? 0) > 0, "\(key)")
            }
            let seconds = try #require(row["seconds_per_segment"] as? [String: Double])
            #expect(seconds.keys.sorted() == ["max", "median", "min"])
            let (least, median, most) = (seconds["min"], seconds["median"], seconds["max"])
            #expect(try #require(least) <= #require(median))
            #expect(try #require(median) <= #require(most))
            // The program and Foundation alone take more than a megabyte.
            #expect((row["peak_rss_bytes"] as? Int ?? 0) > 1 << 20)
            #expect(row["isa"] is String)
            #expect(row["blas"] is String)
            #expect(row["layers"] == nil)
        }
        #expect(rows[0]["snr_db"] as? String == "Infinity")
        // Eight bits of mantissa in every product: some 40 dB.
        #expect((20...70).contains(rows[1]["snr_db"] as? Double ?? 0))
        // Eleven bits, of the weights alone.
        #expect((50...90).contains(rows[3]["snr_db"] as? Double ?? 0))
        let bytes = rows.compactMap { $0["file_bytes"] as? Int }
        #expect(bytes.count == 4 && bytes[3] < bytes[0] * 2 / 3)
    }

    @Test func modelsOfCodesHaveNoFloat16File() throws {
        let path = folder.url.appendingPathComponent("int8.safetensors").path
        let made = try CommandRun(
            ["quantize", Fixture.url("models/base.safetensors").path, "-o", path, "-q"],
            in: folder.url)
        #expect(made.exitCode == 0, "\(made.errors)")
        let run = try run("-n", path, "--precision", "all", "--runs", "1", "--json", "-q")
        #expect(
            try rows(run).map { $0["precision"] as? String } == ["float32", "bfloat16", "int8"])
    }

    @Test func oneOtherPrecisionIsComparedWithFloat32Too() throws {
        let run = try run(
            "-n", "base", "--precision=bfloat16", "--runs=1", "--json", "--quiet")
        let rows = try rows(run)
        #expect(rows.count == 1)
        #expect((20...70).contains(rows.first?["snr_db"] as? Double ?? 0))
    }

    @Test func layersHaveTheReferencesNames() throws {
        let run = try run("-n", "base", "--runs", "1", "--layers", "--json", "--quiet")
        let layers = try #require(try rows(run).first?["layers"] as? [[String: Any]])
        let names = layers.compactMap { $0["name"] as? String }
        let encoders = (0..<4).flatMap { ["tencoder.\($0)", "encoder.\($0)"] }
        let decoders = (0..<4).flatMap { ["decoder.\($0)", "tdecoder.\($0)"] }
        #expect(
            names == ["stft", "normalisation"] + encoders + ["crosstransformer"] + decoders
                + ["istft"])
        #expect(layers.allSatisfy { ($0["bytes"] as? Double ?? 0) > 0 })
        let shares = layers.compactMap { $0["share"] as? Double }
        #expect(abs(shares.reduce(0, +) - 1) < 1e-9)
    }

    @Test func aTrackIsSeparatedToo() throws {
        let track = Fixture.bundledModels.appendingPathComponent("demo_track.ogg").path
        let run = try run(
            "-n", "base", "--runs", "1", "--track", track, "--json", "--quiet")
        #expect(run.exitCode == 0)
        let found = try #require(try rows(run).first?["track"] as? [String: Any])
        #expect((found["audio_seconds"] as? Double ?? 0) > 1)
        #expect((found["realtime_factor"] as? Double ?? 0) > 0)
    }

    @Test func stemsAreScoredAgainstReferences() throws {
        try folder.writeTrack("music.wav")
        // The model's own stems are the truth here.
        let separated = try CommandRun(
            ["music.wav", "-n", "base", "--shifts", "0", "--float32", "--clip-mode", "none", "-q"],
            in: folder.url)
        #expect(separated.exitCode == 0, "\(separated.errors)")
        let references = folder.url.appendingPathComponent("separated/base/music").path
        let arguments = ["-n", "base", "--runs", "1", "--track", "music.wav", "-q"]
        let run = try CommandRun(
            ["bench", "--precision", "all", "--json", "--references", references] + arguments,
            in: folder.url)
        #expect(run.exitCode == 0, "\(run.errors)")
        let scores = try rows(run).map {
            try #require(($0["track"] as? [String: Any])?["sdr_db"] as? [String: Double])
        }
        #expect(scores[0].keys.sorted() == ["bass", "drums", "other", "vocals"])
        // The same samples; float32's rounding in a file of float32 is none.
        #expect(scores[0].values.allSatisfy { $0 > 60 }, "\(scores[0])")
        // Eight bits of mantissa cost some.
        #expect(try #require(scores[1]["bass"]) < #require(scores[0]["bass"]))

        let table = try CommandRun(
            ["bench", "--references", references] + arguments, in: folder.url)
        #expect(table.output.contains("SDR dB\n"), "\(table.output)")
        #expect(table.output.contains("; SDR in dB: bass "), "\(table.output)")

        try FileManager.default.removeItem(atPath: references + "/bass.wav")
        let missing = try CommandRun(
            ["bench", "--references", references] + arguments, in: folder.url)
        #expect(missing.exitCode == 1)
        #expect(missing.errors.contains("the stem 'bass' is missing"), "\(missing.errors)")
    }

    @Test func aTrackThatCannotBeReadIsTold() throws {
        let run = try run("-n", "base", "--track", "nowhere.wav", "--quiet")
        #expect(run.exitCode == 1)
        #expect(run.errors.contains("nowhere.wav"))
    }

    @Test func publishedConfigurationNeedsNoFile() throws {
        let run = try run(
            "--random-weights", "htdemucs", "--runs", "1", "--json", "--quiet")
        #expect(run.exitCode == 0)
        let row = try #require(try rows(run).first)
        let seconds = try #require(row["seconds_per_segment"] as? [String: Double])
        let operations = try #require(row["gflops"] as? Double) * #require(seconds["median"])
        // docs: about 335 GFLOP, of which convolutions 123, linear layers 127, attention 85.
        #expect(abs(operations - 335) < 2)
        let audioSeconds =
            try #require(row["realtime_factor"] as? Double) * #require(seconds["median"])
        #expect(abs(audioSeconds - 7.8) < 1e-9)
        // float32 values of all parameters.
        #expect(row["file_bytes"] as? Int == 4 * 41_984_456)
    }

    @Test func tableTellsWhatWasMeasured() throws {
        let run = try run("-n", "base", "--runs", "1", "--threads", "1", "--layers", "-q")
        #expect(run.exitCode == 0)
        #expect(run.outputLines.first?.hasPrefix("base, a segment of 0.49 s, ") == true)
        #expect(run.outputLines.dropFirst().first?.hasPrefix("1 thread, 1 run, ") == true)
        #expect(run.outputLines.contains { $0.hasPrefix("float32 ") && $0.hasSuffix(" equal") })
        #expect(run.outputLines.contains { $0.hasPrefix("crosstransformer ") })
    }

    static let mistakes: [([String], String)] = [
        (
            ["--random-weights", "mdx"],
            "The value 'mdx' is invalid for '--random-weights <name>': expected htdemucs"
        ),
        (
            ["--precision", "int4"],
            "The value 'int4' is invalid for '--precision <name>': expected one of float32, "
                + "bfloat16, int8, all"
        ),
        (
            ["--runs", "0"],
            "The value '0' is invalid for '--runs <n>': expected a whole number from 1 to 1000"
        ),
        (
            ["--threads", "two"],
            "The value 'two' is invalid for '--threads <n>': expected a whole number from 1 to 1024"
        ),
        (
            ["-n", "base", "--random-weights", "htdemucs"],
            "'--name' can't be combined with '--random-weights'"
        ),
        (
            ["-n", "base", "--references", "stems"],
            "'--references' goes with '--track <file>' alone"
        ),
        (["track.wav"], "Unexpected argument 'track.wav'"),
    ]

    @Test(arguments: mistakes)
    func mistakesAreTold(arguments: [String], message: String) throws {
        let run = try CommandRun(["bench"] + arguments, in: folder.url)
        #expect(run.errors == "error: \(message)\n")
        #expect(run.exitCode == 2)
    }

    @Test func missingModelIsNamed() throws {
        let run = try run("-n", "nothing", "--quiet")
        #expect(run.exitCode == 3)
        #expect(run.errors.contains("nothing"))
        #expect(run.errorLines.count == 1)
    }
}
