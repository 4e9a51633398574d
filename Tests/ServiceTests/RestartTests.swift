import Foundation
import Runs
import Service
import Synchronization
import System
import TestSupport
import Testing

/// Data that survive a restart of the process, and data that don't.
@Suite(.serialized)
struct RestartTests {
    @Test func jobsGoOnAfterARestart() throws {
        let folder = TemporaryFolder()
        let service = try RunningService(in: folder, gate: JobGate(before: 1))
        let done = try service.doneJob(Sound.tone(seconds: 0.5))
        let running = try service.job(Sound.tone(seconds: 4))
        let waiting = try service.job(Sound.tone(pitchHz: 500))
        let before = try service.get("/v1/separations/\(done)/stems/bass.wav").body
        try service.waitForStems(running)
        // Streams, an upload and an archive that nobody reads don't keep the service from its end.
        let bytes = service.enlarge(stem: 0, of: done)
        var open = try (0..<50).map { _ in try service.open("/v1/events") }
        open.append(try service.open("/v1/separations", "Content-Length: 1000000", method: "POST"))
        open.append(try service.open("/v1/separations/\(done)/stems.zip", receivedBytes: 4096))
        #expect(open[51].receive(until: "200 OK").contains("200 OK"))
        service.end()
        #expect(open[51].receiveAll().count < bytes)
        // The running job has not ended, and keeps its sound.
        #expect(try service.tracks(with: "input").contains(running))
        var second = service
        // The sounds and stems are away at the next start, and back at the one after.
        for (state, change) in [
            ("failed", "for t in *; do mkdir ../x/$t; mv $t/input $t/stems ../x/$t; done"),
            ("done", "for t in *; do mv ../x/$t/* $t; done"),
        ] {
            second.end()
            let script =
                "mkdir -p '\(folder.path("data/x"))'; cd '\(folder.path("data/tracks"))'; \(change)"
            try #require(try Process.run(["sh", "-c", "(\(script)) 2>/dev/null; true"]) == 0)
            second = try RunningService(in: folder)
            for id in [done, running, waiting] {
                #expect(try second.finished(id)["state"] as? String == state)
            }
        }
        #expect(try second.get("/v1/separations/\(done)/stems/bass.wav").body == before)
        let length = try second.get("/v1/separations/\(running)/stems/bass.wav").body.count
        #expect(length == 44 + 4 * 44_100 * 4)
    }

    @Test func manyJobsDoNotStallOtherRequests() throws {
        let folder = TemporaryFolder()
        let first = try RunningService(in: folder) { $0.jobs = 0 }
        let id = try first.job(Sound.tone(seconds: 0.1))
        try first.delete(id)
        first.end()
        let tracks = folder.url("data/tracks")
        let record = try String(
            contentsOf: tracks.appending(path: "\(id)/track.json"), encoding: .utf8)
        let sequence = try #require(record.firstMatch(of: /"sequence" : \d+/)).output
        for number in 2...4000 {
            let track = tracks.appending(path: String(format: "%024x", number))
            try FileManager.default.createDirectory(at: track, withIntermediateDirectories: false)
            try record.replacing(sequence, with: "\"sequence\" : \(number)")
                .write(to: track.appending(path: "track.json"), atomically: false, encoding: .utf8)
        }
        let second = try RunningService(in: folder)
        let streams = try (0..<60).map { _ in try second.open("/v1/events") }
        #expect(try second.get("/v1/separations/\(id)").status == 200)
        #expect(try second.get("/v1/separations").object["total"] as? Int == 4000)
        for stream in streams {
            #expect(stream.receive(until: "\"total\":4000").contains("event: state"))
        }
    }

    /// Files that a killed service was writing.
    @Test func unfinishedFilesAreRemoved() throws {
        let folder = TemporaryFolder()
        let first = try RunningService(in: folder)
        let id = try first.doneJob(Sound.tone(seconds: 0.5))
        _ = try first.get("/v1/separations/\(id)/mix?bass=1")
        first.end()
        let kept = try first.files("cache/\(id)")
        #expect(!kept.isEmpty)
        let own = "0123456789abcdef01234567"
        for name in ["cache/\(id)/.swift-demucs-1a2b.part", "tmp/\(own)", "uploads/\(own)"] {
            _ = try folder.write(Data([1]), "data/\(name)")
        }
        // Those of a command, or of a person.
        let others = ["tmp", "uploads", "cache"].map { "\($0)/song/drums.wav" }
        for name in others {
            let url = folder.url("data/\(name)")
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data([1]).write(to: url)
        }
        let second = try RunningService(in: folder)
        #expect(try second.files("cache/\(id)").sorted() == kept.sorted())
        second.advance(by: 0)
        for name in ["tmp", "uploads"] { #expect(try second.files(name) == ["song"]) }
        for name in others {
            #expect(FileManager.default.fileExists(atPath: folder.path("data/\(name)")))
        }
    }

    /// Each way changes a copy of the folder, which is that of a killed service.
    @Test func tracksThatCannotBeUsedStay() throws {
        let folder = TemporaryFolder()
        let gate = JobGate(before: 0)
        let service = try RunningService(in: folder, gate: gate)
        gate.open()
        let done = try service.doneJob(Sound.tone(seconds: 0.5))
        gate.hold(before: 0)
        let running = try service.job(Sound.tone())
        try service.waitUntilRunning(running)
        let other = "0123456789abcdef01234567"
        func json(_ field: String, _ value: String) -> String {
            "sed -i 's/\"\(field)\" : .*/\"\(field)\" : \(value),/' $t/track.json"
        }
        let damaged = [
            json("created", "1e300"), json("sequence", "9223372036854775807"),
            json("channels", "0"), json("stem_rate_hz", "-9223372036854775807"),
            json("file", #""..\/..\/lock""#), json("state", "\"lost\""), ": > $t/track.json",
            "truncate -s 300 $t/track.json", "cp lock $t/track.json",
        ]
        let ways: [(String, reason: String?, ids: [String])] =
            damaged.map { ($0, "'\(done)' (is damaged)", [running]) } + [
                (json("version", "3"), "'\(done)' (is of a later version", [running]),
                ("rm $t/track.json", "'\(done)' (has no record)", [running]),
                ("rm $t/track.json; mkdir $t/track.json", "'\(done)' (is damaged)", [running]),
                ("mv $t tracks/old", "'old' (its name is not the id", [running]),
                ("mv $t tracks/.\(done)", "'.\(done)' (its name is not the id", [running]),
                ("rm clock; mkdir tracks/\(other) tracks/lost+found", nil, [done, running]),
                ("mv $t tracks/\(other)", nil, [other, running]),
                ("cp -a $t tracks/\(other)", nil, [done, other, running]),
                ("mv $t .; mv tracks ..; mkdir tracks; mv ../tracks/* tracks", nil, [running]),
            ]
        for (way, reason, ids) in ways {
            let copy = TemporaryFolder()
            let data = copy.path("data")
            try #require(try Process.run(["cp", "-a", folder.path("data"), data]) == 0)
            let script = "cd '\(data)'; t=tracks/\(done); \(way)"
            try #require(try Process.run(["sh", "-ec", script]) == 0, "\(way)")
            for _ in 0..<2 {
                let second = try RunningService(in: copy) { $0.jobs = 0 }
                let warnings = second.service?.warnings ?? []
                #expect(warnings.count == (reason == nil ? 0 : 1), "\(way): \(warnings)")
                if let reason { #expect(warnings.contains { $0.contains(reason) }, "\(warnings)") }
                #expect(Set(try second.jobs()) == Set(ids), "\(way)")
                let paths = try FileManager.default.subpathsOfDirectory(atPath: data)
                #expect(paths.contains { $0.hasSuffix("/stems/3.wav") }, "\(way): \(paths)")
                #expect(paths.contains("tracks/\(running)/input"), "\(way): \(paths)")
                second.end()
            }
        }
    }

    /// Records that an earlier version wrote into a database.
    @Test func jobsOfAnEarlierVersionAreTakenOverOnce() throws {
        let folder = TemporaryFolder()
        let (done, cancelled) = ("b11a182edda9efcce4426a02", "808750bff6b798959987089b")
        let (running, lost) = ("3b1e54f812fcce3cce29b9dc", "ffffffffffffffffffffffff")
        for (name, bytes) in [
            ("results/\(done)/0.mp3", Data([1, 2, 3])), ("results/\(lost)/0.wav", Data([4])),
            ("results/\(cancelled)/0.wav", Sound.tone(seconds: 0.4)),
            ("inputs/\(running)", Sound.tone(seconds: 0.4)),
        ] {
            let url = folder.url("data/\(name)")
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try bytes.write(to: url)
        }
        try python(
            """
            import json, sqlite3, sys
            database = sqlite3.connect(sys.argv[1])
            database.execute("CREATE TABLE jobs (id, sequence, state, record)")
            database.execute("CREATE TABLE clock (id, seconds)")
            database.execute("INSERT INTO clock VALUES (1, 1234)")
            for line in open(sys.argv[2]):
                job = json.loads(line)
                row = (job["id"], job["sequence"], job["state"], line.strip())
                database.execute("INSERT INTO jobs VALUES (?, ?, ?, ?)", row)
            database.execute("INSERT INTO jobs VALUES (0, 0, 0, '{')")
            database.commit()
            """, folder.path("data/jobs.sqlite"),
            Fixture.url("service/former_jobs.jsonl").path)
        for isFirst in [true, false] {
            let service = try RunningService(in: folder)
            let warnings = service.service?.warnings ?? []
            #expect(warnings.count == 1 && warnings[0].contains("1 sounds and folders of stems"))
            for words in ["4 jobs of an earlier version", "1 of its records can't be read"] {
                #expect(warnings[0].contains(words) == isFirst, "\(warnings)")
            }
            #expect(try service.finished(running)["state"] as? String == "done")
            #expect(try service.get("/v1/separations/\(done)/stems/vocals.mp3").body.count == 3)
            let job = try service.get("/v1/separations/\(done)").object
            #expect(job["name"] as? String == "Song ä.wav" && job["key"] as? String == "A minor")
            let part = try service.get("/v1/separations/\(cancelled)").object
            #expect((part["stems"] as? [Any])?.count == 4)
            let failed = try service.get("/v1/separations/0123456789abcdef01234567").object
            let error = try #require(failed["error"] as? [String: Any])
            #expect((error["type"] as? String)?.hasSuffix("not-a-sound") == true)
            #expect(try service.jobs().last == done)
            service.end()
            #expect(
                try Double(
                    String(contentsOf: folder.url("data/clock"), encoding: .utf8)
                        .trimmingCharacters(in: .newlines)) ?? 0 >= 1234)
        }
        #expect(FileManager.default.fileExists(atPath: folder.path("data/results/\(lost)/0.wav")))
        // A database that comes back is older than the tracks; its clock may be damaged.
        try FileManager.default.moveItem(
            at: folder.url("data/jobs.sqlite.former"), to: folder.url("data/jobs.sqlite"))
        try python(
            """
            import sqlite3, sys
            database = sqlite3.connect(sys.argv[1])
            database.execute("UPDATE clock SET seconds = 9223372036854775807")
            database.commit()
            """, folder.path("data/jobs.sqlite"))
        let again = try RunningService(in: folder)
        #expect(try again.get("/v1/separations/\(running)").object["state"] as? String == "done")
        again.end()
        // One that was never used.
        _ = try folder.write(Data(), "data/jobs.sqlite")
        #expect(try RunningService(in: folder).jobs().count == 4)
        // An older copy of the whole folder over the newer one.
        for name in ["results/\(done)/0.mp3", "inputs/\(running)"] {
            let url = folder.url("data/\(name)")
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data([9]).write(to: url)
        }
        try FileManager.default.moveItem(
            at: folder.url("data/jobs.sqlite.former"), to: folder.url("data/jobs.sqlite"))
        #expect(try RunningService(in: folder).jobs().count == 4)
        #expect(try folder.data("data/tracks/\(done)/stems/0.mp3") == Data([1, 2, 3]))
        // What is no database is refused, and stays.
        _ = try folder.write("no database", "data/jobs.sqlite")
        let error = #expect(throws: ServiceError.self) { _ = try RunningService(in: folder) }
        #expect(error?.description.contains("can't read jobs.sqlite") == true)
        // A pipe would be waited for.
        try FileManager.default.removeItem(at: folder.url("data/clock"))
        try #require(mkfifo(folder.path("data/clock"), 0o600) == 0)
        #expect(throws: ServiceError.self) { _ = try RunningService(in: folder) }
    }

    @Test func aJobThatEndsTheProcessAgainAndAgainFails() throws {
        let folder = TemporaryFolder()
        let first = try RunningService(in: folder, gate: JobGate(before: 0))
        let id = try first.job(Sound.tone(seconds: 0.5))
        try first.waitUntilRunning(id)
        // The folder of a process that was killed for the fifth time.
        let killed = TemporaryFolder()
        try #require(try Process.run(["cp", "-a", folder.path("data"), killed.path("data")]) == 0)
        try change(killed.path("data/tracks/\(id)/track.json")) { $0["tries"] = 5 }
        let second = try RunningService(in: killed)
        let job = try second.finished(id)
        #expect(
            (job["error"] as? [String: Any])?["detail"].map { "\($0)" }?.contains("ended 5 times")
                == true)
        #expect(try second.tracks(with: "input") == [id])
        // An end in order doesn't count.
        first.end()
        try change(folder.path("data/tracks/\(id)/track.json")) {
            #expect($0["tries"] as? Int == 0)
        }
    }

    @Test func aFaultOfTheMachineFailsNoJob() throws {
        let lines = Mutex<[String]>([])
        let service = try RunningService(clock: ManualClock()) {
            $0.log = { line in lines.withLock { $0.append(line) } }
        }
        let done = try service.doneJob(Sound.tone(seconds: 0.2))
        let temporary = try BlockedPath("tmp", in: service.folder)
        let ids = try [200.0, 300, 400].map { try service.job(Sound.tone(pitchHz: $0)) }
        for _ in 0..<3 {
            try waitUntil("the job waits again") {
                try service.get("/readyz").status == 503
                    && service.get("/metrics").text.contains("queue_length 3\n")
            }
            service.advance(by: 31)
        }
        #expect(try service.get("/readyz").detail.contains("Not a directory"))
        #expect(try service.get("/metrics").text.contains("swift_demucs_machine_fault 1\n"))
        #expect(try service.get("/v1/separations/\(done)/stems/bass.flac?to=0.1").status == 503)
        #expect(try service.tracks(with: "input") == ids.sorted())
        try temporary.end()
        _ = try service.folder.write(Data("no sound".utf8), "data/tracks/\(ids[1])/input")
        let link = service.folder.path("data/tracks/\(ids[2])/input")
        try FileManager.default.removeItem(atPath: link)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "/dev/null")
        service.advance(by: 31)
        let states = try ids.map { try service.finished($0)["state"] as? String }
        #expect(states == ["done", "failed", "failed"])
        #expect(try service.get("/readyz").status == 200)
        let said = lines.withLock { $0 }
        for (text, count) in [
            ("No jobs run (disk-full): ", 1), ("bass.flac has failed (disk-full): ", 1),
            ("Jobs run again.", 1), ("Job \(ids[1]) has failed (not-a-sound): ", 1), ("", 5),
        ] { #expect(said.count { text.isEmpty || $0.contains(text) } == count, "\(said)") }
    }

    @Test func aJobThatNeedsTooMuchFailsAtLast() throws {
        let service = try RunningService(clock: ManualClock()) { settings in
            let data = settings.dataFolder
            // The large sound never finds the folder of its results.
            settings.gate = { _, _ in
                for id in FilePath.entries(of: "\(data)/tracks")
                where FilePath.countBytes("\(data)/tracks/\(id)/input") > 100_000 {
                    try? FileManager.default.removeItem(atPath: "\(data)/tracks/\(id)/stems.part")
                }
            }
        }
        let large = try service.job(Sound.tone())
        var doneCount = 0
        func count(_ state: String) throws -> Int {
            try service.get("/v1/separations?state=\(state)").object["total"] as? Int ?? 0
        }
        while try count("failed") == 0, doneCount < 20 {
            doneCount += 1
            _ = try service.job(Sound.tone(seconds: 0.2, pitchHz: Double(300 + doneCount)))
            try waitUntil("the small sound is done") {
                service.advance(by: 31)
                return try count("done") == doneCount
            }
        }
        #expect((4..<20).contains(doneCount))
        #expect(try service.get("/readyz").status == 200)
        #expect(try service.tracks(with: "input") == [large])
    }

    @Test func aFolderHasOneService() throws {
        let folder = TemporaryFolder()
        let service = try RunningService(in: folder)
        let error = #expect(throws: ServiceError.self) { _ = try RunningService(in: folder) }
        #expect(error?.description.contains("in use") == true)
        let taken = #expect(throws: ServiceError.self) {
            _ = try RunningService { $0.port = service.port }
        }
        #expect(taken?.description.contains("another port") == true)
    }

    @Test func jobsOfAnUnpublishedModelWaitForItAfterARestart() throws {
        let folder = TemporaryFolder()
        let path = folder.path("my_band.safetensors")
        try FileManager.default.copyItem(
            atPath: "\(Fixture.bundledModels.path)/demo.safetensors", toPath: path)
        var ids: [String] = []
        func expect(_ state: String, _ service: RunningService) throws {
            service.advance(by: 0)
            for id in ids {
                let job = try service.get("/v1/separations/\(id)").object
                #expect(job["state"] as? String == state, "\(job["error"] ?? "")")
                #expect(job["model"] as? String == "my_band")
            }
            #expect(try service.tracks(with: "input") == (state == "done" ? [] : ids.sorted()))
        }
        // It ends while one job runs and one waits.
        let first = try RunningService(in: folder, model: path, gate: JobGate(before: 0))
        ids = try [200.0, 300].map { try first.job(Sound.tone(pitchHz: $0)) }
        try first.waitUntilRunning(ids[0])
        first.end()
        // The model can't be loaded.
        let second = try RunningService(in: folder, model: "/nowhere/my_band.safetensors")
        second.service?.waitUntilLoaded()
        #expect(try second.get("/readyz").detail.contains("missing or damaged"))
        try expect("queued", second)
        second.end()
        // The model is found at last.
        let download = DispatchSemaphore(value: 0)
        let third = try RunningService(in: folder, model: path, beforeModel: { download.wait() })
        do {
            defer { download.signal() }
            try expect("queued", third)
        }
        for id in ids { try third.finished(id) }
        try expect("done", third)
    }

    @Test func aJobWhoseEndWasNotStoredRunsAgain() throws {
        let folder = TemporaryFolder()
        let gate = JobGate(before: 0)
        let first = try RunningService(in: folder, gate: gate)
        let id = try first.job(Sound.tone())
        try first.waitUntilRunning(id)
        let block = try BlockedPath("tracks/\(id)/track.json", in: folder)
        gate.open()
        #expect(try first.finished(id)["state"] as? String == "done")
        // The service tries again to store the end.
        first.advance(by: 0)
        #expect(try first.tracks(with: "input") == [id])
        first.end()
        try block.end()
        let second = try RunningService(in: folder)
        let job = try second.finished(id)
        #expect(job["state"] as? String == "done", "\(job["error"] ?? "")")
        second.end()
        #expect(try second.tracks(with: "input").isEmpty)
    }

    @Test func aRunningJobWhoseStartIsStoredLateKeepsItsSound() throws {
        let service = try RunningService(gate: JobGate(before: 1))
        let ids = try [200.0, 300].map { try service.job(Sound.tone(seconds: 4, pitchHz: $0)) }
        try service.waitForStems(ids[0])
        // The second job begins while nothing can be stored.
        let blocks = try ids.map {
            try BlockedPath("tracks/\($0)/track.json", in: service.folder)
        }
        try service.delete(ids[0])
        try service.waitForStems(ids[1])
        for block in blocks { try block.end() }
        service.advance(by: 0)
        let job = try service.get("/v1/separations/\(ids[1])").object
        #expect(job["state"] as? String == "running")
        #expect(try service.tracks(with: "input").contains(ids[1]))
    }

    @Test func aCopyThatIsNotStoredLeavesNoFiles() throws {
        let service = try RunningService()
        let sound = Sound.tone(seconds: 0.5)
        let id = try service.doneJob(sound)
        let tracks = try BlockedPath("tracks", in: service.folder)
        #expect(try service.upload(sound).status == 503)
        try tracks.end()
        #expect(try service.files("tracks") == [id])
        #expect(try service.upload(sound).object["cached"] as? Bool == true)
    }

    @Test func aRunningJobIsClaimed() throws {
        let service = try RunningService(gate: JobGate(before: 0))
        let id = try service.job(Sound.tone())
        try service.waitUntilRunning(id)
        let entry = Ledger(service.folder.path("data/tracks"))[id]
        #expect(entry.isClaimed && entry.claim() == nil)
        let record = try #require(try entry.read(AnyRecord.self))
        #expect(record.state == .running && record.name == "tone.wav")
        service.end()
        #expect(!entry.isClaimed)
    }

    private struct AnyRecord: LedgerRecord {
        static let currentVersion = 2
        let version: Int
        let name: String
        let state: TrackState
    }
}

/// Changes the record of a track.
func change(_ path: String, _ body: (inout [String: Any]) throws -> Void) throws {
    let url = URL(fileURLWithPath: path)
    let object = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
    var record = try #require(object as? [String: Any])
    try body(&record)
    try JSONSerialization.data(withJSONObject: record).write(to: url)
}

func python(_ script: String, _ arguments: String...) throws {
    try #require(try Process.run(["python3", "-c", script] + arguments) == 0)
}

/// A file of the data folder that can't be written, because a folder is in its place; or the reverse.
private struct BlockedPath {
    private let path, aside: String

    init(_ name: String, in folder: TemporaryFolder) throws {
        path = folder.path("data/\(name)")
        aside = folder.path(name.replacing("/", with: "-"))
        try FileManager.default.moveItem(atPath: path, toPath: aside)
        if FilePath.isFolder(aside) {
            _ = try folder.write("", "data/\(name)")
        } else {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: false)
        }
    }

    func end() throws {
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: aside, toPath: path)
    }
}
