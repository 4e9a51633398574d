import Foundation
import TestSupport
import Testing

/// Many tracks in one run, some of them damaged, one long, and killed runs.
struct BatchTests {
    private static let count = 24
    private static let broken = [3, 10, 20]
    private let folder = TemporaryFolder()
    private let arguments = [
        "music", "-qn", "cross_first", "--shifts=0", "--clip-mode=clamp", "--skip-existing", "-o",
    ]

    init() throws {
        try folder.makeFolder("music")
        for index in 0..<BatchTests.count {
            let name = String(format: "music/%02d.wav", index)
            if BatchTests.broken.contains(index) {
                let contents = ["", "no sound at all", "RIFF\u{7F}\u{7F}\u{7F}\u{7F}WAVE"]
                try folder.write(contents[index % 3], name)
            } else {
                let samples = index == 12 ? 60_000 : 700
                try folder.writeTrack(name, samples: samples, replacing: [index: 0.1])
            }
        }
    }

    /// The stems below a folder by their relative paths.
    private func stems(_ out: String) throws -> [String: Data] {
        let names = folder.paths.filter { $0.hasPrefix("\(out)/") && $0.hasSuffix(".wav") }
        let stems = try names.map { (String($0.dropFirst(out.count)), try folder.data($0)) }
        return Dictionary(uniqueKeysWithValues: stems)
    }

    @Test func brokenTracksAreListedAndTheOthersDone() throws {
        let run = try folder.run(arguments + ["out", "--json"], exits: 1)
        let names = ["music/03.wav", "music/10.wav", "music/20.wav"]
        try #require(run.errorLines.count == 4)
        #expect(zip(run.errorLines, names).allSatisfy { $0.hasPrefix("error: \($1): ") })
        #expect(
            run.errorLines[3]
                == "error: 3 of 24 tracks failed: \(names.joined(separator: ", "))")
        #expect(try #require(run.outputLines.last).contains(#""counts":{"done":21,"failed":3}"#))
        #expect(try stems("out").count == 42)
        // A second run skips all tracks and writes nothing.
        let record = folder.url("out/.swift-demucs/00.wav-ffd9bcdc8969657a/track.json")
        let before = try FileManager.default.attributesOfItem(atPath: record.path)
        let again = try folder.run(arguments + ["out", "--json"], exits: 1)
        #expect(
            try #require(again.outputLines.last).contains(#""counts":{"failed":3,"skipped":21}"#))
        let after = try FileManager.default.attributesOfItem(atPath: record.path)
        #expect(before[.modificationDate] as? Date == after[.modificationDate] as? Date)
    }

    @Test func killedRunsLeaveNothingWrongAndGoOn() throws {
        try folder.run(arguments + ["whole"], exits: 1)
        let whole = try stems("whole")
        func hasUnfinishedFile() -> Bool { folder.paths.contains { $0.hasSuffix(".part") } }
        // Before the first file, in it, after one, in the long one, after that.
        for event in [
            #""event":"start""#, #""segments_done":1,"#, #""status":"done""#,
            #""segments_done":20,"#, #""track":"music/13.wav""#,
        ] {
            _ = try CommandRun(
                arguments + ["killed", "--json"], in: folder.url, exits: SIGKILL, at: event
            ) { kill($0.processIdentifier, SIGKILL) }
            // A file with its final name is always complete.
            for (name, data) in try stems("killed") { #expect(whole[name] == data, "\(name)") }
            if event.contains("20") { #expect(hasUnfinishedFile()) }
        }
        try folder.write("", "killed/.swift-demucs/.swift-demucs-0123456789abcdef.part")
        try folder.run(arguments + ["killed"], exits: 1)
        #expect(try stems("killed") == whole)
        #expect(!hasUnfinishedFile())
    }

    // MARK: - Disk errors

    @Test func aFullDiskEndsTheRunAfterTenTracksAndLeavesNothing() throws {
        // In blocks of 512 bytes: less than one stem.
        let run = try folder.shell(
            "ulimit -f 2 && exec \"$0\" music -qn cross_first -o out", exits: 1)
        let failed = run.errorLines.filter { $0.contains("writing failed (File too large)") }
        #expect(failed.count == 10)
        #expect(run.errors.contains("stopped: the files of 10 tracks in a row"), "\(run.errors)")
        #expect(folder.paths.allSatisfy { !$0.hasPrefix("out") }, "\(folder.paths)")
    }

    @Test func runsThatShareAFolderShareTheWork() throws {
        let arguments = ["music", "-n", "cross_first", "-o", "shared", "--skip-existing"]
        var second: CommandRun?
        let first = try CommandRun(arguments, in: folder.url, exits: 1, at: "Separating 2/") { _ in
            second = try folder.run(arguments, exits: 1)
        }
        let lines = first.errorLines + (second?.errorLines ?? [])
        let songs = try stems("shared").count / 2
        #expect(lines.filter { $0.hasPrefix("Done") }.count == songs)
        #expect(lines.filter { $0.hasPrefix("Already done") }.count == songs)
        #expect(!folder.paths.contains { $0.hasSuffix(".part") })
    }

    @Test func aRunTakesOverTheTrackOfOneThatWasKilled() throws {
        let arguments = ["music", "-vn", "cross_first", "-o", "shared", "--skip-existing"]
        _ = try CommandRun(arguments, in: folder.url, exits: SIGKILL, at: "Separating 13/") { one in
            let two = try CommandRun(arguments, in: folder.url, exits: 1, at: "left for later") {
                _ in kill(one.processIdentifier, SIGKILL)
            }
            #expect(two.errors.contains("Separating 24/24 music/12.wav"), "\(two.errors)")
        }
        #expect(try stems("shared").count == 42)
        #expect(!folder.paths.contains { $0.hasSuffix(".part") })
    }

    @Test func aLimitOfMemoryIsAnError() throws {
        for limit in ["-v 120000", "-v 200000", "-d 40000"] {
            let run = try folder.shell(
                "ulimit \(limit) && exec \"$0\" music/00.wav -qn cross_first -o out", exits: 1)
            #expect(run.errors.contains("MB of memory, and"), "\(limit): \(run.errors)")
        }
    }

    @Test(.enabled(if: geteuid() != 0)) func anUnwritableFolderIsReported() throws {
        try FileManager.default.createDirectory(
            at: folder.url("fixed"), withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o555])
        let run = try folder.run("music/00.wav", "-qn", "cross_first", "-o", "fixed", exits: 1)
        #expect(run.errors.contains("Permission denied"), "\(run.errors)")
    }

    /// A link stands for the place where a disk was mounted.
    @Test(.enabled(if: FileManager.default.isWritableFile(atPath: "/dev/shm")))
    func noTrackIsWrittenInPlaceOfARemovedDisk() throws {
        let files = FileManager.default
        let disk = "/dev/shm/\(UUID())"
        try files.createDirectory(atPath: disk, withIntermediateDirectories: false)
        defer { try? files.removeItem(atPath: disk) }
        func link(to target: String) throws {
            try? files.removeItem(at: folder.url("out"))
            try files.createSymbolicLink(
                atPath: folder.url("out").path, withDestinationPath: target)
        }
        try link(to: disk)
        try folder.makeFolder("below")
        let run = try CommandRun(
            [
                "music/12.wav", "music/13.wav", "-n", "cross_first", "--shifts=0", "-o", "out",
                "--skip-existing", "--json",
            ], in: folder.url, exits: 1, at: #""segments_done":20,"#
        ) { _ in try link(to: folder.url("below").path) }
        #expect(
            run.errors.contains("music/13.wav: out/cross_first: cannot be written (its disk"),
            "\(run.errors)")
        #expect(folder.paths.allSatisfy { !$0.hasPrefix("below/") })
    }

    /// A link stands for a disk that ignores case.
    @Test func twoTracksWithOneFolderKeepTheirFiles() throws {
        for name in ["a/Song.wav", "b/song.wav"] { try folder.writeTrack(name, samples: 700) }
        try folder.makeFolder("out/cross_first/Song")
        try FileManager.default.createSymbolicLink(
            atPath: folder.url("out/cross_first/song").path, withDestinationPath: "Song")
        let arguments = ["a", "b", "-n", "cross_first", "-o", "out"]
        let first = try folder.run(arguments, exits: 1)
        #expect(
            first.errors.contains("it is a file of the track 'a/Song.wav'"), "\(first.errors)")
        let second = try folder.run(arguments + ["--skip-existing"], exits: 1)
        #expect(second.errorLines.contains("Already done: a/Song.wav"), "\(second.errors)")
        #expect(second.errors.contains("it is a file of the track 'a/Song.wav'"))
    }
}
