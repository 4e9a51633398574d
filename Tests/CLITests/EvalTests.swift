import Demucs
import Foundation
import TestSupport
import Testing

/// `eval` on folders made from the fixtures of scores.
struct EvalTests {
    private let folder = TemporaryFolder()

    private func run(_ arguments: String..., exits code: Int32 = 0) throws -> CommandRun {
        try folder.run(["eval"] + arguments, exits: code)
    }

    /// Writes the true stems or the estimates of a fixture as float32 files.
    private func write(
        _ role: String, of fixture: String = "stereo_good", to name: String,
        stems: [String] = ["bass", "drums"], samples kept: Int? = nil, rateHz: Int = 2000
    ) throws {
        let golden = try Fixture("evaluation/\(fixture)")
        try folder.makeFolder(name)
        for stem in stems {
            let samples = try golden.shape("\(role).\(stem)")[1]
            let values = try golden.floats("\(role).\(stem)")
            let channels = stride(from: 0, to: values.count, by: samples).map {
                Array(values[$0..<$0 + min(samples, kept ?? samples)])
            }
            try AudioFile.write(
                PlanarAudio(channels: channels, sampleRateHz: rateHz),
                to: folder.url("\(name)/\(stem).wav").path, format: .wav(.float32),
                clip: .none)
        }
    }

    private func writePair(of fixture: String = "stereo_good", track: String = "") throws {
        try write("reference", of: fixture, to: "true\(track)")
        try write("estimate", of: fixture, to: "found\(track)")
    }

    private func golden(_ name: String, of fixture: String = "stereo_good") throws -> Double {
        let text = try Fixture("evaluation/\(fixture)").checkpoint.metadata["scores"] ?? ""
        let scores = try JSONDecoder().decode([String: [String]].self, from: Data(text.utf8))
        return try #require(Double(scores[name]?.first ?? ""))
    }

    @Test func tableShowsEveryScoreOfATrack() throws {
        try writePair()
        let run = try run("true", "found")
        #expect(run.errors == "Scoring true\n")
        #expect(
            run.outputLines.first?.split(separator: "  ", omittingEmptySubsequences: true)
                .map { $0.trimmingCharacters(in: .whitespaces) }
                == ["dB", "SDR", "SI-SDR"])
        try #require(run.outputLines.count == 8)
        #expect(run.outputLines[1] == "true")
        let bass = run.outputLines[2].split(separator: " ")
        #expect(bass.first == "bass")
        for (cell, name) in zip(bass.dropFirst(), ["sdr", "si-sdr"]) {
            let golden = try golden("\(name).bass")
            let shown = try #require(Double(cell))
            // Half a unit of the second decimal, and the tolerance of the scores.
            #expect(abs(shown - golden) <= 0.015, "\(name)")
        }
        #expect(run.outputLines[4] == "median of 1 track")
        #expect(run.outputLines[7].hasPrefix("  mean"))
    }

    @Test func mediansRunOverTracksAndTheMeanOverStems() throws {
        for (index, fixture) in ["stereo", "stereo_good", "mono"].enumerated() {
            try writePair(of: fixture, track: "/song\(index)")
        }
        let run = try run("true", "found", "--metrics", "sdr", "--json", "--quiet")
        #expect(run.errors.isEmpty)
        let document = try run.json()
        #expect((document["tracks"] as? [[String: Any]])?.count == 3)
        func expected(_ stem: String) throws -> Double {
            let scores = try ["stereo", "stereo_good", "mono"].map {
                try golden("sdr.\(stem)", of: $0)
            }
            return scores.sorted()[1]
        }
        let medians = try #require(document["medians"] as? [String: [String: Double]])
        let (bass, drums) = (try expected("bass"), try expected("drums"))
        #expect(abs((medians["bass"]?["sdr"] ?? 0) - bass) < 1e-9)
        #expect(abs((medians["drums"]?["sdr"] ?? 0) - drums) < 1e-9)
        let mean = try #require(document["mean_of_medians"] as? [String: Double])
        #expect(abs((mean["sdr"] ?? 0) - (bass + drums) / 2) < 1e-9)
    }

    @Test func theSNRIsAgainstTheOtherEstimates() throws {
        try writePair()
        let run = try run(
            "true", "found", "--against", "found", "--metrics", "si-sdr", "--json", "-q")
        let medians = try #require(try run.json()["medians"] as? [String: [String: Any]])
        #expect(medians["bass"]?["snr"] as? String == "Infinity")
    }

    @Test func scoresWithoutAValueAreNull() throws {
        try writePair(of: "silent_stem")
        let run = try run("true", "found", "--json", "-q")
        #expect(run.errors.isEmpty)
        let medians = try #require(try run.json()["medians"] as? [String: [String: Any]])
        #expect(medians["bass"]?["si_sdr"] is NSNull)
        #expect(medians["bass"]?["sdr"] is Double)
    }

    @Test func mixtureIsNoStemAndOnlyNamedStemsAreScored() throws {
        try write("reference", to: "true")
        try write("estimate", to: "found", stems: ["bass"])
        try folder.write("", "true/mixture.wav")
        let run = try run("true", "found", "--stems", "bass", "--metrics", "sdr", "-q")
        #expect(run.outputLines[2].hasPrefix("  bass"))
        #expect(!run.output.contains("drums"))
    }

    @Test func missingStemIsNamed() throws {
        try write("reference", to: "true")
        try write("estimate", to: "found", stems: ["bass"])
        let run = try run("true", "found", "-q", exits: 1)
        #expect(run.output.isEmpty)
        #expect(run.errors == "error: found: the stem 'drums' is missing; found bass\n")
    }

    @Test func tracksAfterAFailedOneAreScored() throws {
        for name in ["a", "b", "c"] {
            try write("reference", to: "true/\(name)")
            if name != "b" { try write("estimate", to: "found/\(name)") }
        }
        let run = try run("true", "found", "--metrics", "sdr", "-q", exits: 1)
        #expect(
            run.errorLines == [
                "error: found: no folder of stems for the track 'b'",
                "error: 1 of 3 tracks failed: b",
            ])
        #expect(run.outputLines.contains("median of 2 tracks"))
    }

    @Test func stemsWithoutAReferenceGiveAWarning() throws {
        try write("reference", to: "true", stems: ["bass"])
        try write("estimate", to: "found")
        let run = try run("true", "found", "--metrics", "sdr", "-q")
        #expect(
            run.errors == "warning: found: not scored, because the reference is missing: drums\n")
    }

    @Test func estimatesOfAnotherLengthOrRateAreRefused() throws {
        try write("reference", to: "true")
        try write("estimate", to: "short", samples: 4000)
        let short = try run("true", "short", "-q", exits: 1)
        #expect(
            short.errors
                == "error: true: the estimate of 'bass' has 4000 samples, expected 4400 samples, "
                + "like the reference of 'bass'; cut or convert the files so that all are alike\n")
        try write("estimate", to: "fast", rateHz: 4000)
        let fast = try run("true", "fast", "-q", exits: 1)
        #expect(
            fast.errors.contains("has a sample rate of 4000 Hz, expected a sample rate of 2000"))
    }

    @Test func foldersWithoutMatchingStemsAreRefused() throws {
        try write("reference", to: "true")
        try write("reference", to: "songs/one")
        try write("reference", to: "twice")
        try folder.write("", "twice/bass.flac")
        try folder.makeFolder("empty")
        let cases = [
            ("gone", "gone: can't be read as a folder"),
            ("empty", "empty: holds no audio files, nor folders with audio files"),
            ("songs", "true holds the stems of one track, songs folders of tracks"),
            ("twice", "twice: the stem 'bass' has several files: bass.flac, bass.wav"),
        ]
        for (name, message) in cases {
            let run = try run("true", name, exits: 1)
            #expect(run.errors.hasPrefix("error: \(message)"), "\(run.errors)")
        }
    }
}
