import Foundation
import TestSupport
import Testing

/// Errors in a manifest are found before the first track.
struct ManifestErrorTests {
    private let folder = TemporaryFolder()

    /// Runs a manifest whose first track is valid, and returns its error.
    private func error(
        of manifest: String, _ name: String = "list", _ more: [String] = []
    ) throws -> String {
        try folder.writeTrack("a.wav")
        try folder.write(manifest, name)
        let run = try folder.run(
            ["--manifest", name, "-n", "cross_first", "-o", "out"] + more, exits: 2)
        #expect(run.output.isEmpty)
        #expect(!folder.exists("out"))
        return run.errors
    }

    @Test(arguments: [
        ("id,path\na,a.wav\nb,a.wav\na,b.wav\n", "list: line 4: the id 'a' is that of line 2 too"),
        ("id,file\na,a.wav\n", "list: line 1: unknown key 'file'; expected one of id, path, seed"),
        ("id,shifts\na,1\n", "list: line 1: the column 'path' is missing"),
        ("id,path,id\na,a.wav,b\n", "list: line 1: the column 'id' appears twice"),
        ("id,path\na,a.wav\nb\n", "list: line 3: has 1 fields, expected the 2 of the header"),
        ("id,path\na,\n", "list: line 2: has no 'path'"),
        ("id,path\na,\"a.wav\nb,a.wav\n", "list: line 2: a quoted field without its closing quote"),
        ("id,path\na,\"a\" b\n", "list: line 2: text after a closing quote"),
        ("id,path\na,a\"b\n", "list: line 2: a quote inside a field"),
        ("id,path\n../b,a.wav\n", "list: line 2: the id '../b' must not contain '/'"),
        ("id,path\n..,a.wav\n", "list: line 2: the id '..' must not be '..'"),
        ("id,path,overlap\na,a.wav,2\n", "list: line 2: The value '2' is invalid for '--overlap"),
        ("id,path,shifts\na,a.wav,x\n", "list: line 2: The value 'x' is invalid for '--shifts"),
        (
            "id,path,segment\na,a.wav,99\n",
            "list: line 2: The value '99.0' is invalid for '--segment"
        ),
        ("", "list: the manifest has no tracks"),
        ("id,path\n", "list: the manifest has no tracks"),
        ("PAR1xyz", "list: is a Parquet file, expected JSON lines or CSV"),
        ("{\"id\": \"a\"}\n", "list: line 1: has no 'path'"),
        ("{\"id\": \"a\", \"path\": \"a.wav\"}\n[]\n", "list: line 2: is not a JSON object"),
        ("{\"id\": \"a\", \"path\": [1]}\n", "list: line 1: 'path' is no string and no number"),
        ("{\"id\": \"a\", \"path\": \"a\", \"sed\": 1}\n", "list: line 1: unknown key 'sed'"),
        ("{\"id\": \"a\", \"path\": \"a\", \"id\": \"b\"}\n", "the key \"id\" appears twice"),
        ("{\"id\": \"a\\u0000\", \"path\": \"a\"}\n", "must not contain '/' or control characters"),
    ])
    func aFaultIsNamedWithItsLine(manifest: String, message: String) throws {
        let text = try error(of: manifest)
        #expect(text.contains("error: ") && text.contains(message), "\(text)")
    }

    @Test func aNameThatIsTooLongIsRefused() throws {
        let id = String(repeating: "x", count: 201)
        #expect(try error(of: "id,path\n\(id),a.wav\n").contains("must have at most 200 bytes"))
    }

    @Test(arguments: ["8/8", "-1/8", "1", "a/b", "1/0", "1/8/2", "+1/8", ""])
    func aShardThatIsNoneIsRefused(shard: String) throws {
        let text = try error(of: "id,path\na,a.wav\n", "list", ["--shard=\(shard)"])
        #expect(text.contains("expected I/N, shard I of N, counted from 0"), "\(text)")
    }

    @Test(arguments: [
        "{track}.wav", "{stem}.wav", "{track}_{stem}.wav", "{stem}_{track}.wav",
    ])
    func aTemplateThatLetsTracksShareAFileIsRefused(template: String) throws {
        let text = try error(
            of: "id,path\na,a.wav\n", "list",
            [
                "--filename", template, "--two-stems=rest", "--mix=x_rest=drums+rest",
                "--mix=rest_x=drums",
            ])
        #expect(text.contains("no two tracks can share a file"), "\(text)")
    }

    @Test func otherTracksAndFilesThatCannotBeReadAreRefused() throws {
        #expect(try error(of: "id,path\na,a.wav\n", "list", ["a.wav"]).contains("names all tracks"))
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
        @Test func twoMillionLinesTakeLittleMemory() throws {
            let file = folder.url("list")
            try folder.write("id,path\n", "list")
            let handle = try FileHandle(forWritingTo: file)
            try handle.seekToEnd()
            for block in 0..<200 {
                let lines = (0..<10_000).map { "t\(block * 10_000 + $0),music/a.flac\n" }
                try handle.write(contentsOf: Data(lines.joined().utf8))
            }
            // The last line is invalid: all lines are read, and earlier lines are read again.
            try handle.write(contentsOf: Data("t77,b\n".utf8))
            try handle.close()
            var peakKilobytes = 0
            let run = try CommandRun(
                ["--manifest", "list", "-n", "cross_first"], in: folder.url, exits: 2
            ) { process in
                while process.isRunning {
                    usleep(20_000)
                    let status = try? String(
                        contentsOfFile: "/proc/\(process.processIdentifier)/status",
                        encoding: .utf8)
                    let peak = status?.firstMatch(of: /VmHWM:\s+(\d+)/).flatMap { Int($0.1) }
                    peakKilobytes = max(peakKilobytes, peak ?? 0)
                }
            }
            // 8 bytes for each line, twice while the list grows, plus the program itself.
            #expect((1..<100_000).contains(peakKilobytes), "\(peakKilobytes) kB")
            #expect(run.errors.contains("list: line 2000002: the id 't77' is that of line 79 too"))
        }
    #endif
}
