import Foundation
import System
import TestSupport
import Testing

/// Programs that run to their end, or are ended.
struct ChildProcessTests {
    private let folder = TemporaryFolder()

    private func run(
        _ script: String, silenceSeconds: Double = 60, check: () throws -> Void = {}
    ) throws -> (end: ChildProcess.End, text: String) {
        let output = try TemporaryFiles.createUnnamed(in: folder.url.path)
        defer { close(output) }
        return try ChildProcess.run(
            "/bin/sh", ["-c", script], descriptors: [output, output],
            silenceSeconds: silenceSeconds, textBytes: 100, check: check)
    }

    @Test func aProgramEndsWithItsStatusAndItsErrors() throws {
        #expect(try run("echo no >&2; exit 3") == (.exited(3), "no\n"))
        #expect(try run("exit 127").end.isOfMachine)
        #expect(try !run("exit 1").end.isOfMachine)
        #expect(throws: SystemError.self) {
            try ChildProcess.run(
                folder.path("none"), [], descriptors: [0, 1], silenceSeconds: 1, textBytes: 1
            ) {}
        }
    }

    /// `end()` must not kill it again: its number may be another program's by then.
    @Test func aProgramThatHasEndedKeepsItsStatus() throws {
        let output = try TemporaryFiles.createUnnamed(in: folder.url.path)
        defer { close(output) }
        let program = try ChildProcess(
            "/bin/sh", ["-c", "exit 3"], descriptors: [output, output, output])
        try waitUntil("the program has ended") { program.status != nil }
        program.end()
        #expect(program.status == .exited(3))
    }

    @Test(arguments: [SIGTERM, SIGKILL, SIGSEGV])
    func aKilledProgramIsNoProgramThatFailed(_ signal: Int32) throws {
        let end = try run("kill -\(signal) $$").end
        #expect(end == .killed(signal: signal) && end.isOfMachine)
    }

    /// Whoever waits for all children takes the status of this one too.
    @Test func aStatusThatAnotherHasTakenIsLost() throws {
        let output = try TemporaryFiles.createUnnamed(in: folder.url.path)
        defer { close(output) }
        let program = try ChildProcess(
            "/bin/sh", ["-c", "echo $$; exit 0"], descriptors: [output, output, output])
        var text = [UInt8](repeating: 0, count: 20)
        try waitUntil("the program has told its number") { pread(output, &text, 20, 0) > 1 }
        let number = try #require(
            pid_t(String(decoding: text.prefix { $0 > 0x0A }, as: UTF8.self)))
        #expect(waitpid(number, nil, 0) == number)
        #expect(program.status == .lost && ChildProcess.End.lost.isOfMachine)
    }

    /// A script that waits for its child, and one that leaves a child which keeps its errors open.
    @Test(arguments: ["", "& true"])
    func nothingThatAProgramHasStartedOutlivesIt(_ end: String) throws {
        let mark = folder.path("mark")
        let child = "sh -c 'while :; do echo >>\(mark); sleep 0.02; done'"
        _ = try? run("\(child) \(end)", silenceSeconds: 0.3)
        // It goes on to write if it is there.
        var size = -1
        try waitUntil("the child has ended") {
            defer { size = FilePath.countBytes(mark) }
            usleep(200_000)
            return size == FilePath.countBytes(mark)
        }
    }

    @Test
    func aSlowProgramThatGoesOnIsNotEnded() throws {
        let output = try TemporaryFiles.createUnnamed(in: folder.url.path)
        defer { close(output) }
        let start = ContinuousClock.now
        var silence = OutputSilence(of: output, inputs: [], 2, from: start)
        for second in 1...3 {
            try [UInt8(0)].withUnsafeBytes { try writeAll($0, to: output) }
            try silence.check(at: start + .seconds(second * 2))
        }
        try silence.check(at: start + .seconds(8))
        #expect(throws: OutputSilence.TooLong.self) {
            try silence.check(at: start + .seconds(8.1))
        }
        // A larger input takes longer: 20 MB a second.
        let input = try TemporaryFiles.createUnnamed(in: folder.url.path)
        defer { close(input) }
        #expect(ftruncate(input, 60_000_000) == 0)
        var longer = OutputSilence(of: input, inputs: [input, input], 2, from: start)
        try longer.check(at: start)
        try longer.check(at: start + .seconds(8))
        #expect(throws: OutputSilence.TooLong.self) {
            try longer.check(at: start + .seconds(8.1))
        }
    }

    @Test func aSilentProgramIsEnded() throws {
        let error = #expect(throws: OutputSilence.TooLong.self) {
            try run("while :; do echo noise >&2; done", silenceSeconds: 0.3)
        }
        #expect(error?.description == "ended because it wrote nothing for 0.3 s")
    }
}
