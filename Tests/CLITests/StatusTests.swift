import Foundation
import TestSupport
import Testing

/// `status`: how far the tracks of a ledger are.
struct StatusTests {
    private let folder = TemporaryFolder()

    private struct Report: Decodable, Equatable {
        struct Track: Decodable, Equatable {
            var id: String
            var name: String?
            var state: String
            var tries: Int?
        }
        var counts: [String: Int]
        var tracks: [Track]
    }

    private func report(_ words: String...) throws -> Report {
        let run = try folder.run(["status", "--json"] + words)
        let report = try JSONDecoder().decode(Report.self, from: run.outputBytes)
        return Report(counts: report.counts.filter { $0.value > 0 }, tracks: report.tracks)
    }

    private func manifest(_ ids: [String]) throws {
        let lines = ids.map { #"{"id": "\#($0)", "path": "\#($0).wav"}"# + "\n" }
        try folder.write(lines.joined(), "m.jsonl")
    }

    private func separate(_ words: String..., exits code: Int32 = 1) throws {
        try folder.run(
            ["-n", "cross_first", "--stems=drums", "--manifest=m.jsonl", "-o", "out"] + words,
            exits: code)
    }

    @Test func aManifestIsCountedOverAllShards() throws {
        // An NFC and an NFD é are different ids.
        let ids = ["a", ".b", "bad", "\u{E9}", "e\u{301}", "late"]
        for id in ids where id != "bad" { try folder.writeTrack("\(id).wav") }
        try folder.write("no sound", "bad.wav")
        try manifest(ids)
        #expect(
            try folder.run("status", "m.jsonl", "-o", "out", exits: 2).errors.contains("no records")
        )
        try manifest(ids.dropLast())
        // `printf bad | sha256sum` begins with a number of shard 0.
        try separate("--shard=0/2", "--quarantine-after=2")
        try separate("--shard=1/2", "--quarantine-after=2", exits: 0)
        try manifest(ids)
        let failed = Report.Track(id: "bad", state: "failed", tries: 1)
        let left = Report.Track(id: "late", state: "left")
        #expect(
            try report("m.jsonl", "-o", "out")
                == Report(counts: ["done": 4, "failed": 1, "left": 1], tracks: [failed, left]))
        try separate("--quarantine-after=2", "--skip-existing")
        let table = try folder.run("status", "m.jsonl", "-o", "out").output
        #expect(table.contains("in quarantine  1\n") && table.contains("all            6\n"))
        #expect(table.contains("in quarantine  bad        2  bad: "))
        // Without the manifest: the tracks that were tried, which are now those of a folder.
        try folder.write("", "out/.swift-demucs/stray/track.json")
        try folder.write("", "out/tracks/no service")
        let run = try folder.run("status", "out")
        #expect(run.output.contains("all            6\n"))
        #expect(run.errors.contains("the record of 'stray' is damaged"))
    }

    @Test func modelsAreKeptApart() throws {
        for id in ["a", "b"] { try folder.writeTrack("\(id).wav") }
        try manifest(["a", "b"])
        try separate("-q", exits: 0)
        try folder.run(
            "-n", "dconv_depth_1", "--stems=drums", "--manifest=m.jsonl", "--shard=0/1", "-o", "out"
        )
        let error = try folder.run("status", "m.jsonl", "-o", "out", exits: 2).errors
        #expect(
            error.contains("several models; name one of cross_first, dconv_depth_1"), "\(error)")
        #expect(try report("m.jsonl", "-o", "out", "-n", "cross_first").counts == ["done": 2])
    }

    @Test func aTrackWhoseStemsAreStillRightIsDoneAfterAFailure() throws {
        try folder.writeTrack("a.wav")
        try manifest(["a"])
        try separate(exits: 0)
        try separate("--force", "--timeout=0.000001")
        for (option, state) in [("--dry-run", "failed"), ("-q", "done")] {
            try separate("--skip-existing", option, exits: 0)
            #expect(try report("m.jsonl", "-o", "out").counts == [state: 1])
        }
    }

    @Test func aTrackUnderWayIsCounted() throws {
        try folder.writeTrack("a.wav")
        try manifest(["a"])
        let words = [
            "-n", "cross_first", "--manifest=m.jsonl", "-o", "out", "--shifts=20", "--json",
        ]
        _ = try CommandRun(words, in: folder.url, exits: 130, at: #""event":"progress""#) {
            process in
            let counts = try report("m.jsonl", "-o", "out").counts
            #expect(counts == ["running": 1])
            process.interrupt()
        }
        try folder.run("status", "m.jsonl", "-o", "out", exits: 2)
    }

    @Test func theJobsOfAServiceAreListed() throws {
        for (id, state) in [("1", "done"), ("2", "queued"), ("3", "failed"), ("4", "cancelled")] {
            let failure = #"{"error_class": "not-a-sound", "error": "no sound"}"#
            try folder.write(
                #"{"version": 2, "name": "Song", "model": "m\#(id)", "state": "\#(state)", "#
                    + #""failure": \#(state == "failed" ? failure : "null")}"#,
                "data/tracks/\(id)/track.json")
        }
        // One that is being removed.
        try folder.write("{}", "data/tracks/.5/track.json")
        try folder.write("", "data/lock")
        let found = try report("data")
        #expect(found.counts == ["done": 1, "left": 1, "failed": 1, "cancelled": 1])
        #expect(found.tracks.map(\.name) == ["Song", "Song", "Song"])
        #expect(
            try folder.run("status", "data").output.contains("failed     Song (3)         no sound")
        )
        try folder.run("status", "data", "-o", "out", exits: 2)
    }
}
