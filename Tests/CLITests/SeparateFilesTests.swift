import Foundation
import TestSupport
import Testing

/// Which files are taken, and where their stems go. Dry runs tell without separating.
struct SeparateFilesTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func plan(_ arguments: String...) throws -> CommandRun {
        try CommandRun(
            arguments + ["-n", "cross_first", "--stems=drums", "--dry-run"], in: folder.url)
    }

    private func make(_ names: String...) throws {
        for name in names {
            let url = folder.url.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data("x".utf8).write(to: url)
        }
    }

    @Test func foldersAreSearchedAndKeepTheirFolders() throws {
        try make(
            "music/b.mp3", "music/a.WAV", "music/notes.txt", "music/.hidden.wav", "music/film.mkv",
            "music/disc 2/live/c.flac", "music/disc 1/d.m4a", "music/.git/e.wav")
        let run = try plan("music/")
        #expect(run.exitCode == 0)
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
            atPath: folder.url.appendingPathComponent("music/again").path,
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
        // A file of that name comes first.
        #expect(try plan("[c].wav").outputLines == ["separated/cross_first/[c]/drums.wav"])
    }

    @Test func whatNamesNothingFailsAndTheRestIsDone() throws {
        try make("a.wav")
        try FileManager.default.createDirectory(
            at: folder.url.appendingPathComponent("empty"), withIntermediateDirectories: false)
        let run = try plan("*.mp3", "empty", "a.wav")
        #expect(run.exitCode == 1)
        #expect(run.outputLines == ["separated/cross_first/a/drums.wav"])
        #expect(
            Array(run.errorLines.prefix(2)) == [
                "error: *.mp3: there is no such file, and none matches it",
                "error: empty: holds no sound files; name files of other endings themselves",
            ])
    }

    @Test func aFileThatIsNamedTwiceIsOneTrack() throws {
        try make("a.wav", "music/b.wav")
        #expect(try plan("a.wav", "./a.wav", "music", "music/b.wav").outputLines.count == 2)
    }

    @Test func twoTracksWithOneOutputAreFoundBefore() throws {
        try make("one/a.wav", "two/a.wav")
        let run = try plan("one", "two")
        #expect(run.exitCode == 2)
        #expect(
            run.errors == "error: 'one/a.wav' and 'two/a.wav' would both be written to "
                + "'separated/cross_first/a/drums.wav'; separate them in two calls with different "
                + "'--out' folders, or tell them apart with '--filename'\n")
    }

    @Test func namesThatOnlyLookAlikeAreTwo() throws {
        // One letter, or a letter and an accent: two files to Linux, one to Apple's systems.
        #if os(Linux)
            try make("caf\u{E9}.wav", "cafe\u{301}.wav")
            #expect(try plan("caf\u{E9}.wav", "cafe\u{301}.wav").outputLines.count == 2)
        #endif
    }

    @Test(arguments: [
        "two\nlines.wav", "\"double\" and 'single'.wav", "-dash.wav", "日本語 عربى русский.wav",
        "back\\slash.wav", "tab\t.wav", "percent%20s{track}.wav", "a.\u{301}b.wav", "🎶.wav",
        " .wav", "*?[x].wav",
    ])
    func anyNameOfAFileIsTaken(name: String) throws {
        try folder.writeTrack(name)
        let run = try CommandRun(["-qn", "cross_first", "--", name], in: folder.url)
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(folder.exists("separated/cross_first/\(name.dropLast(4))/drums.wav"))
    }

    @Test func theLongestNamesAreTaken() throws {
        // 255 bytes with the ending.
        let name = String(repeating: "é", count: 125) + "x"
        try folder.writeTrack(name + ".wav")
        let arguments = [name + ".wav", "-n", "cross_first", "--skip-existing"]
        #expect(try CommandRun(arguments, in: folder.url).exitCode == 0)
        #expect(folder.exists("separated/cross_first/\(name)/rest.wav"))
        #expect(try CommandRun(arguments, in: folder.url).errors.contains("Done already"))
        // With the stem in the same name there is no room.
        let run = try CommandRun(
            arguments + ["--filename={track}_{stem}.{ext}"], in: folder.url)
        #expect(run.exitCode == 1)
        #expect(run.errors.contains("File name too long"), "\(run.errors)")
    }

    @Test func templatesNameTheFiles() throws {
        try make("my.song.wav")
        for (template, path) in [
            ("{track}-{stem}.{ext}", "my.song-drums.wav"),
            ("{stem}/{track}.{trackext}.{ext}", "drums/my.song.wav.wav"),
            ("{{{track}}}.{stem}.flac", "{my.song}.drums.flac"),
        ] {
            let run = try plan("my.song.wav", "--filename", template)
            #expect(run.outputLines == ["separated/cross_first/\(path)"], "\(run.errors)")
        }
    }

    @Test func aModelIsAFolder() throws {
        try folder.writeTrack("a.wav")
        let models = Fixture.url("models").path
        for (model, name) in [
            ("\(models)/cross_first.safetensors", "cross_first"), ("cross_first", "cross_first"),
        ] {
            let run = try CommandRun(["a.wav", "-n", model, "--dry-run"], in: folder.url)
            #expect(run.outputLines.first == "separated/\(name)/a/drums.wav")
        }
    }

    @Test func standardInputIsATrack() throws {
        try folder.writeTrack("a.wav")
        let arguments = ["-n", "cross_first", "--shifts=0", "-q"]
        let piped = try CommandRun(arguments + ["-"], in: folder.url, input: "a.wav")
        #expect(piped.exitCode == 0, "\(piped.errors)")
        #expect(
            piped.outputLines == [
                "separated/cross_first/stdin/drums.wav", "separated/cross_first/stdin/rest.wav",
            ])
        #expect(try CommandRun(arguments + ["a.wav"], in: folder.url).exitCode == 0)
        let stems = folder.url.appendingPathComponent("separated/cross_first")
        #expect(
            try Data(contentsOf: stems.appendingPathComponent("stdin/rest.wav"))
                == Data(contentsOf: stems.appendingPathComponent("a/rest.wav")))
    }

    @Test func standardOutputTakesOneStem() throws {
        try folder.writeTrack("a.wav")
        let arguments = ["a.wav", "-qn", "cross_first", "--shifts=0"]
        #expect(try CommandRun(arguments + ["--float32"], in: folder.url).exitCode == 0)
        let file = try Data(
            contentsOf: folder.url.appendingPathComponent("separated/cross_first/a/rest.wav"))
        let output = folder.url.appendingPathComponent("stdout.txt")
        let wave = try CommandRun(arguments + ["--stdout=rest", "--float32"], in: folder.url)
        #expect(wave.exitCode == 0, "\(wave.errors)")
        #expect(try Data(contentsOf: output) == file)
        #expect(
            try CommandRun(arguments + ["--stdout=rest", "--raw"], in: folder.url).exitCode == 0)
        #expect(try Data(contentsOf: output) == file.suffix(1400 * 4))
        // No other file than those of the first call.
        #expect(folder.contents.filter { $0.hasSuffix("wav") }.count == 3)
    }

    @Test func aWordThatNamesACommandIsAFileBehindDashesOrASlash() throws {
        try folder.writeTrack("models")
        for words in [["--", "models"], ["./models"]] {
            let run = try CommandRun(["-qn", "cross_first", "--dry-run"] + words, in: folder.url)
            #expect(run.outputLines.first == "separated/cross_first/models/drums.wav")
        }
        let run = try CommandRun(["--", "models", "-n"], in: folder.url)
        #expect(run.exitCode != 0)
    }
}
