import Foundation
import TestSupport
import Testing

/// `--failed`: the list, and what it must not replace.
struct FailedListTests {
    private let folder = TemporaryFolder()
    private static let first = "# swift-demucs: failed tracks\n"

    init() throws {
        try folder.writeTrack("a.wav")
        try folder.write("no sound", "b.wav")
    }

    @discardableResult
    private func run(
        _ words: String..., failed list: String = "list", exits code: Int32 = 1
    ) throws -> CommandRun {
        try folder.run(
            words + ["-n", "cross_first", "--stems=drums", "--failed", list], exits: code)
    }

    private func list() throws -> String {
        String(decoding: try folder.data("list"), as: UTF8.self)
    }

    @Test func failedTracksAreListedAndThenNone() throws {
        try run("a.wav", "./b.wav", "none*")
        #expect(try list() == Self.first + "none*\n./b.wav\n")
        try run("a.wav", exits: 0)
        #expect(try list() == Self.first)
        try folder.write(#"{"id": "x", "path": "b.wav"}"#, "songs.jsonl")
        try run("--manifest=songs.jsonl")
        #expect(try list() == Self.first + "b.wav\n")
        try run("a.wav", "--dry-run", exits: 0)
        #expect(try list() == Self.first + "b.wav\n")
    }

    @Test func aRunWithoutTracksReplacesTheListAndLooksForNoModel() throws {
        try folder.write(Self.first + "old.wav\n", "list")
        let run = try folder.run("gone.wav", "-n", "no_such_model", "--failed", "list", exits: 1)
        #expect(!run.errors.contains("no_such_model"))
        #expect(try list() == Self.first + "gone.wav\n")
        try folder.run("gone.wav", "-n", "no_such_model", "--failed", "gone.wav", exits: 2)
        try folder.run("gone.wav", "-n", "no_such_model", "--failed", ".", exits: 2)
        #expect(!folder.exists("gone.wav"))
    }

    @Test func aListAmongTheFilesOfTheRunIsRefused() throws {
        try folder.write(#"{"id": "x", "path": "a.wav"}"#, "songs.jsonl")
        for list in ["out/cross_first/x/drums.wav", "./out/cross_first", "out/.swift-demucs/list"] {
            try run("--manifest=songs.jsonl", "-o", "out", failed: list, exits: 2)
        }
        try run("--manifest=songs.jsonl", "-o", "out", failed: "list", exits: 0)
    }

    @Test func aNameThatIsNoLineIsAStringOfJSON() throws {
        let script =
            #""$0" "$(printf 'two\nlines.wav')" '#1.wav' '"q".wav' "$(printf 'f\374.wav')""#
        try folder.shell(script + " '{id}.wav' --failed list", exits: 1)
        let lines = try list().split(separator: "\n").dropFirst()
        let names = try lines.map { line in
            guard line.hasPrefix("\"") else { return String(line) }
            return try JSONDecoder().decode(String.self, from: Data(line.utf8))
        }
        #expect(
            names == ["two\nlines.wav", "#1.wav", "\"q\".wav", "f\u{10FFFC}.wav", "{id}.wav"],
            "\(lines)")
        #expect(!lines.contains { $0.hasPrefix("#") })
    }

    @Test(arguments: [
        #"{"path": "a.wav"}"#, "\u{FEFF}{\"id\": \"x\"}", "  {\"id\": \"x\"}", "\n{}", "a.wav\n",
        "\n",
        "# swift-demucs: failed tracksuits\n", "# swift-demucs: failed tracks\0", "# swift-demucs",
        "RIFF\0\0\0\0", " " + first,
    ])
    func aFileThatIsNoListStays(text: String) throws {
        try folder.write(text, "text")
        #expect(symlink("text", folder.path("list")) == 0)
        for words in [["a.wav"], ["gone.wav"], ["a.wav", "--dry-run"]] {
            let run = try folder.run(
                words + ["-n", "no_such_model", "--failed", "list"], exits: 2)
            #expect(run.errors.contains("'--failed <file>': expected a new or empty file"))
        }
        #expect(try list() == text && !folder.exists("separated"))
    }

    @Test func anEmptyFileAndAnOldListAreReplacedThroughLinks() throws {
        for text in ["", Self.first, Self.first.replacing("\n", with: "\r\n") + "x\r\n"] {
            try folder.write(text, "target")
            symlink("target", folder.path("list"))
            try run("b.wav")
            #expect(
                try String(decoding: folder.data("target"), as: UTF8.self).hasSuffix("\nb.wav\n"))
        }
    }

    /// Files that are empty or missing, so that only what they are refuses them.
    @Test func theListIsNoOtherFileOfTheRun() throws {
        try folder.write("", "empty.wav")
        try folder.makeFolder("separated/cross_first/a")
        let stem = "separated/cross_first/a/drums.wav"
        symlink("separated/cross_first/a", folder.path("stems"))
        symlink("nowhere", folder.path("dangling"))
        #expect(mkfifo(folder.path("pipe"), 0o600) == 0)
        for (path, reason) in [
            ("empty.wav", "a track"), (stem, "list of failed tracks"), ("pipe", "no regular file"),
            ("stems/drums.wav", "list of failed tracks"), ("separated", "directory"),
            ("dangling", "a link"), ("missing/list", "No such file"), ("/dev/null", "no regular"),
        ] {
            let run = try run("a.wav", "empty.wav", failed: path, exits: 2)
            #expect(run.errors.contains(reason), "\(path): \(run.errors)")
        }
        #expect(try folder.data("empty.wav").isEmpty && !folder.exists(stem))
        // The tracks of a manifest are planned one by one.
        try folder.write(#"{"id": "a", "path": "a.wav"}"#, "songs.jsonl")
        let run = try run("--manifest=songs.jsonl", failed: "stems/drums.wav")
        #expect(run.errors.contains("it is the list of failed tracks"), "\(run.errors)")
        #expect(try String(decoding: folder.data(stem), as: UTF8.self) == Self.first + "a.wav\n")
    }
}
