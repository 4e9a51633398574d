import Audio
import Demucs
import Foundation
import System
import TestSupport
import Testing

/// Separations of files that fail: no unfinished file keeps a final name.
struct FileFailureTests {
    let folder = TemporaryFolder()
    let input: AudioInput
    let separator: Separator

    init() throws {
        separator = try NoiseTrack.model()
        let path = folder.path("track.wav")
        try AudioFile.write(
            NoiseTrack.buffer(samples: 4000), to: path, format: .wav(.float32), clip: .none)
        input = try AudioInput(path: path)
    }

    private func outputs(in name: String? = nil) throws -> [StemOutput] {
        let path = folder.path(name ?? "")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return NoiseTrack.outputs { "\(path)/\($0).wav" }
    }

    static let modes: [ClipMode] = [.rescale, .clamp]

    /// Separates a track with a disturbance after the first segment.
    private func separate(
        mode: ClipMode, into outputs: [StemOutput]? = nil, disturb: () throws -> Void
    ) throws {
        _ = try separator.separate(
            input, into: outputs ?? self.outputs(), output: .init(clipMode: mode)
        ) { if $0.segmentsDone == 1 { try? disturb() } }
    }

    /// A byte more, or a part of the file.
    @Test(arguments: modes, [1, -8000])
    func anInputThatChangesIsAnError(mode: ClipMode, bytes: Int) throws {
        let size = off_t(FilePath.countBytes(input.name))
        #expect(throws: AudioError.changed(path: input.name)) {
            try separate(mode: mode) { truncate(input.name, size + off_t(bytes)) }
        }
        #expect(try folder.contents == ["track.wav"])
    }

    @Test(arguments: modes)
    func aFolderThatGoesAwayIsAnError(mode: ClipMode) throws {
        #expect(throws: AudioError.self) {
            try separate(mode: mode, into: outputs(in: "out")) {
                try FileManager.default.removeItem(atPath: folder.path("out"))
            }
        }
        #expect(try folder.contents == ["track.wav"])
    }

    @Test(arguments: modes)
    func cancellationLeavesNothing(mode: ClipMode) throws {
        let cancellation = CancellationToken()
        let separator = try NoiseTrack.model(threads: 2, segmentsInParallel: 2)
        #expect(throws: CancellationError.self) {
            try separator.separate(
                input, into: outputs(), output: .init(clipMode: mode), cancellation: cancellation
            ) { if $0.segmentsDone == 2 { cancellation.cancel() } }
        }
        #expect(try folder.contents == ["track.wav"])
    }

    @Test func unwritableFoldersAreRefusedBeforeTheWork() throws {
        var steps = 0
        let nowhere = StemOutput(
            name: "drums", signal: .stem("drums"), to: .file(folder.path("nowhere/drums.wav")))
        for mode in FileFailureTests.modes {
            #expect(throws: SeparationError.self) {
                try separator.separate(input, into: [nowhere], output: .init(clipMode: mode)) { _ in
                    steps += 1
                }
            }
            #expect(throws: (any Error).self) {
                try separator.separate(
                    input, into: outputs(), output: .init(spoolFolder: input.name)
                ) { _ in steps += 1 }
            }
        }
        #expect(steps == 0)
        #expect(try folder.contents == ["track.wav"])
    }

    private static let paths = [
        (["track.wav"], "it is the track itself"),
        (["a/..//./track.wav"], "it is the track itself"),
        (["hard.wav"], "it is the track itself"),
        (["link.wav"], "it is the track itself"),
        (["x.wav", "a/../x.wav"], "the file of another output"),
        (["a/x.wav", "link/.//x.wav"], "the file of another output"),
        (["x\0.wav"], "a zero byte"), (["x\0/y.wav"], "a zero byte"),
        (["x.MP3"], "its name ends in .mp3, and the format is WAV"),
    ]

    @Test(arguments: paths)
    func anOutputReplacesNeitherTheTrackNorAnother(paths: [String], reason: String) throws {
        let files = FileManager.default
        let base = folder.url.path
        try files.createDirectory(atPath: "\(base)/a", withIntermediateDirectories: true)
        try files.createSymbolicLink(atPath: "\(base)/link", withDestinationPath: "a")
        try files.createSymbolicLink(atPath: "\(base)/link.wav", withDestinationPath: "track.wav")
        try files.linkItem(atPath: input.name, toPath: "\(base)/hard.wav")
        let before = try folder.contents
        var steps = 0
        let outputs = paths.enumerated().map {
            StemOutput(name: "\($0)", signal: .stem("drums"), to: .file("\(base)/\($1)"))
        }
        let error = #expect(throws: AudioError.self) {
            try separator.separate(input, into: outputs) { _ in steps += 1 }
        }
        #expect(error?.description.contains(reason) == true, "\(error as Any)")
        #expect(steps == 0)
        #expect(try folder.contents == before)
    }

    @Test func twoOutputsOfOneNameAreRefused() throws {
        let outputs = ["a", "b"].map {
            StemOutput(name: "drums", signal: .stem("drums"), to: .file(folder.path("\($0).wav")))
        }
        #expect(
            throws: SeparationError.invalidOption(
                name: "name", value: "drums", allowed: "another name for each output")
        ) { try separator.separate(input, into: outputs) }
        #expect(try folder.contents == ["track.wav"])
    }

    @Test func aDiskThatIsTooSmallIsRefusedBeforeTheWork() throws {
        var space = DiskSpace()
        try space.add(1000, in: folder.url.path)
        try space.check()
        // Both folders are on one disk.
        try space.add(Int.max / 2, in: folder.url.path)
        let error = try #require(throws: SeparationError.self) { try space.check() }
        guard case .notEnoughSpace(_, let needed, let free) = error else {
            throw UnexpectedError(error)
        }
        #expect(needed == 1000 + Int.max / 2)
        #expect(free < needed)
    }

    /// Writes to a device that is always full.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full")), arguments: modes)
    func anOutputWithoutRoomIsAnError(mode: ClipMode) throws {
        let full = try FileHandle(forWritingTo: URL(fileURLWithPath: "/dev/full"))
        let stem = StemOutput(
            name: "drums", signal: .stem("drums"), to: .descriptor(full.fileDescriptor))
        let error = try #require(throws: AudioError.self) {
            try separator.separate(
                input, into: [try outputs()[1], stem],
                output: .init(clipMode: mode, spoolFolder: folder.url.path))
        }
        guard case .writeFailed = error else { throw UnexpectedError(error) }
        #expect(try folder.contents.filter { $0.hasSuffix(".part") } == [])
    }

    @Test func stemsThatAreNotThereAreNamed() throws {
        let piano = StemOutput(name: "p", signal: .sum(["rest", "piano"]), to: .descriptor(1))
        #expect(
            throws: SeparationError.invalidOption(
                name: "stems", value: "piano", allowed: "one of drums, rest")
        ) { try separator.separate(input, into: [piano]) }
        #expect(throws: SeparationError.self) { try separator.separate(input, into: []) }
        let nothing = StemOutput(name: "n", signal: .sum([]), to: .descriptor(1))
        #expect(throws: SeparationError.self) { try separator.separate(input, into: [nothing]) }
    }
}
