import Foundation
import TestSupport
import Testing

/// `--manifest` and `--shard`: selected tracks, their names and their results.
struct ManifestTests {
    private let folder = TemporaryFolder()

    init() throws {
        for name in ["a", "b", "c"] { try folder.writeTrack("\(name).wav") }
    }

    /// Writes a manifest of ids and paths.
    private func list(_ tracks: KeyValuePairs<String, String>) throws {
        let lines = tracks.map { #"{"id": "\#($0)", "path": "\#($1)"}"# + "\n" }
        try folder.write(lines.joined(), "list.jsonl")
    }

    @discardableResult
    private func run(
        _ more: [String] = [], of manifest: String = "list.jsonl", exits code: Int32 = 0
    ) throws -> CommandRun {
        try folder.run(
            ["--manifest", manifest, "-n", "cross_first", "-o", "out"] + more, exits: code)
    }

    @Test func idsNameTheStems() throws {
        try folder.write(
            """
            {"id": "artist.song.1", "path": "a.wav"}

            {"path": "b.wav", "id": 7}

            """, "list.jsonl")
        try run()
        let stems = folder.paths.filter { $0.hasSuffix(".wav") && $0.hasPrefix("out/") }
        #expect(
            stems == [
                "out/cross_first/artist.song.1/drums.wav", "out/cross_first/artist.song.1/rest.wav",
                "out/cross_first/7/drums.wav", "out/cross_first/7/rest.wav",
            ])
        let again = try run(["--skip-existing"])
        #expect(again.errors.contains("Already done: artist.song.1\nAlready done: 7\n"))
    }

    @Test func differentIDsStayDifferentWithSafeNames() throws {
        try list(["a?": "a.wav", "a:": "b.wav"])
        try run(["--safe-names"])
        #expect(folder.paths.filter { $0.hasSuffix("drums.wav") }.count == 2, "\(folder.paths)")
    }

    @Test(arguments: ["file", "pipe"])
    func byteOrderMarksEmptyLinesAndLineEndsOfWindowsAreAccepted(source: String) throws {
        let text =
            "\u{FEFF} \t" + #"{"path": "a.wav", "id": "plain"}"# + "\r\n\t \r\n"
            + #"{"id": "a 'b', c", "path": "b.wav"}"# + "\r\n"
        try folder.write(text, "list.jsonl")
        if source == "file" {
            try run()
        } else {
            _ = try folder.shell("cat list.jsonl | \"$0\" --manifest - -n cross_first -o out")
        }
        #expect(folder.exists("out/cross_first/plain/drums.wav"))
        #expect(folder.exists("out/cross_first/a 'b', c/drums.wav"))
    }

    @Test func tracksHaveOptionsOfTheirOwn() throws {
        try folder.write(
            """
            {"id": "own", "path": "a.wav", "shifts": 0, "start": "0:00.1", "duration": 0.2}
            {"id": "seeded", "path": "a.wav", "seed": 18446744073709551615}
            {"id": "theirs", "path": "a.wav", "overlap": null}

            """, "list.jsonl")
        let results = try run(["--json", "--shifts=2", "--seed=3"]).events("result")
        #expect(results.map { $0["id"] as? String } == ["own", "seeded", "theirs"])
        #expect(results.map { $0["duration_seconds"] as? Double } == [0.2, 0.4375, 0.4375])
        #expect(results.map { $0["seed"] as? UInt64 } == [nil, .max, 3])
        let parameters = results.map { $0["parameters"] as? [String: Any] }
        #expect(parameters.map { $0?["shifts"] as? Int } == [0, 2, 2])
        // A track's own options give the same result as the command's.
        try folder.run(
            "a.wav", "-n", "cross_first", "-o", "plain", "--shifts=0", "--start=0.1",
            "--duration=0.2")
        #expect(
            try folder.data("plain/cross_first/a/rest.wav")
                == folder.data("out/cross_first/own/rest.wav"))
    }

    @Test func shardsAreDisjointAndStayWhenLinesAreAdded() throws {
        let ids = (0..<20).map { "track \($0)" }
        let lines = ids.map { "{\"id\": \"\($0)\", \"path\": \"a.wav\"}\n" }
        try folder.write(lines.joined(), "all.jsonl")
        try folder.write(lines.reversed()[..<10].joined(), "some.jsonl")
        func shard(_ index: Int, _ name: String) throws -> Set<String> {
            let run = try run(["--shard=\(index)/3", "--dry-run", "--json"], of: name)
            let ids = try run.events("result").compactMap { $0["id"] as? String }
            #expect(try run.events("start").first?["tracks"] as? Int == ids.count)
            return Set(ids)
        }
        let shards = try (0..<3).map { try shard($0, "all.jsonl") }
        #expect(shards.map(\.count).reduce(0, +) == 20)
        #expect(shards.reduce(into: []) { $0.formUnion($1) } == Set(ids))
        for index in 0..<3 {
            #expect(try shard(index, "some.jsonl") == shards[index].intersection(ids[10...]))
        }
        // `printf 'track 0' | sha256sum` begins with this number.
        #expect(shards[Int(0xa19b_1838_8199_7e8c % UInt64(3))].contains("track 0"))
    }

    @Test func aResultHasAllMembersWhateverItsStatus() throws {
        try folder.write("text", "bad.wav")
        try list(["x": "a.wav", "y": "bad.wav", "z": "gone.wav"])
        let first = try run(["--json"], exits: 1).events("result")[0]
        let run = try run(["--json", "--skip-existing"], exits: 1)
        let results = try run.events("result")
        #expect(results.map { $0["status"] as? String } == ["skipped", "failed", "failed"])
        // A track that is done already has the results of its separation.
        func number(_ name: String) throws -> Double { try #require(first[name] as? Double) }
        let sound = try number("realtime_factor") * number("seconds")
        #expect(try abs(sound / number("duration_seconds") - 1) < 1e-6)
        #expect(results[0]["outputs"] as? NSArray == first["outputs"] as? NSArray)
        #expect(
            results.map { $0["error_class"] as? String } == [nil, "unreadable", "unreadable"])
        let planned = try self.run(["--json", "--dry-run"]).events("result")[0]
        let peaks = ([planned, first] + results).map { $0["peak_memory_bytes"] is Int }
        #expect(peaks == [false, true, false, true, true])
        let keys: Set = [
            "event", "id", "path", "status", "error_class", "error", "seconds",
            "peak_memory_bytes", "realtime_factor", "duration_seconds", "seed", "tempo_bpm", "key",
            "warnings", "outputs", "engine_version", "checkpoint_sha256", "parameters",
        ]
        for result in results { #expect(Set(result.keys) == keys) }
        let outputs = try #require(results[0]["outputs"] as? [[String: Any]])
        for output in outputs {
            #expect((output["sha256"] as? String)?.count == 64)
            let path = try #require(output["path"] as? String)
            #expect(output["bytes"] as? Int == (try folder.data(path)).count)
        }
        #expect((results[0]["checkpoint_sha256"] as? [String])?.first?.count == 64)
        let end = try #require(run.outputLines.last)
        #expect(end.contains(#""counts":{"failed":2,"skipped":1}"#))
        #expect(!end.contains(#""tracks""#))
        #expect(run.errorLines.last == "error: 2 of 3 tracks failed")
    }

    // MARK: - Timeout and quarantine

    @Test func aTrackThatTakesTooLongFailsAndTheRunGoesOn() throws {
        try list(["short": "a.wav"])
        try run(["--timeout=1000"])
        try list(["long": "b.wav", "short": "a.wav"])
        // Less than any track takes.
        let options = ["--json", "--skip-existing", "--timeout=0.000001"]
        let run = try run(options, exits: 1)
        let results = try run.events("result")
        #expect(results.map { $0["status"] as? String } == ["failed", "skipped"])
        #expect(results[0]["error_class"] as? String == "timeout")
        #expect(run.errors.contains("long: took longer than the 1e-06 s of the time limit"))
        #expect(run.errors.contains("0 of 2 tracks separated, 1 already done in "))
        #expect(!folder.exists("out/cross_first/long"))
    }

    @Test func aTrackThatFailsAgainAndAgainGoesIntoQuarantine() throws {
        try folder.write("text", "bad.wav")
        try list(["x": "a.wav", "y": "bad.wav"])
        let options = ["--json", "--skip-existing", "--quarantine-after=2"]
        func status(_ more: [String] = [], exits code: Int32) throws -> String? {
            try run(options + more, exits: code).events("result").last?["status"] as? String
        }
        #expect(try status(exits: 1) == "failed")
        #expect(try status(exits: 1) == "failed")
        #expect(try status(exits: 0) == "quarantined")
        #expect(try status(["--force"], exits: 1) == "failed")
        // A changed file is tried again.
        try folder.writeTrack("bad.wav")
        #expect(try status(exits: 0) == "done")
        let record = try #require(folder.files.first { $0.hasPrefix("out/.swift-demucs/y-") })
        #expect(try folder.json(record)["failure"] == nil)
    }

    /// Each try differs from the one before by the size of the file, its time or an option.
    @Test func aFailureCountsForTheSameFileAndOptionsOnly() throws {
        try list(["x": "bad.wav"])
        for (text, time, option) in [
            ("text", 1, "--shifts=1"), ("texts", 1, "--shifts=1"), ("texts", 2, "--shifts=1"),
            ("texts", 2, "--shifts=0"),
        ] {
            try folder.write(text, "bad.wav")
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: Double(time))],
                ofItemAtPath: folder.path("bad.wav"))
            for (status, code) in [("failed", 1), ("quarantined", 0)] as [(String, Int32)] {
                let run = try run(["--json", "--quarantine-after=1", option], exits: code)
                #expect(try run.events("result").map { $0["status"] as? String } == [status])
                #expect(run.errors.contains("1 in quarantine in ") == (code == 0))
            }
        }
    }

    @Test func faultsOfTheMachineDoNotCount() throws {
        try list(["x": "a.wav"])
        try folder.makeFolder("out/cross_first/x/drums.wav")
        for _ in 0..<2 {
            let result = try run(["--json", "--quarantine-after=1"], exits: 1)
                .events("result").first
            #expect(result?["status"] as? String == "failed")
            #expect(result?["error_class"] as? String == "no_room")
        }
        let record = try #require(folder.files.first { $0.hasPrefix("out/.swift-demucs/x-") })
        let failure = try #require(try folder.json(record)["failure"] as? [String: Any])
        #expect(failure["tries"] as? Int == 0)
        #expect(failure["error_class"] as? String == "no_room")
    }

    @Test func aTrackHasStemsOfItsOwn() throws {
        try folder.write(
            """
            {"id": "x", "path": "a.wav"}
            {"id": "y", "path": "b.wav", "stems": "rest"}

            """, "list.jsonl")
        let found = try run(["--json", "--stems=drums"]).events("result")
        let stems = found.map { track in
            (track["outputs"] as? [[String: Any]])?.compactMap { $0["stem"] as? String }
        }
        #expect(stems == [["drums"], ["rest"]])
        let parameters = try #require(found.last?["parameters"] as? [String: Any])
        #expect(parameters["outputs"] as? [String] == ["rest"])
        let again = try run(["--stems=drums", "--skip-existing"])
        #expect(again.errors.contains("Already done: x\nAlready done: y\n"))
        // Without {stem}, different stems of a track would have the same file name.
        try run(["--stems=drums", "--filename={track}.{ext}"], exits: 2)
    }

    @Test func aFollowedManifestIsSeparatedLineByLine() throws {
        // The script writes the second line when the first result has arrived.
        let script = """
            mkfifo lines results
            "$0" --manifest lines --follow --json -n cross_first -o out >results &
            exec 3<>lines 4<>results
            next() { while read -r line <&4; do
                case $line in *'"event":"result"'*) echo "$line"; return ;; esac
            done; }
            echo '{"id": "x", "path": "a.wav"}' >&3; next
            echo '{"id": "y", "path": "none.wav"}' >&3; next
            echo '{"id": "z", "path": "b.wav", "stems": "rest"}' >&3; next
            exec 3>&-
            wait $!
            """
        let found = try folder.shell(script, exits: 1).events("result")
        #expect(found.map { $0["id"] as? String } == ["x", "y", "z"])
        #expect(found.map { $0["status"] as? String } == ["done", "failed", "done"])
        #expect(folder.paths.contains("out/cross_first/z/rest.wav"))
        #expect(!folder.paths.contains("out/cross_first/z/drums.wav"))
    }

    @Test func aFollowingRunEndsWithTheReaderOfItsResults() throws {
        // More events than a pipe holds; descriptor 3 keeps the manifest open.
        try folder.writeTrack("long.wav", samples: 60_000)
        let script = """
            mkfifo lines
            exec 3<>lines
            echo '{"id": "x", "path": "long.wav", "shifts": 100}' >&3
            { timeout 30 "$0" --manifest lines --follow --json -n cross_first -o out
            echo $? >code; } | head -n 1
            cat code
            """
        let run = try folder.shell(script)
        #expect(run.outputLines.last == "141", "\(run.errors)")
    }

    @Test func aTrackOrExcerptThatIsTooLongIsRefused() throws {
        try folder.write(
            """
            {"id": "x", "path": "a.wav"}
            {"id": "y", "path": "a.wav", "duration": 0.1}

            """, "list.jsonl")
        let found = try run(["--json", "--max-duration=0.11"], exits: 1).events("result")
        #expect(found.map { $0["error_class"] as? String } == ["too_long", nil])
    }

    @Test func anInterruptionIsNoFailureAndAKilledProcessIsOne() throws {
        try folder.writeTrack("long.wav", samples: 200_000)
        try list(["long": "long.wav"])
        let arguments = [
            "--manifest=list.jsonl", "-n", "cross_first", "-o", "out", "--quarantine-after=1",
            "--shifts=100",
        ]
        try folder.run(arguments, interruptedAt: "Separating", exits: 130)
        #expect(!folder.exists("out/.swift-demucs"))
        // Another run waits for the track, until its process has ended.
        _ = try CommandRun(arguments, in: folder.url, exits: SIGKILL, at: "Separating") { one in
            let run = try CommandRun(
                arguments + ["--json", "--verbose"], in: folder.url, at: "left for later"
            ) { _ in kill(one.processIdentifier, SIGKILL) }
            let result = try run.events("result").first
            #expect(result?["status"] as? String == "quarantined")
            #expect(result?["error_class"] as? String == "internal")
        }
        let record = try #require(folder.files.first { $0.hasSuffix("/track.json") })
        #expect(try folder.json(record)["state"] as? String == "queued")
    }
}
