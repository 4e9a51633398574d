import Foundation
import Testing

/// Interruption by signals, and by readers that close the pipe.
struct InterruptionTests {
    private let folder = TemporaryFolder()

    init() throws {
        try folder.writeTrack("a.wav")
        try folder.writeTrack("long.wav", samples: 200_000)
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func finishedTracksStayAndTheRestCanBeDoneLater(signal: Int32) throws {
        let arguments = [
            "a.wav", "long.wav", "-n", "cross_first", "--shifts=100", "-o", "out",
            "--skip-existing",
        ]
        let run = try CommandRun(
            arguments, in: folder.url, interruptedAt: "Separating 2/2", signal: signal, exits: 130)
        #expect(
            run.errorLines.contains(
                "error: interrupted while separating long.wav; 1 of 2 tracks are done; run the "
                    + "same command with --skip-existing for the rest"))
        #expect(run.outputLines.count == 2)
        #expect(
            folder.contents == [
                "a.wav", "long.wav", "out", "out/cross_first", "out/cross_first/a",
                "out/cross_first/a/drums.wav", "out/cross_first/a/rest.wav",
                "out/.swift-demucs", "out/.swift-demucs/a.wav-18d5a1c6142e14dd.json",
            ])
    }

    @Test func theManifestRecordsAnInterruption() throws {
        let run = try folder.run(
            ["long.wav", "-n", "cross_first", "--shifts=100", "--json"],
            interruptedAt: "Separating", exits: 130)
        let manifest = try #require(run.outputLines.last)
        #expect(manifest.contains("\"status\":\"interrupted\""))
        #expect(manifest.contains("\"exit_code\":130"))
    }

    @Test func aClosedPipeEndsTheRunQuietly() throws {
        let process = CommandRun.process(
            ["long.wav", "-n", "cross_first", "--shifts=0", "--stdout=rest", "--clip-mode=clamp"],
            in: folder.url)
        let output = Pipe()
        let errors = try TemporaryFolder.emptyFile(in: folder.url, "stderr.txt")
        process.standardOutput = output
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        _ = try output.fileHandleForReading.read(upToCount: 100)
        try output.fileHandleForReading.close()
        process.waitUntilExit()
        #expect(process.terminationStatus == 141)
        #expect(try !String(contentsOf: errors, encoding: .utf8).contains("error"))
    }

    @Test func commandsWithoutFilesEndAtOnce() throws {
        let run = try folder.run(["selftest"], models: nil, interruptedAt: "Testing", exits: 130)
        #expect(run.errorLines.last == "error: interrupted")
    }
}
