import CSwiftDemucs
import Foundation
import Runs
import TestSupport
import Testing

/// The events of a run are those of the table, at the command and in the C library.
struct EventTests {
    private let folder = TemporaryFolder()

    /// A run after which a track has a status.
    struct Case: CustomTestStringConvertible, Sendable {
        let status: RunEvent.Status
        var before: [String]?
        var options: [String] = []
        var track = "a.wav"
        var keys: Set<String> = []
        var code: Int32 = 0
        var settings = "{}"
        var testDescription: String { "\(status) \(options)" }
    }

    static let cases: [Case] = [
        Case(status: .done, options: ["--shifts=0"], settings: #"{"shifts": 0}"#),
        Case(
            status: .done, options: ["--analyze"], keys: ["seed"], settings: #"{"analyze": true}"#),
        Case(
            status: .skipped, before: ["--skip-existing"], options: ["--skip-existing"],
            keys: ["seed", "duration_seconds"], settings: #"{"skip-existing": true}"#),
        Case(
            status: .skipped, before: [], options: ["--skip-existing"],
            settings: #"{"skip-existing": true}"#),
        Case(status: .planned, options: ["--dry-run"], settings: #"{"dry-run": true}"#),
        Case(status: .failed, track: "bad.wav", code: 1),
        Case(status: .failed, track: "none.wav", code: 1),
    ]

    @Test(arguments: cases)
    func eachStatusHasItsKeys(_ run: Case) throws {
        try folder.writeTrack("a.wav")
        try folder.write("text", "bad.wav")
        let common = ["a.wav", run.track, "-qn", "cross_first", "-o", "out"]
        if let before = run.before { try folder.run(["a.wav"] + common[2...] + before) }
        // Stems without a record, as of another program.
        if run.before == [] { remove("out/.swift-demucs") }
        let command = try folder.run(
            common + run.options + ["--json"], exits: run.code
        ).events()
        try check(command, run)

        let prefix = run.settings == "{}" ? "{" : run.settings.dropLast() + ", "
        let text = prefix + #""out": "\#(folder.path("out"))"}"#
        if run.status == .done || run.status == .planned { remove("out") }
        try check(libraryEvents([folder.path(run.track)], String(text)), run)
    }

    @Test func anInterruptedTrackHasItsKeys() throws {
        try folder.writeTrack("a.wav", samples: 60_000)
        let run = Case(status: .interrupted)
        let options = ["a.wav", "-qn", "cross_first", "--shifts=100", "--json"]
        let command = try folder.run(options, interruptedAt: #""segments_done":1"#, exits: 130)
        try check(command.events(), run)
        let settings = #"{"shifts": 100, "out": "\#(folder.path("out"))"}"#
        try check(libraryEvents([folder.path("a.wav")], settings, untilProgress: true), run)
    }

    /// Of a track in a manifest, after its failure: each result has all keys.
    @Test func aTrackInQuarantineHasItsKeys() throws {
        try folder.write("text", "bad.wav")
        try folder.write(#"{"id": "bad", "path": "bad.wav"}"#, "list")
        let options = ["--manifest=list", "--quarantine-after=1", "-qn", "cross_first", "--json"]
        try folder.run(options, exits: 1)
        let results = try folder.run(options).events("result")
        #expect(results.map { $0["status"] as? String } == ["quarantined"])
        #expect(Set(results[0].keys) == Set(RunEvent.result.keys + ["event"]))
        #expect(results[0]["error"] is String)
    }

    private func check(_ events: [[String: Any]], _ run: Case) throws {
        for event in events {
            let kind = try #require(RunEvent(rawValue: event["event"] as? String ?? ""))
            guard kind != .track else { continue }
            let keys = Set(event.keys).subtracting(["event"])
            #expect(keys.isSuperset(of: kind.keys))
            #expect(keys.isSubset(of: kind.keys + kind.sometimes))
        }
        let track = try #require(
            events.last {
                $0["event"] as? String == "track"
                    && ($0["track"] as? String)?.hasSuffix(run.track) == true
            })
        #expect(track["status"] as? String == run.status.rawValue)
        let keys = Set(track.keys).subtracting(["event"])
        let always = Set(RunEvent.track.keys + run.status.keys)
        #expect(keys.isSuperset(of: always.union(run.keys)))
        #expect(keys.isSubset(of: always.union(run.status.sometimes)))
        for output in try #require(track["outputs"] as? [[String: Any]]) {
            #expect(Set(output.keys).isSubset(of: RunEvent.outputKeys))
            #expect(output["stem"] is String && output["path"] is String)
        }
    }

    private func remove(_ name: String) {
        try? FileManager.default.removeItem(at: folder.url(name))
    }

    /// The events of a run of the C library.
    ///
    /// - Parameter endsAtProgress: whether the callback ends the run at the first progress.
    private func libraryEvents(
        _ paths: [String], _ settings: String, untilProgress endsAtProgress: Bool = false
    ) throws -> [[String: Any]] {
        final class Lines {
            var lines: [String] = []
            var endsAtProgress = false
        }
        let lines = Lines()
        lines.endsAtProgress = endsAtProgress
        var model: OpaquePointer?
        let name = Fixture.url("models/cross_first.safetensors").path
        try #require(sd_open(name, nil, nil, nil, &model, nil, 0) == SD_OK)
        defer { sd_close(model) }
        let tracks = paths.map { strdup($0) }
        defer { for track in tracks { free(track) } }
        let status = sd_run(
            model, tracks.map { UnsafePointer($0) }, tracks.count, settings,
            { context, line, _ in
                let lines = Unmanaged<Lines>.fromOpaque(context!).takeUnretainedValue()
                lines.lines.append(String(cString: line!))
                return lines.endsAtProgress && lines.lines.last!.contains("progress") ? 1 : 0
            }, nil, Unmanaged.passUnretained(lines).toOpaque(), nil, nil, 0)
        #expect((endsAtProgress ? [SD_CANCELLED] : [SD_OK, SD_TRACKS_FAILED]).contains(status))
        return try lines.lines.map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }

    /// docs/formats.md names the keys of each event, of each status, of an output and of a result.
    @Test func theDocumentNamesAllKeys() throws {
        let text = try String(
            contentsOf: Fixture.url("../../docs/formats.md"), encoding: .utf8)
        func names(_ text: Substring) -> Set<String> {
            Set(text.matches(of: /`([a-z_0-9]+)`/).map { String($0.1) })
        }
        let sections = text.split(separator: "\n## ")
        let events = try #require(sections.first { $0.hasPrefix("Events") })
        func row(_ name: String) throws -> Set<String> {
            names(
                try #require(events.split(separator: "\n").first { $0.hasPrefix("| `\(name)` |") }))
        }
        for event in RunEvent.allCases where event != .result {
            #expect(
                try row(event.rawValue).isSuperset(of: event.keys + event.sometimes), "\(event)")
        }
        for status in RunEvent.Status.allCases {
            #expect(
                try row(status.rawValue) == Set(status.keys + status.sometimes + [status.rawValue]))
        }
        let outputs = try #require(events.range(of: "Each of `outputs`"))
        #expect(names(events[outputs.lowerBound...]).isSuperset(of: RunEvent.outputKeys))
        let results = try #require(sections.first { $0.hasPrefix("Results") })
        #expect(names(results).isSuperset(of: RunEvent.result.keys))
    }

    /// The Python package takes for given what each event `track` has, and nothing else.
    @Test func thePythonPackageReadsTheKeysThatAreThere() throws {
        let path = Fixture.url("../../python/src/swift_demucs/_runs.py")
        let text = try String(contentsOf: path, encoding: .utf8)
        let given = Set(text.matches(of: /event\["([a-z_]+)"\]/).map { String($0.1) })
        #expect(given == ["event", "track", "status", "outputs"])
        #expect(given.isSubset(of: RunEvent.track.keys + ["event"]))
        let known = RunEvent.Status.allCases.flatMap { $0.keys + $0.sometimes }
        let optional = text.matches(of: /event\.get\("([a-z_]+)"/).map { String($0.1) }
        #expect(!optional.isEmpty && Set(optional).isSubset(of: known))
    }
}
