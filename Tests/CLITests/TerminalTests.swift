import Foundation
import TestSupport
import Testing

/// The progress bar and messages in a terminal.
struct TerminalTests {
    private let folder = TemporaryFolder()

    /// Separates a track that is long enough for an estimate of the time.
    private func run(
        columns: UInt16, environment: [String: String] = [:], _ more: String...
    ) throws -> PseudoTerminal {
        try folder.writeTrack("a.wav", samples: 4000)
        let terminal = try PseudoTerminal(
            ["a.wav", "-n", "cross_first", "--shifts=3", "--seed=1", "-o", "out"] + more,
            in: folder.url, columns: columns, environment: environment)
        #expect(terminal.wait() == 0)
        return terminal
    }

    @Test func aBarIsDrawnOverAndTakenAwayWithoutColours() throws {
        let terminal = try run(columns: 80)
        let drawings = terminal.drawings
        let first = try #require(drawings.first)
        #expect(first.hasPrefix("  0 % [>"))
        #expect(first.hasSuffix("] 0:00 of 0:02") || first.hasSuffix("] 0:00 of 0:03"))
        #expect(drawings.contains { $0.hasPrefix("100 % [====") })
        // With speed and time left, once there is an estimate.
        #expect(drawings.contains { $0.contains("×, 0:0") && $0.hasSuffix(" left") })
        #expect(drawings.last == "")
        #expect(drawings.allSatisfy { $0.count < 80 })
        // Escape codes of colours end in m.
        #expect(terminal.text.firstMatch(of: /\u{1B}\[[0-9;]*m/) == nil)
        #expect(
            terminal.text.contains("Done: 0:02 in ") || terminal.text.contains("Done: 0:03 in "))
    }

    @Test func aNarrowTerminalGetsWhatFits() throws {
        let terminal = try run(columns: 20)
        #expect(terminal.drawings.contains { $0.hasPrefix("  0 % ") })
        #expect(terminal.drawings.allSatisfy { $0.count < 20 })
    }

    @Test func aResizedTerminalIsRedrawnAtOnce() throws {
        try folder.writeTrack("a.wav", samples: 400_000)
        let terminal = try PseudoTerminal(
            ["a.wav", "-n", "cross_first", "--shifts=100", "-o", "out"], in: folder.url,
            columns: 100)
        #expect(terminal.read(until: /% \[/))
        terminal.resize(columns: 30)
        // Too narrow for the bar: the percentage is followed by the time, or by an estimate.
        #expect(terminal.read(until: /% \d/))
        terminal.send(SIGINT)
        #expect(terminal.wait() == 130)
        #expect(
            terminal.text.hasSuffix(
                "interrupted while separating a.wav; run the same command to separate it\r\n"))
    }

    @Test(arguments: ["dumb", ""])
    func aDumbTerminalGetsLinesAlone(kind: String) throws {
        let terminal = try run(columns: 80, environment: ["TERM": kind])
        #expect(!terminal.text.contains("\u{1B}"))
        let lines = terminal.text.split(separator: "\r\n")
        #expect(lines.prefix(2) == ["Seed 1", "Separating a.wav"])
        // A line for each tenth, or fewer on a fast machine.
        let shares = try lines.dropFirst(2).dropLast().map { line in
            try #require(Int(line.prefix { $0.isNumber }), "\(line)")
        }
        #expect(shares.last == 100)
        #expect(zip(shares, shares.dropFirst()).allSatisfy { $0 / 10 < $1 / 10 })
    }

    @Test func manyTracksAreCounted() throws {
        try folder.writeTrack("b.wav", samples: 4000)
        let terminal = try run(columns: 80, "b.wav")
        #expect(terminal.text.contains("Separating 1/2 a.wav"))
        #expect(terminal.drawings.contains { $0.contains("] 2/2, 0:0") })
        #expect(terminal.text.contains(/2 of 2 tracks separated in \d+:\d\d/))
    }

    @Test func aQuietRunDrawsNothing() throws {
        let terminal = try run(columns: 80, "--quiet")
        #expect(terminal.text.isEmpty)
    }

    @Test func controlCharactersInNamesAreNotObeyed() throws {
        try folder.writeTrack("\u{1B}[2J\u{7}.wav")
        let terminal = try PseudoTerminal(
            ["\u{1B}[2J\u{7}.wav", "-n", "cross_first", "--shifts=0"], in: folder.url, columns: 80)
        #expect(terminal.wait() == 0)
        #expect(terminal.text.contains("Separating \\u{1B}[2J\\u{7}.wav"))
        #expect(!terminal.text.contains("\u{1B}[2J"))
    }
}
