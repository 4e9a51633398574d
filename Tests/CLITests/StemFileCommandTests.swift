import Foundation
import TestSupport
import Testing

struct StemFileCommandTests {
    private let folder = TemporaryFolder()
    private static let ffmpeg = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]
        .map { "\($0)/ffmpeg" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    private static let hasFFmpeg = ffmpeg != nil

    init() throws { try folder.writeTrack("a.wav", samples: 4000, rateHz: 4000) }

    private func run(_ more: String..., exits code: Int32 = 0) throws -> CommandRun {
        try folder.run(
            ["a.wav", "-n", "base", "-o", "out", "--seed=1"] + more, exits: code)
    }

    /// A stream of a file as ffmpeg decodes it to 16 bits.
    private func samples(_ name: String, stream: Int) throws -> Data {
        let ffmpeg = try #require(Self.ffmpeg)
        let code = try Process.run([
            ffmpeg, "-v", "error", "-i", folder.path(name), "-map", "0:a:\(stream)", "-f", "s16le",
            "-y", folder.path("samples"),
        ])
        #expect(code == 0)
        return try folder.data("samples")
    }

    @Test(.enabled(if: hasFFmpeg), arguments: ["mp4", "mka"])
    func stemsOfTheFileAreTheOtherFilesStems(container: String) throws {
        let run = try run("--stem-file", container)
        let path = "out/base/a.stem.\(container)"
        #expect(run.outputLines.last.map(String.init) == path)
        for (index, stem) in ["drums", "bass", "other", "vocals"].enumerated() {
            let wav = try folder.data("out/base/a/\(stem).wav")
            let found = try samples(path, stream: index + 1)
            #expect(found.count == 4000 * 4)
            #expect(found == wav.suffix(4000 * 4))
        }
        let mix = try samples(path, stream: 0)
        #expect(mix.count == 4000 * 4)
        #expect(mix != Data(count: mix.count))
    }

    /// A cover whose bytes are no picture, in a FLAC file and in MP4.
    @Test(.enabled(if: hasFFmpeg)) func aDamagedCoverIsLeftOut() throws {
        let type = Array("image/jpeg".utf8)
        let cover = [UInt8](repeating: 0, count: 500)
        func number(_ value: Int) -> [UInt8] {
            [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
        }
        let block =
            number(3) + number(type.count) + type
            + [0, 64, 64, 24, 0].flatMap(number) + number(cover.count) + cover
        try folder.run("a.wav", "-n", "base", "-o", "flac", "--flac", "--stems=drums")
        let flac = try folder.data("flac/base/a/drums.flac")
        // After the marker and STREAMINFO, which is no longer the last block.
        var bytes = [UInt8](flac)
        let isLast = bytes[4] & 0x80
        bytes[4] &= 0x7F
        bytes.insert(contentsOf: [6 | isLast] + number(block.count).dropFirst() + block, at: 42)
        try folder.write(Data(bytes), "cover.flac")
        for container in ["mp4", "mka"] {
            try folder.run(
                "cover.flac", "-n", "base", "-o", container, "--stem-file", container,
                "--stems=none")
        }
    }

    @Test(.enabled(if: hasFFmpeg)) func theFileCanBeAllThatIsWritten() throws {
        #expect(
            try run("--stem-file=mp4", "--stems=none").outputLines == ["out/base/a.stem.mp4"])
        #expect(!folder.exists("out/base/a"))
        let refused = try run("--stems=none", exits: 2)
        #expect(refused.errors.contains("requires '--stem-file <mp4|mka>'"))
    }

    @Test(.enabled(if: hasFFmpeg)) func aFinishedFileIsSkipped() throws {
        _ = try run("--stem-file=mp4", "--stems=none")
        func again(_ more: String...) throws -> Bool {
            try folder.run(
                ["a.wav", "-n", "base", "-o", "out", "--skip-existing", "--dry-run"] + more
            ).errors.contains("Already done")
        }
        #expect(try again("--stem-file=mp4", "--stems=none"))
        #expect(try !again("--stem-file=mp4"))
        #expect(try !again("--stem-file=mp4", "--stems=none", "--stem-codec=aac"))
        #expect(try !again("--stem-file=mka", "--stems=none"))
        try FileManager.default.removeItem(at: folder.url("out/base/a.stem.mp4"))
        #expect(try !again("--stem-file=mp4", "--stems=none"))
    }

    @Test(.enabled(if: hasFFmpeg)) func folderOfTracksKeepsItsFolders() throws {
        try folder.writeTrack("music/one/b.wav", samples: 400, rateHz: 4000)
        try folder.writeTrack("music/two/b.wav", samples: 400, rateHz: 4000)
        let run = try folder.run(
            "music", "-n", "base", "-o", "out", "--stem-file=mka", "--stems=none", "--json")
        let outputs = try run.events("track").compactMap { $0["outputs"] as? [[String: Any]] }
        #expect(
            outputs.map { $0.map { $0["path"] as? String } } == [
                ["out/base/one/b.stem.mka"], ["out/base/two/b.stem.mka"],
            ])
        for output in outputs.flatMap({ $0 }) {
            let path = try #require(output["path"] as? String)
            #expect(output["stem"] as? String == "stem.mka")
            #expect(output["bytes"] as? Int == (try folder.data(path)).count)
            #expect((output["sha256"] as? String)?.count == 64)
        }
    }

    @Test(.enabled(if: hasFFmpeg)) func manifestsGetOneForEachTrack() throws {
        try folder.write(
            "{\"id\": \"x.1\", \"path\": \"a.wav\", \"duration\": 0.5}\n", "list.jsonl")
        try folder.run(
            "--manifest", "list.jsonl", "-n", "base", "-o", "out", "--stem-file=mp4", "--json")
        #expect(folder.exists("out/base/x.1.stem.mp4"))
        #expect(folder.exists("out/base/x.1/vocals.wav"))
        #expect(try samples("out/base/x.1.stem.mp4", stream: 4).count == 2000 * 4)
    }

    @Test(.enabled(if: hasFFmpeg)) func mixesJoinTheStemsOfLargerModels() throws {
        let model = ["a.wav", "-n", "six_sources", "-o", "out", "--stem-file=mp4", "--seed=1"]
        let error = try folder.run(model, exits: 2).errors
        #expect(error.contains("'--mix rest=other+guitar+piano'"))
        for mixes in [
            ["--mix=a=drums+bass"], ["--mix=a=drums+bass", "--mix=b=bass+guitar+piano"],
            ["--mix=a=drums+bass+other+vocals"],
        ] {
            #expect(try folder.run(model + mixes, exits: 2).errors.contains("until 4 are left"))
        }
        try folder.run(model + ["--mix=rest=other+guitar+piano"])
        for (index, stem) in ["drums", "bass", "rest", "vocals"].enumerated() {
            let found = try samples("out/six_sources/a.stem.mp4", stream: index + 1)
            #expect(try found == folder.data("out/six_sources/a/\(stem).wav").suffix(found.count))
        }
    }

    @Test func modelsOfTwoStemsAreRefused() throws {
        let run = try folder.run(
            "a.wav", "-n", "cross_first", "--stem-file=mp4", "--dry-run", exits: 2)
        #expect(run.errors.contains("at least 4 stems; this one has 2: drums, rest"))
    }

    @Test func aMissingFFmpegIsRefused() throws {
        let run = try CommandRun(
            ["a.wav", "-n", "base", "--stem-file=mp4"], in: folder.url,
            environment: ["PATH": folder.url.path], exits: 2)
        #expect(run.errors.contains("needs ffmpeg"))
        #expect(!folder.exists("separated"))
    }

    @Test func optionsThatDoNotFitAreRefused() throws {
        for (options, word) in [
            (["--stem-codec=aac"], "requires '--stem-file"),
            (["--stem-file=mp4", "--stem-codec=flac"], "alac or aac"),
            (["--stem-file=mka", "--stem-codec=aac"], "flac or alac"),
            (["--stem-file=wav"], "mp4"),
            (["--stem-file=mp4", "--stdout=drums"], "'--stdout'"),
        ] {
            let run = try folder.run(["a.wav", "-n", "base"] + options, exits: 2)
            #expect(run.errors.contains(word), "\(options)")
        }
    }
}
