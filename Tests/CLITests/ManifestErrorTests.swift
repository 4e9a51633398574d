import Foundation
import TestSupport
import Testing

/// Errors in a manifest are found before the first track.
struct ManifestErrorTests {
    private static let track = #"{"id": "a", "path": "a.wav"}"#
    private let folder = TemporaryFolder()

    /// Runs a manifest whose first track is valid, and returns its error.
    private func error(of manifest: String, _ more: String...) throws -> String {
        try folder.writeTrack("a.wav")
        try folder.write(manifest, "list")
        let run = try folder.run(
            ["--manifest=list", "-n", "cross_first", "-o", "out"] + more, exits: 2)
        #expect(run.output.isEmpty)
        #expect(!folder.exists("out"))
        return run.errors
    }

    @Test(arguments: [
        (
            track + "\n" + #"{"id": "b", "path": "a.wav"}"# + "\n"
                + #"{"id": "a", "path": "b.wav"}"#, "list: line 3: the id 'a' is that of line 1 too"
        ),
        (track + "\n" + #"{"id": "b", "path": ""}"#, "list: line 2: has no 'path'"),
        (#"{"id": "../b", "path": "a.wav"}"#, "list: line 1: the id '../b' must not contain '/'"),
        (#"{"id": "..", "path": "a.wav"}"#, "list: line 1: the id '..' must not be '..'"),
        (
            #"{"id": "a", "path": "a.wav", "overlap": 2}"#,
            "list: line 1: The value '2' is invalid for '--overlap"
        ),
        (
            #"{"id": "a", "path": "a.wav", "shifts": "x"}"#,
            "list: line 1: The value 'x' is invalid for '--shifts"
        ),
        (
            #"{"id": "a", "path": "a.wav", "segment": 99}"#,
            "list: line 1: The value '99.0' is invalid for '--segment"
        ),
        (
            #"{"id": "a", "path": "a.wav", "seed": 18446744073709551616}"#,
            "list: line 1: The value '18446744073709551616' is invalid for '--seed"
        ),
        ("", "list: the manifest has no tracks"),
        ("\n", "list: the manifest has no tracks"),
        (
            "id,path\na,a.wav\n",
            "list: line 1: does not begin with '{', expected a JSON object on each line; convert a table of CSV or Parquet to JSON lines"
        ),
        ("PAR1xyz", "list: line 1: does not begin with '{'"),
        (#"{"id": "a"}"#, "list: line 1: has no 'path'"),
        (track + "\n" + "[]", "list: line 2: is not a JSON object"),
        (#"{"id": "a", "path": [1]}"#, "list: line 1: 'path' is no string and no number"),
        (#"{"id": "a", "path": "a", "sed": 1}"#, "list: line 1: unknown key 'sed'"),
        (#"{"id": "a", "path": "a", "flac": true}"#, "list: line 1: unknown key 'flac'"),
        (
            #"{"id": "a", "path": "a.wav", "stems": "none"}"#,
            "list: line 1: '--stems none' requires '--stem-file"
        ),
        (#"{"id": "a", "path": "a", "id": "b"}"#, "the key \"id\" appears twice"),
        (#"{"id": "a\u0000", "path": "a"}"#, "must not contain '/' or control characters"),
        (
            #"{"id": "\#(String(repeating: "x", count: 201))", "path": "a.wav"}"#,
            "must have at most 200 bytes"
        ),
    ])
    func aFaultIsNamedWithItsLine(manifest: String, message: String) throws {
        let text = try error(of: manifest)
        #expect(text.contains("error: ") && text.contains(message), "\(text)")
    }

    /// As PowerShell writes it, and without a mark, in either order of bytes.
    @Test(arguments: ["\u{FEFF}", "", "\r\n"], [false, true])
    func aManifestInUTF16IsNamed(start: String, isBigEndian: Bool) throws {
        let bytes = (start + Self.track + "\n").utf16.flatMap {
            withUnsafeBytes(of: isBigEndian ? $0.bigEndian : $0.littleEndian, Array.init)
        }
        try folder.writeTrack("a.wav")
        try folder.write(Data(bytes), "list")
        let run = try folder.run("--manifest=list", "-n", "cross_first", exits: 2)
        #expect(run.errors.contains("list: is UTF-16, expected UTF-8; save it as UTF-8"))
    }

    /// Neither the end of a line nor a byte order mark counts.
    @Test(
        arguments: ["", "\u{FEFF}", track + "\n", "\u{FEFF}" + track + "\r\n"], ["", "\n", "\r\n"])
    func aLineHasAtMostAMebibyte(before: String, end: String) throws {
        let (start, stop) = (#"{"id": "b", "#, #""path": "a.wav"}"#)
        let spaces = String(repeating: " ", count: 1 << 20 - start.utf8.count - stop.utf8.count)
        try folder.write(before + start + spaces + stop + end, "whole")
        try folder.run("--manifest=whole", "-n", "cross_first", "--dry-run")
        let text = try error(of: before + start + spaces + " " + stop + end)
        #expect(text.contains("line \(before.contains("\n") ? 2 : 1): longer than 1048576 bytes"))
    }

    @Test(arguments: ["8/8", "-1/8", "1", "a/b", "1/0", "1/8/2", "+1/8", ""])
    func aShardThatIsNoneIsRefused(shard: String) throws {
        let text = try error(of: Self.track, "--shard=\(shard)")
        #expect(text.contains("expected I/N, shard I of N, counted from 0"), "\(text)")
    }

    @Test(arguments: [
        "{track}.wav", "{stem}.wav", "{track}_{stem}.wav", "{stem}_{track}.wav",
    ])
    func aTemplateThatLetsTracksShareAFileIsRefused(template: String) throws {
        let text = try error(
            of: Self.track, "--filename", template, "--two-stems=rest",
            "--mix=x_rest=drums+rest", "--mix=rest_x=drums")
        #expect(text.contains("no two tracks can share a file"), "\(text)")
    }

    @Test func otherTracksAndFilesThatCannotBeReadAreRefused() throws {
        #expect(try error(of: Self.track, "a.wav").contains("names all tracks"))
        for option in ["--shard=0/2", "--quarantine-after=2"] {
            let run = try folder.run(["a.wav", option], exits: 2)
            #expect(run.errors.contains("requires '--manifest <file>'"))
        }
        #expect(
            try folder.run("--manifest=gone", exits: 2).errors
                .contains("gone: the manifest can't be read (No such file or directory)"))
        #expect(try folder.run("--manifest=.", exits: 2).errors.contains("(Is a directory)"))
    }

    #if os(Linux)
        @Test(.enabled(if: isInstalled("python3"))) func longManifestsTakeLittleMemory() throws {
            try folder.write("", "list")
            let handle = try FileHandle(forWritingTo: folder.url("list"))
            let script = """
                import resource, subprocess, sys
                code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
                print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
                sys.exit(code)
                """
            func run(_ more: String..., exits code: Int32) throws -> CommandRun {
                let run = try CommandRun(
                    ["python3", "-c", script, CommandRun.executable.path]
                        + ["--manifest", "list", "-n", "cross_first", "--dry-run"] + more,
                    in: folder.url, executable: URL(fileURLWithPath: "/usr/bin/env"), exits: code)
                let peakKilobytes = try #require(Int(run.outputLines[0]))
                // The program takes 24 MB, and 8 bytes for each line, twice while the list grows.
                #expect((1..<34_000).contains(peakKilobytes), "\(peakKilobytes) kB")
                return run
            }
            for block in 0..<25 {
                let lines = (0..<10_000).map {
                    #"{"id": "t\#(block * 10_000 + $0)", "path": "a.flac"}"# + "\n"
                }
                try handle.write(contentsOf: Data(lines.joined().utf8))
                if block == 20 {
                    // The program keeps the tracks of its shard alone.
                    _ = try run("--quiet", "--shard=0/1000", exits: 0)
                }
            }
            // The last line is invalid: all lines are read, and earlier lines are read again.
            try handle.write(contentsOf: Data(#"{"id": "t77", "path": "b"}"#.utf8))
            let errors = try run(exits: 2).errors
            #expect(errors.contains("list: line 250001: the id 't77' is that of line 78 too"))
        }
    #endif
}
