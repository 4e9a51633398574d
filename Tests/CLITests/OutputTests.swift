import Foundation
import System
import TestSupport
import Testing

/// Where results go: files that are no regular files, and a full standard output.
struct OutputTests {
    private let folder = TemporaryFolder()

    private static let model = Fixture.url("models/cross_first.safetensors").path

    /// The arguments of commands that write one file, before its name.
    private static let commands: [[String]] = [
        ["convert", model, "-o"],
        ["quantize", model, "-o"],
        ["trace", "-n", model, "track.wav", "-o"],
    ]

    @Test(arguments: commands) func aLinkIsFollowedAndADeviceStays(_ command: [String]) throws {
        try folder.writeTrack("track.wav")
        try folder.write("old", "there/target")
        symlink("there/target", folder.path("link"))
        try folder.run(command + ["link"])
        #expect(FilePath.countBytes(folder.path("there/target")) > 1_000)
        let own = folder.path("null")
        let device = mknod(own, S_IFCHR | 0o666, 0x103) == 0 ? own : "/dev/null"
        try folder.run(command + [device])
        #expect(FilePath.status(device).map { $0.st_mode & S_IFMT } == S_IFCHR)
        let refused = try folder.run(command + ["there"], exits: command[0] == "trace" ? 1 : 3)
        #expect(refused.errors.contains("there"))
        #expect(folder.files.filter { $0.hasSuffix(".part") } == [])
    }

    @Test func stemsGoThroughPipesAndLinks() throws {
        try folder.writeTrack("track.wav")
        let stems = "out/cross_first/track"
        try folder.makeFolder(stems)
        try folder.write("old", "target.wav")
        symlink("../../../target.wav", folder.path("\(stems)/drums.wav"))
        #expect(mkfifo(folder.path("\(stems)/rest.wav"), 0o600) == 0)
        // `cat` reads the pipe while the command writes it.
        _ = try folder.shell(
            "timeout 30 cat \(stems)/rest.wav > read.wav & \"$0\" -n \(Self.model) -o out track.wav && wait"
        )
        for name in ["read.wav", "target.wav"] {
            #expect(try folder.data(name).count == WAVFile.stemHeaderBytes + 2 * 2 * 700, "\(name)")
        }
        let pipe = FilePath.status(folder.path("\(stems)/rest.wav"))
        #expect(pipe.map { $0.st_mode & S_IFMT } == S_IFIFO)
    }

    @Test func aSmallStackIsNamed() throws {
        let run = try folder.shell("ulimit -s 1023; \"$0\" --version", exits: 2)
        #expect(run.errors.contains("The stack is limited to 1023 kB"))
        try folder.shell("ulimit -s 1024; \"$0\" --version")
    }

    @Test func theDecoderOfMP3AddsNoLinesOfItsOwn() throws {
        var bytes = try Data(contentsOf: Fixture.url("audio/recordings/untagged.mp3"))
        var random = SplitMix64(seed: 1)
        for place in stride(from: 600, to: bytes.count, by: 7) {
            bytes[place] = UInt8(random.next() & 255)
        }
        try folder.write(bytes, "damaged.mp3")
        let words = ["-n", Self.model, "damaged.mp3"]
        // What is dropped is shown on request.
        #expect(try folder.run(words + ["--verbose"]).errors.contains("libmpg123"))
        let run = try folder.run(words)
        #expect(!run.errors.contains("libmpg123"))
    }

    @Test(
        .enabled(if: FilePath.status("/dev/full") != nil),
        arguments: [
            "--json -n \(model) track.wav", "analyze --json -n \(model) track.wav",
            "inspect \(model)",
            "--help", "--version",
        ])
    func resultsThatCannotBeWrittenAreAnError(_ words: String) throws {
        try folder.writeTrack("track.wav")
        let run = try folder.shell("\"$0\" \(words) > /dev/full", exits: 1)
        #expect(
            run.errors.contains("error: The results can't be written to standard output: No space"))
        // The reader of a pipe may have seen enough.
        let quiet = try folder.shell("{ \"$0\" \(words); echo $? >&2; } | true")
        #expect(!quiet.errors.contains("standard output"))
    }
}
