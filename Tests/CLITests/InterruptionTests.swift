import Foundation
import TestSupport
import Testing

/// Interruption by signals, and by readers that close the pipe.
struct InterruptionTests {
    private let folder = TemporaryFolder()

    init() throws {
        try folder.writeTrack("a.wav")
        try folder.writeTrack("long.wav", samples: 200_000)
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
    func finishedTracksStayAndTheRestCanBeDoneLater(signal: Int32) throws {
        let arguments = [
            "a.wav", "long.wav", "-n", "cross_first", "--shifts=20", "-o", "out",
            "--skip-existing", "--json",
        ]
        let run = try CommandRun(arguments, in: folder.url, exits: 130, at: "Separating 2/2") {
            kill($0.processIdentifier, signal)
        }
        #expect(
            run.errorLines.contains(
                "error: interrupted while separating long.wav; 1 of 2 tracks are done; run the "
                    + "same command with --skip-existing for the rest"))
        let manifest = try #require(try run.events("manifest").last)
        #expect(manifest["exit_code"] as? Int == 130)
        let tracks = try #require(manifest["tracks"] as? [[String: Any]])
        #expect(tracks.map { $0["status"] as? String } == ["done", "interrupted"])
        #expect(
            folder.paths == [
                "a.wav", "long.wav", "out", "out/cross_first", "out/cross_first/a",
                "out/cross_first/a/drums.wav", "out/cross_first/a/rest.wav",
                "out/.swift-demucs", "out/.swift-demucs/a.wav-18d5a1c6142e14dd",
                "out/.swift-demucs/a.wav-18d5a1c6142e14dd/track.json",
            ])
    }

    @Test func aRunThatIgnoresHangupsGoesOn() throws {
        let command = "trap '' HUP; exec \"$0\" long.wav -n cross_first --shifts=0"
        let run = try CommandRun(
            ["-c", command, CommandRun.executable.path], in: folder.url,
            executable: URL(fileURLWithPath: "/bin/sh"), exits: 0, at: "Separating"
        ) { kill($0.processIdentifier, SIGHUP) }
        #expect(run.errors.contains("Done"))
    }

    @Test func aClosedPipeEndsTheRunQuietly() throws {
        // `head` reads 100 bytes of more than a pipe holds.
        let script = """
            { "$0" long.wav -n cross_first --shifts=0 --stdout=rest --clip-mode=clamp
            echo $? >code; } | head -c 100 >/dev/null; exit "$(cat code)"
            """
        #expect(try !folder.shell(script, exits: 141).errors.contains("error"))
    }

    /// A track, or a manifest that is followed, in a pipe whose writer writes nothing more.
    @Test(arguments: [
        ["analyze"], ["separate"], ["tensors", "prepare", "-o", "out"],
        ["separate", "--follow", "--manifest"],
    ])
    func waitingForAPipeEndsToo(command: [String]) throws {
        let path = folder.url("pipe").path
        #expect(mkfifo(path, 0o600) == 0)
        let run = try CommandRun(
            command + [path, "-n", "demo"], in: folder.url, models: Fixture.bundledModels.path,
            exits: 130
        ) { process in
            var writer: Int32 = -1
            try waitUntil("the program has opened its end of the pipe") {
                writer = open(path, O_WRONLY | O_NONBLOCK)
                return writer >= 0
            }
            defer { close(writer) }
            // A followed manifest is waited for in turns of 0.2 s.
            if command.contains("--follow") { usleep(600_000) }
            kill(process.processIdentifier, SIGINT)
            try waitUntil("the program has ended") { !process.isRunning }
        }
        let end = command.contains("--follow") ? "0 of 0 tracks separated" : "error: interrupted"
        #expect(run.errors.contains(end))
    }

    @Test func commandsWithoutFilesEndAtOnce() throws {
        let run = try folder.run(["selftest"], models: nil, interruptedAt: "Testing", exits: 130)
        #expect(run.errorLines.last == "error: interrupted")
    }

    #if os(Linux)
        /// `live` waits for the rest of what has arrived, or for the reader of its output.
        @Test(arguments: [
            (SIGTERM, [], 0), (SIGINT, [], 20), (SIGTERM, ["--raw", "1600"], 3),
            (SIGINT, ["--raw", "1600"], 8 * (2_560 + 100)),
            (SIGTERM, ["--raw", "1600"], 8 * 40_000),
        ])
        func oneSignalEndsLiveSound(signal: Int32, arguments: [String], inputBytes: Int) throws {
            let process = CommandRun.process(
                ["live", "-n", "cross_first", "--wait", "--hop", "0.05"] + arguments,
                in: folder.url)
            let (input, output) = (Pipe(), Pipe())
            (process.standardInput, process.standardOutput) = (input, output)
            try process.run()
            defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
            let status = "/proc/\(process.processIdentifier)/status"
            try waitUntil("the program waits for signals") {
                try !String(contentsOfFile: status, encoding: .utf8)
                    .contains("SigBlk:\t0000000000000000")
            }
            let writer = input.fileHandleForWriting.fileDescriptor
            #expect(fcntl(writer, F_SETFL, O_NONBLOCK) == 0)
            let header = WAVFile.bytes(float32: [0, 0], channels: 2, rateHz: 1600)
            var bytes =
                arguments.isEmpty ? [UInt8](header) : [UInt8](repeating: 0, count: inputBytes)
            bytes = Array(bytes.prefix(inputBytes))
            // A reader that stands still lets the program take no more than the pipes hold.
            try waitUntil("the program has taken the input") {
                bytes.removeFirst(max(0, write(writer, bytes, bytes.count)))
                return bytes.isEmpty || bytesHeld(output) >= 65_536
            }
            kill(process.processIdentifier, signal)
            try waitUntil("the program has ended") { !process.isRunning }
            #expect(process.terminationReason == .exit && process.terminationStatus == 130)
        }

        private func bytesHeld(_ pipe: Pipe) -> Int32 {
            var count: Int32 = 0
            _ = ioctl(pipe.fileHandleForReading.fileDescriptor, UInt(FIONREAD), &count)
            return count
        }
    #endif
}
