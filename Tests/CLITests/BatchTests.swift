import Foundation
import TestSupport
import Testing

/// Many tracks in one run, some of them damaged, and killed runs. `Tests/system/batch_test` does
/// the same with a thousand tracks.
struct BatchTests {
    private static let count = 24
    private static let broken = [3, 11, 20]
    private let folder = TemporaryFolder()
    private let arguments = ["music", "-qn", "cross_first", "--shifts=0", "--skip-existing", "-o"]

    init() throws {
        try folder.makeFolder("music")
        for index in 0..<BatchTests.count {
            let name = String(format: "music/%02d.wav", index)
            if BatchTests.broken.contains(index) {
                try folder.write("RIFF, but no more", name)
            } else {
                try folder.writeTrack(name, replacing: [index: 0.1])
            }
        }
    }

    /// The stems below a folder by their relative paths.
    private func stems(_ out: String) throws -> [String: Data] {
        let names = folder.contents.filter { $0.hasPrefix("\(out)/") && $0.hasSuffix(".wav") }
        let stems = try names.map { (String($0.dropFirst(out.count)), try folder.data($0)) }
        return Dictionary(uniqueKeysWithValues: stems)
    }

    @Test func brokenTracksAreListedAndTheOthersDone() throws {
        let run = try folder.run(arguments + ["out", "--json"], exits: 1)
        #expect(
            run.errorLines.last
                == "error: 3 of 24 tracks failed: music/03.wav, music/11.wav, music/20.wav")
        #expect(try #require(run.outputLines.last).contains(#""counts":{"done":21,"failed":3}"#))
        #expect(try stems("out").count == 42)
        // A second run skips all tracks and writes nothing.
        let record = folder.url("out/.swift-demucs/00.wav-ffd9bcdc8969657a.json")
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
        for wait in [0.05, 0.15, 0.25, 0.4] {
            let process = CommandRun.process(arguments + ["killed"], in: folder.url)
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            Thread.sleep(forTimeInterval: wait)
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            // A file with its final name is always complete.
            for (name, data) in try stems("killed") { #expect(whole[name] == data, "\(name)") }
        }
        try folder.run(arguments + ["killed"], exits: 1)
        #expect(try stems("killed") == whole)
        #expect(folder.contents.allSatisfy { !$0.hasSuffix(".part") })
    }

    // MARK: - Disk errors

    /// Runs the command in a shell, after a `ulimit` that makes it fail.
    private func limited(_ limit: String, _ more: String...) throws -> CommandRun {
        try CommandRun(
            ["-c", "\(limit) && exec \"$0\" \"$@\"", CommandRun.executable.path] + more,
            in: folder.url, executable: URL(fileURLWithPath: "/bin/sh"), exits: 1)
    }

    @Test func aFileThatMayNotGrowFailsAndLeavesNothing() throws {
        // In blocks of 512 bytes: less than one stem.
        let run = try limited("ulimit -f 2", "music/00.wav", "-qn", "cross_first", "-o", "out")
        #expect(run.errors.contains("File too large"), "\(run.errors)")
        #expect(folder.contents.allSatisfy { !$0.hasPrefix("out") }, "\(folder.contents)")
    }

    @Test(.enabled(if: geteuid() != 0)) func anUnwritableFolderIsReported() throws {
        try FileManager.default.createDirectory(
            at: folder.url("fixed"), withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o555])
        let run = try folder.run("music/00.wav", "-qn", "cross_first", "-o", "fixed", exits: 1)
        #expect(run.errors.contains("Permission denied"), "\(run.errors)")
    }

    /// Separates a long track, and makes it fail by `meanwhile` once its folder exists.
    private func separate(_ meanwhile: () throws -> Void) throws -> CommandRun {
        try folder.writeTrack("long.wav", samples: 100_000)
        let arguments = ["long.wav", "-n", "cross_first", "--shifts=3", "-o", "out"]
        return try CommandRun(arguments, in: folder.url, exits: 1) { process in
            while process.isRunning, !folder.exists("out/cross_first/long") { usleep(1_000) }
            try meanwhile()
        }
    }

    @Test func aFolderRemovedMeanwhileIsReported() throws {
        let run = try separate {
            usleep(50_000)
            try FileManager.default.removeItem(at: folder.url("out"))
        }
        #expect(run.errors.contains("error: long.wav: out/cross_first/long/"), "\(run.errors)")
        #expect(!folder.exists("out"))
    }

    @Test func aTrackChangedMeanwhileIsReported() throws {
        let run = try separate {
            let file = try FileHandle(forWritingTo: folder.url("long.wav"))
            try file.seekToEnd()
            try file.write(contentsOf: Data("more".utf8))
            try file.close()
        }
        #expect(run.errors.contains("was changed while it was being read"), "\(run.errors)")
        #expect(folder.contents.allSatisfy { !$0.hasPrefix("out") })
    }
}
