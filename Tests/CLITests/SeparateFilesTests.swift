import Foundation
import TestSupport
import Testing

/// Found files and the paths of their stems, tested by dry runs without separating.
struct SeparateFilesTests {
    private let folder = TemporaryFolder()

    private func plan(_ arguments: String..., exits code: Int32 = 0) throws -> CommandRun {
        try folder.run(
            arguments + ["-n", "cross_first", "--stems=drums", "--dry-run"], exits: code)
    }

    private func make(_ names: String...) throws {
        for name in names {
            try folder.write("x", name)
        }
    }

    @Test func foldersAreSearchedAndKeepTheirFolders() throws {
        try make(
            "music/b.mp3", "music/a.WAV", "music/notes.txt", "music/.hidden.wav", "music/film.mkv",
            "music/disc 2/live/c.flac", "music/disc 1/d.m4a", "music/.git/e.wav")
        // A pipe that isn't named itself would be waited for.
        #expect(mkfifo(folder.path("music/pipe.wav"), 0o600) == 0)
        let run = try plan("music/")
        #expect(
            run.outputLines == [
                "separated/cross_first/a/drums.wav", "separated/cross_first/b/drums.wav",
                "separated/cross_first/film/drums.wav",
                "separated/cross_first/disc 1/d/drums.wav",
                "separated/cross_first/disc 2/live/c/drums.wav",
            ])
        #expect(run.errorLines.first == "Would separate music/a.WAV")
        #expect(!folder.exists("separated"))
    }

    @Test func aFolderThatHoldsItselfEnds() throws {
        try make("music/a.wav")
        try FileManager.default.createSymbolicLink(
            atPath: folder.url("music/again").path,
            withDestinationPath: "../music")
        #expect(try plan("music").outputLines == ["separated/cross_first/a/drums.wav"])
    }

    @Test func patternsThatTheShellLeftAreFilledIn() throws {
        try make("a1.wav", "a2.wav", "b.wav", "[c].wav", "c.wav")
        #expect(
            try plan("a?.wav").outputLines == [
                "separated/cross_first/a1/drums.wav", "separated/cross_first/a2/drums.wav",
            ])
        #expect(try plan("[b-z].wav").outputLines.count == 2)
        // A file of that name takes precedence over the pattern.
        #expect(try plan("[c].wav").outputLines == ["separated/cross_first/[c]/drums.wav"])
    }

    @Test func operandsWithoutTracksFailAndTheOthersAreDone() throws {
        try make("a.wav")
        try folder.makeFolder("empty")
        let run = try plan("*.mp3", "empty", "a.wav", exits: 1)
        #expect(run.outputLines == ["separated/cross_first/a/drums.wav"])
        #expect(
            Array(run.errorLines.prefix(2)) == [
                "error: *.mp3: no such file, and none matches the pattern",
                "error: empty: no audio files found; name files of other types themselves",
            ])
    }

    @Test func aFileThatIsNamedTwiceIsOneTrack() throws {
        try make("a.wav", "music/b.wav")
        #expect(try plan("a.wav", "./a.wav", "music", "music/b.wav").outputLines.count == 2)
    }

    /// Pairs of tracks with one output don't keep the others from being separated.
    @Test func theSecondOfTwoTracksWithOneOutputIsLeftOut() throws {
        try make("one/a.wav", "two/a.wav", "one/b.wav", "one/b.flac", "one/c.wav")
        let run = try plan("one", "two", exits: 1)
        #expect(run.outputLines.count == 3)
        let b = "'one/b.wav' and 'one/b.flac' would both be written to "
        #expect(run.errors.contains("error: \(b)'separated/cross_first/b/drums.wav'; "))
        #expect(run.errors.contains("template '{track}.{trackext}/{stem}.{ext}' keeps both"))
        #expect(run.errors.contains("error: 'two/a.wav' and 'one/a.wav' would both be written to "))
        // On most disks of Linux these are two files.
        try make("three/A.wav")
        #expect(try plan("one/a.wav", "three/A.wav").outputLines.count == 2)
    }

    @Test func unusualNamesAreMadeSafe() throws {
        try make("music/what? \"a:b\".wav", "music/end..wav", "music/con.wav")
        let names = try plan("music", "--safe-names").outputLines.map {
            $0.split(separator: "/")[2]
        }
        #expect(names == ["_con", "end_", "what_ _a_b_"])
    }

    /// The first run leaves stems and records; the second one finds the new song only.
    @Test func aSearchLeavesOutWhatTheProgramHasWritten() throws {
        try folder.writeTrack("a.wav")
        let options = ["-n", "cross_first", "--stems=drums", "--shifts=0"]
        try folder.run([".", "--failed", "list"] + options)
        try folder.writeTrack("b.wav")
        let run = try folder.run([".", "-o", "other", "--dry-run"] + options)
        #expect(run.errors.contains("Skipping ./separated: it has files of swift-demucs"))
        #expect(
            run.outputLines == [
                "other/cross_first/a/drums.wav", "other/cross_first/b/drums.wav",
            ])
        let stems = try folder.run(["separated/cross_first", "--dry-run"] + options, exits: 1)
        #expect(stems.errors.contains("Skipping 1 stem that swift-demucs has written"))
        #expect(stems.errors.contains("no audio files found; name stems themselves"))
        let named = ["separated/cross_first/a/drums.wav", "--dry-run"]
        #expect(try folder.run(named + options).outputLines.count == 1)
        // Songs and stems in one folder.
        for _ in 0..<2 {
            #expect(
                try folder.run([".", "-o", ".", "--skip-existing"] + options).errors.contains(
                    "of 2"))
        }
    }

    @Test func stemsOfAnotherModelAreNoSongs() throws {
        try folder.writeTrack("music/a.wav")
        for model in ["cross_first", "base"] {
            let run = try folder.run([
                "music", "-o", "music", "-n", model, "--shifts=0", "--skip-existing",
            ])
            #expect(!run.errors.contains("2 of 2"), "\(run.errors)")
        }
        let stems = folder.paths.filter { $0.hasPrefix("music/base/") && $0.hasSuffix(".wav") }
        #expect(stems.count == 4, "\(stems)")
    }

    @Test func aRunLeavesRecordsOnlyWhereTheyAreAskedFor() throws {
        try folder.writeTrack("a.wav")
        try folder.write("no sound", "b.wav")
        try folder.write(#"{"id": "x", "path": "a.wav"}"#, "list.jsonl")
        func records(_ words: String..., exits code: Int32 = 1) throws -> Int {
            try folder.run(["-n", "cross_first", "-o", "out"] + words, exits: code)
            return folder.paths.filter { $0.hasSuffix("/track.json") }.count
        }
        #expect(try records("a.wav", "b.wav", "--json") == 0)
        #expect(folder.files.filter { $0.hasPrefix("out/") }.count == 2, "\(folder.files)")
        #expect(
            try !folder.exists("out/.swift-demucs") && records("a.wav", "--failed=f", exits: 0) == 1
        )
        // A folder with records keeps them up to date.
        #expect(try records("a.wav", "b.wav") == 2)
        try FileManager.default.removeItem(at: folder.url("out"))
        #expect(try records("--manifest=list.jsonl", exits: 0) == 1)
    }

    @Test(arguments: ["target.ckpt", "target.yaml", "aa.safetensors", "bag.yaml"])
    func aFileOfTheModelIsNeverReplaced(name: String) throws {
        try folder.writeTrack("a.wav")
        try folder.write(#"{"id": "a", "path": "a.wav"}"#, "list.jsonl")
        for (name, source) in [
            ("target.ckpt", "roformer_files/target.ckpt"),
            ("target.yaml", "roformer_files/target.yaml"),
            ("aa.safetensors", "models/cross_first.safetensors"),
        ] {
            try folder.write(Data(contentsOf: Fixture.url(source)), name)
        }
        try folder.write("models: [aa]", "bag.yaml")
        let before = try folder.data(name)
        let (model, stem) =
            name.hasPrefix("target")
            ? ("target.ckpt", "target/a/vocals.wav") : ("bag.yaml", "bag/a/drums.wav")
        try folder.write("", "out/" + stem)
        unlink(folder.path("out/" + stem))
        #expect(symlink("../../../\(name)", folder.path("out/" + stem)) == 0)
        let words = ["-n", model, "-o", "out"]
        let run = try folder.run(words + ["a.wav"], exits: 2)
        #expect(run.errors.contains("\(name)' is a file of the model and would be replaced"))
        let tracks = try folder.run(words + ["--manifest=list.jsonl"], exits: 1)
        #expect(tracks.errors.contains("it is a file of the model"), "\(tracks.errors)")
        #expect(try folder.data(name) == before)
    }

    @Test func aTrackIsNeverReplaced() throws {
        try folder.writeTrack("cross_first/a.wav")
        let before = try Data(contentsOf: folder.url("cross_first/a.wav"))
        let options = ["-n", "cross_first", "-o", ".", "--stems=drums", "--filename", "a.{ext}"]
        let run = try folder.run(options + ["cross_first/a.wav"], exits: 2)
        #expect(
            run.errors == "error: 'cross_first/a.wav' is a track and would be replaced by "
                + "'cross_first/a.wav', a file of 'cross_first/a.wav'; choose another '--out' "
                + "folder, or change '--filename'\n")
        // In a manifest, tracks are planned one by one.
        try folder.write("{\"path\":\"cross_first/a.wav\",\"id\":\"a\"}\n", "list.jsonl")
        let manifest = try folder.run(
            [
                "-n", "cross_first", "-o", ".", "--stems=drums", "--filename", "{track}.{ext}",
                "--manifest", "list.jsonl",
            ], exits: 1)
        #expect(manifest.errors.contains("it is the track itself"))
        #expect(try Data(contentsOf: folder.url("cross_first/a.wav")) == before)
    }

    @Test func namesThatOnlyLookAlikeAreTwoTracks() throws {
        // A precomposed letter, or a letter and a combining accent: two files on Linux, one on
        // Apple's systems.
        #if os(Linux)
            try make("caf\u{E9}.wav", "cafe\u{301}.wav")
            #expect(try plan("caf\u{E9}.wav", "cafe\u{301}.wav").outputLines.count == 2)
        #endif
    }

    @Test(arguments: [
        "two\nlines.wav", "\"double\" and 'single'.wav", "-dash.wav", "日本語 عربى русский.wav",
        "back\\slash.wav", "tab\t.wav", "percent%20s{track}.wav", "a.\u{301}b.wav", "🎶.wav",
        " .wav", "*?[x].wav", ".wav", "..wav", "...wav",
    ])
    func anyNameOfAFileIsTaken(name: String) throws {
        try folder.writeTrack(name)
        try folder.run("-qn", "cross_first", "--", name)
        // Hidden files keep their names.
        let stem = name.allSatisfy { ".wav".contains($0) } ? name : String(name.dropLast(4))
        #expect(folder.exists("separated/cross_first/\(stem)/drums.wav"))
    }

    @Test func theLongestNamesAreTaken() throws {
        // 255 bytes with the ending.
        let name = String(repeating: "é", count: 125) + "x"
        try folder.writeTrack(name + ".wav")
        let arguments = [name + ".wav", "-n", "cross_first", "--skip-existing"]
        try folder.run(arguments)
        #expect(folder.exists("separated/cross_first/\(name)/rest.wav"))
        #expect(try folder.run(arguments).errors.contains("Already done"))
        // With the stem's name, the file name is too long.
        let run = try folder.run(arguments + ["--filename={track}_{stem}.{ext}"], exits: 1)
        #expect(run.errors.contains("because of its length of 2"), "\(run.errors)")
    }

    @Test func templatesNameTheFiles() throws {
        try make("my.song.wav")
        for (template, path) in [
            ("{track}-{stem}.{ext}", "my.song-drums.wav"),
            ("{stem}/{track}.{trackext}.{ext}", "drums/my.song.wav.wav"),
            ("{track}_({Stem})_{model}.{ext}", "my.song_(Drums)_cross_first.wav"),
            ("{{{track}}}.{stem}.flac", "{my.song}.drums.flac"),
        ] {
            let run = try plan("my.song.wav", "--filename", template)
            #expect(run.outputLines == ["separated/cross_first/\(path)"], "\(run.errors)")
        }
    }

    @Test func standardInputIsATrack() throws {
        try folder.writeTrack("a.wav")
        let arguments = ["-n", "cross_first", "--shifts=0", "-q"]
        let piped = try CommandRun(arguments + ["-"], in: folder.url, input: "a.wav")
        #expect(
            piped.outputLines == [
                "separated/cross_first/stdin/drums.wav", "separated/cross_first/stdin/rest.wav",
            ])
        try folder.run(arguments + ["a.wav"])
        #expect(
            try folder.data("separated/cross_first/stdin/rest.wav")
                == folder.data("separated/cross_first/a/rest.wav"))
    }

    @Test func standardOutputTakesOneStem() throws {
        try folder.writeTrack("a.wav")
        let arguments = ["a.wav", "-qn", "cross_first", "--shifts=0"]
        try folder.run(arguments + ["--float32"])
        let file = try folder.data("separated/cross_first/a/rest.wav")
        #expect(try folder.run(arguments + ["--stdout=rest", "--float32"]).outputBytes == file)
        let raw = try folder.run(arguments + ["--stdout=rest", "--raw"])
        #expect(raw.outputBytes == file.suffix(1400 * 4))
        // Only the files of the first run exist.
        #expect(folder.paths.filter { $0.hasSuffix("wav") }.count == 3)
    }

    @Test func aWordThatNamesACommandIsAFileBehindDashesOrASlash() throws {
        try folder.writeTrack("models")
        for words in [["--", "models"], ["./models"]] {
            let run = try folder.run(["-qn", "cross_first", "--dry-run"] + words)
            #expect(run.outputLines.first == "separated/cross_first/models/drums.wav")
        }
        try folder.run("--", "models", "-n", exits: 1)
    }
}
