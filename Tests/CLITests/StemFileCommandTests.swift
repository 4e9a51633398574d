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

    private func convert(_ words: String) throws {
        let ffmpeg = try #require(Self.ffmpeg)
        let shell = "cd '\(folder.url.path)' && '\(ffmpeg)' -v error -y \(words)"
        try #require(try Process.run(["sh", "-c", shell]) == 0)
    }

    /// The five streams of a stem file, then the stems' own files, as ffmpeg decodes them.
    private func samples(_ file: String, _ stems: [String] = []) throws -> [[Float]] {
        let inputs = ([file] + stems).map { "-i '\($0)'" }
        let streams = (0..<5).map { "0:a:\($0)" } + stems.indices.map { "\($0 + 1):a" }
        let outputs = streams.enumerated().map { "-map \($1) -f f32le \($0).raw" }
        try convert((inputs + outputs).joined(separator: " "))
        return try streams.indices.map { index in
            try folder.data("\(index).raw").withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        }
    }

    /// Tracks and options, and the least SNR of the streams in dB against the stems' own files.
    private static let cases: [(track: String, options: [String], leastDecibels: Double)] = [
        ("song.flac", [], .infinity), ("song.m4a", ["--stem-codec=alac", "--int24"], .infinity),
        ("song.ogg", ["--output-rate=input"], .infinity),
        ("song.flac", ["--gain=stem", "--clip-mode=rescale"], .infinity),
        ("song.flac", ["--stem-codec=aac", "--output-rate=input"], 15),
    ]

    /// Rules of Mixxx (soundsourcestem.cpp): five stereo streams of one codec, rate and length, the mix
    /// first. Rule of Native Instruments: the mix alone is enabled.
    @Test(.enabled(if: hasFFmpeg))
    func stemsOfTheFileAreTheOtherFilesStems() throws {
        let tags = "-metadata title='Söng: 1' -metadata artist=Someone"
        let cover = "-i cover.png -map 0:a -map 1:v -disposition:v attached_pic"
        try convert("-f lavfi -i testsrc=size=64x64:duration=1 -frames:v 1 cover.png")
        try convert("-i a.wav \(cover) -ar 48000 \(tags) song.flac")
        try convert("-i a.wav \(cover) -ar 48000 -c:a aac -c:v png \(tags) -f ipod song.m4a")
        try convert("-i a.wav -c:a libvorbis -ar 48000 -ac 1 \(tags) song.ogg")
        for (track, options, leastDecibels) in Self.cases {
            let arguments = [track, "-n", "base", "-o", "out", "--stem-file", "mp4"] + options
            let path = "out/base/song.stem.mp4"
            #expect(try folder.run(arguments).outputLines.last.map(String.init) == path)
            let listing = try CommandRun(
                ["-v", "error", "-show_streams", "-show_format", "-of", "json", path],
                in: folder.url,
                executable: URL(fileURLWithPath: try #require(Self.ffmpeg))
                    .deletingLastPathComponent().appendingPathComponent("ffprobe")
            ).json()
            let streams = try #require(listing["streams"] as? [[String: Any]])
            let sound = streams.prefix { $0["codec_type"] as? String == "audio" }
            #expect(sound.count == 5 && sound.allSatisfy { $0["channels"] as? Int == 2 })
            for key in ["codec_name", "sample_rate", "duration_ts"] {
                #expect(Set(sound.map { "\($0[key] ?? "none")" }).count == 1, "\(key)")
            }
            func count(_ flag: String) -> [Int?] {
                streams.map { ($0["disposition"] as? [String: Int])?[flag] }
            }
            #expect(count("default").prefix(5) == [1, 0, 0, 0, 0], "\(arguments)")
            let file = try folder.data(path)
            // A version and flags, whose last bit enables the track.
            let enabled = file.ranges(of: Data("tkhd".utf8)).map { file[$0.upperBound + 3] & 1 }
            #expect(enabled == [1, 0, 0, 0, 0], "\(arguments)")
            #expect(count("attached_pic").filter { $0 == 1 }.count == (track == "song.ogg" ? 0 : 1))
            let written = (listing["format"] as? [String: Any])?["tags"] as? [String: String] ?? [:]
            for (key, value) in [("title", "Söng: 1"), ("artist", "Someone")] {
                #expect(written[key] == value, "\(written)")
            }
            let stems = ["drums", "bass", "other", "vocals"].map { "out/base/song/\($0).wav" }
            let found = try samples(path, stems)
            #expect(found[0].contains { $0 != 0 })
            for (decoded, expected) in zip(found[1...4], found[5...]) {
                #expect(decoded.count == found[0].count)
                // Decoders don't cut the last AAC frame.
                let most = leastDecibels == .infinity ? 0 : 2047
                #expect((0...most).contains(decoded.count - expected.count))
                let comparison = Comparison(
                    actual: Array(decoded.prefix(expected.count)), expected: expected)
                #expect(comparison.snrDecibels >= leastDecibels, "\(arguments): \(comparison)")
            }
        }
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
        try folder.run("cover.flac", "-n", "base", "--stem-file=mp4", "--stems=none")
    }

    @Test(.enabled(if: hasFFmpeg)) func theFileCanBeAllThatIsWritten() throws {
        #expect(
            try run("--stem-file=mp4", "--stems=none").outputLines == ["out/base/a.stem.mp4"])
        let piped = try CommandRun(
            ["-", "-n", "base", "-o", "out", "--stem-file=mp4", "--stems=none"], in: folder.url,
            input: "a.wav")
        #expect(piped.outputLines == ["out/base/stdin.stem.mp4"])
        #expect(!folder.exists("out/base/a") && !folder.exists("out/base/stdin"))
        let refused = try run("--stems=none", exits: 2)
        #expect(refused.errors.contains("requires '--stem-file <mp4>'"))
    }

    @Test(.enabled(if: hasFFmpeg)) func aFinishedFileIsSkipped() throws {
        _ = try run("--stem-file=mp4", "--stems=none", "--skip-existing")
        func again(_ more: String...) throws -> Bool {
            try folder.run(
                ["a.wav", "-n", "base", "-o", "out", "--skip-existing", "--dry-run"] + more
            ).errors.contains("Already done")
        }
        #expect(try again("--stem-file=mp4", "--stems=none"))
        #expect(try !again("--stem-file=mp4"))
        #expect(try !again("--stem-file=mp4", "--stems=none", "--stem-codec=aac"))
        try FileManager.default.removeItem(at: folder.url("out/base/a.stem.mp4"))
        #expect(try !again("--stem-file=mp4", "--stems=none"))
    }

    @Test(.enabled(if: hasFFmpeg)) func folderOfTracksKeepsItsFolders() throws {
        try folder.writeTrack("music/one/b.wav", samples: 400, rateHz: 4000)
        try folder.writeTrack("music/two/b.wav", samples: 400, rateHz: 4000)
        let run = try folder.run(
            "music", "-n", "base", "-o", "out", "--stem-file=mp4", "--stems=none", "--json")
        let outputs = try run.events("track").compactMap { $0["outputs"] as? [[String: Any]] }
        #expect(
            outputs.map { $0.map { $0["path"] as? String } } == [
                ["out/base/one/b.stem.mp4"], ["out/base/two/b.stem.mp4"],
            ])
        for output in outputs.flatMap({ $0 }) {
            let path = try #require(output["path"] as? String)
            #expect(output["stem"] as? String == "stem.mp4")
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
        #expect(try samples("out/base/x.1.stem.mp4")[4].count == 2000 * 2)
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
        let stems = ["drums", "bass", "rest", "vocals"].map { "out/six_sources/a/\($0).wav" }
        let found = try samples("out/six_sources/a.stem.mp4", stems)
        #expect(found[1...4].elementsEqual(found[5...]))
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
        #expect(run.errors.contains("stem files need ffmpeg"))
        #expect(!folder.exists("separated"))
    }

    @Test func optionsThatDoNotFitAreRefused() throws {
        for (options, word) in [
            (["--stem-codec=aac"], "requires '--stem-file"),
            (["--stem-file=mp4", "--stem-codec=flac"], "alac, aac"),
            (["--stem-file=wav"], "mp4"),
            (["--stem-file=mp4", "--stdout=drums"], "'--stdout'"),
        ] {
            let run = try folder.run(["a.wav", "-n", "base"] + options, exits: 2)
            #expect(run.errors.contains(word), "\(options)")
        }
    }
}
