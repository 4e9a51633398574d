import Foundation
import TestSupport
import Testing

/// Many tracks in one call, some of them broken, and runs that are killed. `tools/batch_test` does the
/// same with a thousand.
struct BatchTests {
    private static let count = 24
    private static let broken = [3, 11, 20]
    private let folder: TemporaryFolder
    private let arguments = ["music", "-qn", "cross_first", "--shifts=0", "--skip-existing", "-o"]

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(
            at: folder.url.appendingPathComponent("music"), withIntermediateDirectories: false)
        for index in 0..<BatchTests.count {
            let name = String(format: "music/%02d.wav", index)
            if BatchTests.broken.contains(index) {
                try folder.write(Data("RIFF, but no more".utf8), name)
            } else {
                try folder.writeTrack(name, replacing: [index: 0.1])
            }
        }
    }

    /// All files below a folder, by their names in it, without records.
    private func stems(_ out: String) throws -> [String: Data] {
        let names = folder.contents.filter { $0.hasPrefix("\(out)/") && $0.hasSuffix(".wav") }
        return Dictionary(
            uniqueKeysWithValues: try names.map {
                (
                    String($0.dropFirst(out.count)),
                    try Data(contentsOf: folder.url.appendingPathComponent($0))
                )
            })
    }

    @Test func brokenTracksAreListedAndTheOthersDone() throws {
        let run = try CommandRun(arguments + ["out", "--json"], in: folder.url)
        #expect(run.exitCode == 1)
        #expect(
            run.errorLines.last
                == "error: 3 of 24 tracks failed: music/03.wav, music/11.wav, music/20.wav")
        #expect(try #require(run.outputLines.last).contains(#""counts":{"done":21,"failed":3}"#))
        #expect(try stems("out").count == 42)
        // Nothing is done again, and nothing is written.
        let record = folder.url.appendingPathComponent(
            "out/cross_first/00/.00.wav.swift-demucs.json")
        let before = try FileManager.default.attributesOfItem(atPath: record.path)
        let again = try CommandRun(arguments + ["out", "--json"], in: folder.url)
        #expect(
            try #require(again.outputLines.last).contains(#""counts":{"failed":3,"skipped":21}"#))
        let after = try FileManager.default.attributesOfItem(atPath: record.path)
        #expect(before[.modificationDate] as? Date == after[.modificationDate] as? Date)
    }

    @Test func killedRunsLeaveNothingWrongAndGoOn() throws {
        _ = try CommandRun(arguments + ["whole"], in: folder.url)
        let whole = try stems("whole")
        for wait in [0.05, 0.15, 0.25, 0.4] {
            let process = CommandRun.process(arguments + ["killed"], in: folder.url)
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            Thread.sleep(forTimeInterval: wait)
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            // What has its name is complete.
            for (name, data) in try stems("killed") { #expect(whole[name] == data, "\(name)") }
        }
        let run = try CommandRun(arguments + ["killed"], in: folder.url)
        #expect(run.exitCode == 1)
        #expect(try stems("killed") == whole)
        #expect(folder.contents.allSatisfy { !$0.hasSuffix(".part") })
    }

    // MARK: - Trouble with the disk

    /// Runs a call through a shell that limits it first.
    private func limited(_ limit: String, _ more: String...) throws -> CommandRun {
        try CommandRun(
            ["-c", "\(limit) && exec \"$0\" \"$@\"", CommandRun.executable.path] + more,
            in: folder.url, executable: URL(fileURLWithPath: "/bin/sh"))
    }

    @Test func aFileThatMayNotGrowFailsAndLeavesNothing() throws {
        // Blocks of 512 bytes: less than a stem.
        let run = try limited("ulimit -f 2", "music/00.wav", "-qn", "cross_first", "-o", "out")
        #expect(run.exitCode == 1)
        #expect(run.errors.contains("File too large"), "\(run.errors)")
        #expect(folder.contents.allSatisfy { !$0.hasPrefix("out") }, "\(folder.contents)")
    }

    @Test func aFolderThatCannotBeMadeIsTold() throws {
        let run = try CommandRun(
            ["music/00.wav", "-qn", "cross_first", "-o", "/proc/stems"], in: folder.url)
        #expect(run.exitCode == 1)
        #expect(run.errors.hasPrefix("error: /proc/stems"), "\(run.errors)")
        #expect(run.errorLines.count == 1)
    }

    @Test(.enabled(if: geteuid() != 0)) func aFolderThatMayNotBeWrittenIsTold() throws {
        try FileManager.default.createDirectory(
            at: folder.url.appendingPathComponent("fixed"), withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o555])
        let run = try CommandRun(
            ["music/00.wav", "-qn", "cross_first", "-o", "fixed"], in: folder.url)
        #expect(run.exitCode == 1)
        #expect(run.errors.contains("Permission denied"), "\(run.errors)")
    }

    @Test func aFolderThatGoesAwayMeanwhileIsTold() throws {
        try folder.writeTrack("long.wav", samples: 100_000)
        let process = CommandRun.process(
            ["long.wav", "-n", "cross_first", "--shifts=3", "-o", "out"], in: folder.url)
        let errors = try TemporaryFolder.emptyFile(in: folder.url, "stderr.txt")
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        while process.isRunning, !folder.exists("out/cross_first/long") { usleep(1_000) }
        usleep(50_000)
        try FileManager.default.removeItem(at: folder.url.appendingPathComponent("out"))
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
        let text = try String(contentsOf: errors, encoding: .utf8)
        #expect(text.contains("error: long.wav: out/cross_first/long/"), "\(text)")
        #expect(!folder.exists("out"))
    }

    @Test func aTrackThatChangesMeanwhileIsTold() throws {
        try folder.writeTrack("long.wav", samples: 100_000)
        let process = CommandRun.process(
            ["long.wav", "-n", "cross_first", "--shifts=3", "-o", "out"], in: folder.url)
        let errors = try TemporaryFolder.emptyFile(in: folder.url, "stderr.txt")
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        while process.isRunning, !folder.exists("out/cross_first/long") { usleep(1_000) }
        let file = try FileHandle(forWritingTo: folder.url.appendingPathComponent("long.wav"))
        try file.seekToEnd()
        try file.write(contentsOf: Data("more".utf8))
        try file.close()
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
        let text = try String(contentsOf: errors, encoding: .utf8)
        #expect(text.contains("was changed while it was being read"), "\(text)")
        #expect(folder.contents.allSatisfy { !$0.hasPrefix("out") })
    }
}
