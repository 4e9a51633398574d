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
        let service = try RunningService(gate: JobGate(before: 1))
        let done = try service.doneJob()
        let running = try service.job(Sound.tone(seconds: 4))
        let waiting = try service.job(Sound.tone(pitchHz: 500))
        let before = try service.get("\(done)/stems/bass.wav").body
        try service.waitForStems(running)
        // Streams, an upload and an archive that nobody reads don't keep the service from its end.
        let bytes = service.enlarge(stem: 0, of: done)
        var open = try (0..<50).map { _ in try service.open("/v1/events") }
        open.append(try service.openUpload("Content-Length: 1000000"))
        let archive = try service.open("\(done)/stems.zip", receivedBytes: 4096)
        archive.receive(until: "200 OK")
        service.end()
        #expect(archive.receiveAll().count < bytes)
        // The running job has not ended, and keeps its sound.
        #expect(try service.tracks(with: "input").contains(running))
        var second = service
        // The sounds and stems are away at the next start, and back at the one after.
        try service.folder.makeFolder("data/x")
        for (state, change) in [
            ("failed", "for t in *; do mkdir ../x/$t; mv $t/input $t/stems ../x/$t; done"),
            ("done", "for t in *; do mv ../x/$t/* $t; done"),
        ] {
            second.end()
            try shell("cd tracks; (\(change)) 2>/dev/null || true", in: service.path(""))
            second = try RunningService(after: second)
            for id in [done, running, waiting] { try second.expectEnd(state, of: id) }
        }
        #expect(try second.get("\(done)/stems/bass.wav").body == before)
        let length = try second.get("\(running)/stems/bass.wav").body.count
        #expect(length == WAVFile.stemHeaderBytes + 4 * 44_100 * 4)
    }

    @Test func aJobThatHasEndedIsTheSameAfterARestart() throws {
        let service = try RunningService(gate: JobGate(before: 1))
        let done = try service.doneJob()
        let cancelled = try service.job(Sound.tone(seconds: 5))
        try service.waitForStems(cancelled)
        let failed = try service.job(Sound.tone(pitchHz: 200))
        let waiting = try service.job(Sound.tone(pitchHz: 300))
        try service.folder.write("no sound", "data/tracks/\(failed)/input")
        for id in [waiting, cancelled] { try service.delete(id) }
        let states = [
            (done, "done"), (cancelled, "cancelled"), (failed, "failed"), (waiting, "cancelled"),
        ]
        let before = try states.map { try service.expectEnd($1, of: $0).text }
        let second = try RunningService(after: service)
        #expect(try states.map { try second.get($0.0).text } == before)
    }

    @Test func aWaitingJobKeepsItsPrecisionAndOptionsAreCheckedAgain() throws {
        let (plain, known) = try RunningService.withJob()
        let first = try RunningService(gate: JobGate(before: 0))
        let waiting = try first.job(Sound.short, query: "shifts=0")
        let changed = try first.job(Sound.tone())
        first.end()
        try changeRecord(of: changed, in: first.folder) {
            var options = $0["options"] as? [String: Any]
            options?["segment"] = 1e300
            $0["options"] = options
        }
        let second = try RunningService(after: first) { $0.precision = .fixed(.int8) }
        #expect(try second.expectEnd("done", of: waiting)["precision"] == "float32")
        let stem = "stems/bass.wav"
        #expect(try second.get("\(waiting)/\(stem)").body == plain.get("\(known)/\(stem)").body)
        // Longer than the model takes in a service.
        let failed = try second.expectEnd("failed", of: changed)
        #expect(failed["error.type"] == "urn:swift-demucs:problem:invalid-option")
    }

    /// Files that a killed service was writing.
    @Test func unfinishedFilesAreRemoved() throws {
        let (first, id) = try RunningService.withJob()
        #expect(try first.status("\(id)/mix?bass=1") == 200)
        first.end()
        let kept = try first.files("cache/\(id)")
        #expect(!kept.isEmpty)
        let own = "0123456789abcdef01234567"
        for name in ["cache/\(id)/.swift-demucs-1a2b.part", "tmp/\(own)", "uploads/\(own)"] {
            try first.folder.write("1", "data/\(name)")
        }
        // Those of a command, or of a person.
        let others = ["tmp", "uploads", "cache"].map { "data/\($0)/song/drums.wav" }
        for name in others { try first.folder.write("1", name) }
        let second = try RunningService(after: first)
        #expect(try second.files("cache/\(id)") == kept)
        second.advance(by: 0)
        for name in ["tmp", "uploads"] { #expect(try second.files(name) == ["song"]) }
        #expect(others.allSatisfy(second.folder.exists))
    }

    /// Each way changes a copy of the folder, which is that of a killed service.
    @Test func tracksThatCannotBeUsedStay() throws {
        let gate = JobGate()
        let service = try RunningService(gate: gate)
        let done = try service.doneJob()
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
            json("mp3_bitrate", "9223372036854775807"), json("mp3_preset", "-1"),
            json("format", "\"aac\""), json("clip_mode", "\"off\""), json("shifts", "-1"),
            json("shifts", #"0, "segment" : 0"#), json("shifts", #"0, "overlap" : "NaN""#),
            json("shifts", #"0, "start" : 1e300"#), json("shifts", #"0, "stems" : ["none"]"#),
            json("shifts", #"0, "then" : [{"stem" : "a=b", "model" : "demo"}]"#),
            "truncate -s 300 $t/track.json", "cp lock $t/track.json",
        ]
        let ways: [(String, reason: String?, ids: [String])] =
            damaged.map { ($0, "'tracks/\(done)' (is damaged)", [running]) } + [
                (json("version", "3"), "'tracks/\(done)' (is of a later version", [running]),
                ("rm $t/track.json", "'tracks/\(done)' (has no record)", [running]),
                (
                    "rm $t/track.json; mkdir $t/track.json", "'tracks/\(done)' (is damaged)",
                    [running]
                ),
                ("mv $t tracks/old", "'tracks/old' (its name is not an id", [running]),
                ("mv $t tracks/.\(done)", "'tracks/.\(done)' (its name is not an id", [running]),
                ("rm clock; mkdir tracks/\(other) tracks/lost+found", nil, [done, running]),
                ("mv $t tracks/\(other)", nil, [other, running]),
                ("cp -a $t tracks/\(other)", nil, [done, other, running]),
                ("mv $t .; mv tracks ..; mkdir tracks; mv ../tracks/* tracks", nil, [running]),
            ]
        for (way, reason, ids) in ways {
            let copy = try service.copiedFolder()
            try shell("t=tracks/\(done); \(way)", in: copy.path("data"))
            for _ in 0..<2 {
                let second = try RunningService(in: copy) { $0.jobs = 0 }
                #expect(second.warnings.count == (reason == nil ? 0 : 1), "\(way)")
                let warning = second.warnings.first ?? ""
                #expect(reason.map(warning.contains) ?? true, "\(way): \(warning)")
                #expect(Set(try second.jobs()) == Set(ids), "\(way)")
                #expect(copy.paths.contains { $0.hasSuffix("/stems/3.wav") }, "\(way)")
                #expect(copy.exists("data/tracks/\(running)/input"), "\(way)")
                second.end()
            }
        }
    }

    @Test func aRunningJobIsClaimedAndAJobThatEndsTheProcessAgainAndAgainFails() throws {
        let first = try RunningService(gate: JobGate(before: 0))
        let id = try first.job()
        try first.waitUntilRunning(id)
        let entry = Ledger(first.path("tracks"))[id]
        #expect(entry.isClaimed && entry.claim() == nil)
        let record = try #require(try entry.read(AnyRecord.self))
        #expect(record.state == .running && record.name == "tone.wav")
        // The folder of a process that was killed for the fifth time.
        let killed = try first.copiedFolder()
        try changeRecord(of: id, in: killed) { $0["tries"] = 5 }
        let lines = Mutex<[String]>([])
        let second = try RunningService(in: killed) {
            $0.log = { line in lines.withLock { $0.append(line) } }
        }
        let error: String? = try second.expectEnd("failed", of: id)["error.detail"]
        #expect(error?.contains("ended 5 times") == true)
        #expect(lines.withLock { $0 } == ["Job \(id) has failed (failed): \(error ?? "")"])
        #expect(try second.tracks(with: "input") == [id])
        // An end in order doesn't count.
        first.end()
        #expect(!entry.isClaimed)
        try changeRecord(of: id, in: first.folder) { #expect($0["tries"] as? Int == 0) }
    }

    @Test func aFaultOfTheMachineFailsNoJob() throws {
        let lines = Mutex<[String]>([])
        let service = try RunningService(clock: ManualClock()) {
            $0.log = { line in lines.withLock { $0.append(line) } }
        }
        let done = try service.doneJob()
        let temporary = try BlockedPath("tmp", in: service.folder)
        let ids = try [200.0, 300, 400].map { try service.job(Sound.tone(pitchHz: $0)) }
        for _ in 0..<3 {
            try waitUntil("the job waits again") {
                try service.status("/readyz") == 503 && service.metric("queue_length") == 3
            }
            service.advance(by: 31)
        }
        try service.get("/readyz").expectProblem(503, "disk-unusable", "Not a directory")
        #expect(try service.metric("machine_fault") == 1)
        #expect(try service.status("\(done)/stems/bass.flac?to=0.1") == 503)
        #expect(try service.tracks(with: "input") == ids.sorted())
        try temporary.end()
        try service.folder.write("no sound", "data/tracks/\(ids[1])/input")
        try shell("ln -sf /dev/null input", in: service.path("tracks/\(ids[2])"))
        service.advance(by: 31)
        for (id, state) in zip(ids, ["done", "failed", "failed"]) {
            try service.expectEnd(state, of: id)
        }
        #expect(try service.status("/readyz") == 200)
        let said = lines.withLock { $0 }
        #expect(said.count == 5, "\(said)")
        for text in [
            "No jobs run (disk-unusable): ", "bass.flac has failed (disk-unusable): ",
            "Jobs run again.", "Job \(ids[1]) has failed (not-a-sound): ",
        ] { #expect(said.count { $0.contains(text) } == 1, "\(text): \(said)") }
    }

    /// As when the machine has ended the decoder early.
    @Test(arguments: [0.0, 0.5, 1.5])
    func aSoundThatDecodesShorterThanAtItsUploadWaits(start: Double) throws {
        let sound = Sound.tone(seconds: 2)
        let first = try RunningService { $0.jobs = 0 }.whenReady()
        let id = try first.job(sound, query: "shifts=0&start=\(start)")
        let begin = try first.job(sound, query: "shifts=0&duration=0.5")
        first.end()
        for id in [id, begin] {
            try first.folder.write(Sound.tone(seconds: 1), "data/tracks/\(id)/input")
        }
        let second = try RunningService(in: first.folder, clock: ManualClock())
        try waitUntil("the job waits again") {
            try second.metric("machine_fault") == 1 && second.get(id)["state"] == "queued"
        }
        try second.get("/readyz").expectProblem(503, "no-resources", "1.000 s of its 2.000 s")
        #expect(try second.get(id)["duration_seconds"] == 2.0)
        try first.folder.write(sound, "data/tracks/\(id)/input")
        second.advance(by: 31)
        #expect(try second.expectEnd("done", of: id)["duration_seconds"] == 2 - start)
        // The part that this one asks for is there.
        #expect(try second.expectEnd("done", of: begin)["duration_seconds"] == 0.5)
    }

    /// A loop of links can't be looked at by anybody, as a folder of another user by all but root.
    @Test func whatCannotBeLookedAtIsNotMissing() throws {
        let gate = JobGate()
        let service = try RunningService(gate: gate)
        let id = try service.doneJob()
        gate.hold(before: 0)
        let waiting = try service.job(Sound.tone(pitchHz: 200))
        service.end()
        gate.open()
        let tracks = service.path("tracks")
        try shell("mv \(id)/stems away; ln -s stems \(id)/stems", in: tracks)
        try shell("mv input away; ln -s input input", in: "\(tracks)/\(waiting)")
        let second = try RunningService(in: service.folder)
        let fault = ["can't use 2 of the tracks", "Too many levels of symbolic links"]
        #expect(second.warnings.contains { text in fault.allSatisfy(text.contains) })
        try second.whenLoaded().get("/readyz")
            .expectProblem(503, "disk-unusable", fault[0], fault[1])
        #expect(try second.metric("machine_fault") == 1)
        #expect(try second.get(id)["state"] == "done")
        // Other jobs run, also after the one that has to wait.
        _ = try second.doneJob(Sound.tone())
        #expect(try second.get(waiting)["state"] == "queued")
        second.end()
        try shell("rm \(id)/stems; mv away \(id)/stems", in: tracks)
        try shell("mv away input", in: "\(tracks)/\(waiting)")
        let third = try RunningService(in: service.folder).whenReady()
        #expect(try third.status("\(id)/stems/bass.wav") == 200)
        #expect(try third.metric("machine_fault") == 0)
        try third.expectEnd("done", of: waiting)
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
            try #require(try service.get("/v1/separations?state=\(state)")["total"])
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
        #expect(try service.status("/readyz") == 200)
        #expect(try service.tracks(with: "input") == [large])
    }

    @Test func aFolderAndAPortHaveOneService() throws {
        let service = try RunningService()
        expectNoStart("in use") { try RunningService(in: service.folder) }
        expectNoStart("another port") { try RunningService { $0.port = service.port } }
    }

    @Test func jobsOfAnUnpublishedModelWaitForItAfterARestart() throws {
        let folder = TemporaryFolder()
        let demo = Fixture.bundledModels.appending(path: "demo.safetensors")
        let path = try folder.write(Data(contentsOf: demo), "my_band.safetensors")
        // It ends while one job runs and one waits.
        let first = try RunningService(in: folder, model: path, gate: JobGate(before: 0))
        let ids = try [200.0, 300].map { try first.job(Sound.tone(pitchHz: $0)) }
        try first.waitUntilRunning(ids[0])
        func expect(_ state: String, _ service: RunningService) throws {
            service.advance(by: 0)
            for job in try ids.map({ try service.get($0) }) {
                #expect(job["state"] == state && job["model"] == "my_band", "\(job.text)")
            }
            #expect(try service.tracks(with: "input") == (state == "done" ? [] : ids.sorted()))
        }
        // The model can't be loaded.
        let second = try RunningService(after: first, model: "/nowhere/my_band.safetensors")
        second.service?.waitUntilLoaded()
        #expect(try second.get("/readyz").detail.contains("missing or damaged"))
        try expect("queued", second)
        // The model is found at last.
        let download = DispatchSemaphore(value: 0)
        let third = try RunningService(
            after: second, model: path, beforeModel: { download.wait() })
        do {
            defer { download.signal() }
            try expect("queued", third)
        }
        for id in ids { try third.expectEnd("done", of: id) }
        try expect("done", third)
    }

    @Test func aJobWhoseEndWasNotStoredRunsAgain() throws {
        let gate = JobGate(before: 0)
        let first = try RunningService(gate: gate)
        let id = try first.job()
        try first.waitUntilRunning(id)
        let block = try BlockedPath("tracks/\(id)/track.json", in: first.folder)
        gate.open()
        try first.expectEnd("done", of: id)
        // The service tries again to store the end.
        first.advance(by: 0)
        #expect(try first.tracks(with: "input") == [id])
        first.end()
        try block.end()
        let second = try RunningService(after: first)
        try second.expectEnd("done", of: id)
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
        #expect(try service.get(ids[1])["state"] == "running")
        #expect(try service.tracks(with: "input").contains(ids[1]))
    }

    @Test func aCopyThatIsNotStoredLeavesNoFiles() throws {
        let (service, id) = try RunningService.withJob()
        let tracks = try BlockedPath("tracks", in: service.folder)
        #expect(try service.upload().status == 503)
        try tracks.end()
        #expect(try service.files("tracks") == [id])
        #expect(try service.upload()["cached"] == true)
    }

    private struct AnyRecord: LedgerRecord {
        static let currentVersion = 2
        let version: Int
        let name: String
        let state: TrackState
    }
}

/// Runs a shell script in a folder.
func shell(_ script: String, in folder: String) throws {
    try #require(try Process.run(["sh", "-ec", "cd '\(folder)'; \(script)"]) == 0, "\(script)")
}

/// Changes the record of a track.
func changeRecord(
    of id: String, in folder: TemporaryFolder, _ body: (inout [String: Any]) throws -> Void
) throws {
    let name = "data/tracks/\(id)/track.json"
    let object = try JSONSerialization.jsonObject(with: folder.data(name))
    var record = try #require(object as? [String: Any])
    try body(&record)
    try folder.write(JSONSerialization.data(withJSONObject: record), name)
}

/// A file of the data folder that can't be written, because a folder is in its place; or the reverse.
struct BlockedPath {
    private let name, aside, data: String

    init(_ name: String, in folder: TemporaryFolder) throws {
        self.name = name
        data = folder.path("data")
        aside = "../\(name.replacing("/", with: "-"))"
        try shell("mv \(name) \(aside); [ -d \(aside) ] || mkdir \(name)", in: data)
        try shell("[ -d \(name) ] || : >\(name)", in: data)
    }

    func end() throws { try shell("rm -r \(name); mv \(aside) \(name)", in: data) }
}
