import Foundation
import System
import TestSupport
import Testing

/// Programs that run to their end, or are ended.
struct ChildProcessTests {
    private let folder = TemporaryFolder()

    private func run(
        _ script: String, silenceSeconds: Double = 60, check: () throws -> Void = {}
    ) throws -> (status: Int32, text: String) {
        let output = try TemporaryFiles.createUnnamed(in: folder.url.path)
        defer { close(output) }
        return try ChildProcess.run(
            "/bin/sh", ["-c", script], descriptors: [output, output],
            silenceSeconds: silenceSeconds, textBytes: 100, check: check)
    }

    @Test func aProgramEndsWithItsStatusAndItsErrors() throws {
        #expect(try run("echo no >&2; exit 3") == (3, "no\n"))
        #expect(try run("kill -TERM $$").status == SIGTERM)
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
        #expect(program.status == 3)
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
        let ended = try run("while :; do echo noise >&2; done", silenceSeconds: 0.3)
        #expect(ended == (SIGKILL, "ended because it wrote nothing for 0.3 s"))
    }
}
