import Audio
import DemucsEngine
import Foundation
import TestSupport
import Testing

/// Lengths that headers state wrongly, files of several parts, and damage in the middle.
struct LengthTests {
    private let folder = TemporaryFolder()
    private static let ffmpeg = FFmpeg.onPath

    private func read(
        _ data: Data, _ name: String = "song", ffmpeg: FFmpeg? = nil
    ) throws -> (audio: PlanarAudio, warnings: [String]) {
        let path = try folder.write(data, name)
        let input = try AudioInput(path: path, ffmpeg: ffmpeg)
        let decoded = try AudioFile.read(input)
        // Each pass over a track gives the same samples.
        #expect(try AudioFile.read(input) == decoded)
        return (decoded.buffer, decoded.warnings.map(\.description))
    }

    // MARK: - Samples without compression

    /// 16-bit stereo samples in each container, and the place of the size of the samples.
    private enum Container: String, CaseIterable {
        case wav, rifx, aiff, au, littleAU, caf, w64

        func file(_ samples: [Int16], size: UInt64) -> Data {
            func number(_ value: UInt64, _ count: Int, big: Bool) -> Data {
                let bytes = (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
                return Data(big ? bytes.reversed() : bytes)
            }
            let isBig = ![.wav, .littleAU, .w64].contains(self)
            func words(_ values: UInt64...) -> Data {
                values.reduce(Data()) { $0 + number($1, 4, big: isBig) }
            }
            let sound = samples.map { isBig ? $0.bigEndian : $0 }.withUnsafeBytes { Data($0) }
            let format = [(1, 2), (2, 2), (44_100, 4), (176_400, 4), (4, 2), (16, 2)].reduce(Data())
            {
                $0 + number($1.0, $1.1, big: isBig)
            }
            func text(_ text: String) -> Data { Data(text.utf8) }
            switch self {
            case .wav, .rifx:
                return text(self == .wav ? "RIFF" : "RIFX") + words(0) + text("WAVEfmt ")
                    + words(16) + format + text("data") + words(size) + sound
            case .aiff:
                let rate = Data([0x40, 0x0E, 0xAC, 0x44, 0, 0, 0, 0, 0, 0])
                return text("FORM") + words(0) + text("AIFFCOMM") + words(18)
                    + Data([0, 2]) + words(0) + Data([0, 16]) + rate + text("SSND")
                    + words(size == 0xFFFF_FFFF ? size : size + 8, 0, 0) + sound
            case .au, .littleAU:
                return text(self == .au ? ".snd" : "dns.") + words(24, size, 3, 44_100, 2) + sound
            case .caf:
                let rate = number(44_100.0.bitPattern, 8, big: true)
                return text("caff") + Data([0, 1, 0, 0]) + text("desc") + number(32, 8, big: true)
                    + rate + text("lpcm") + words(0, 4, 1, 2, 16) + text("data")
                    + number(size == 0xFFFF_FFFF ? .max : size + 4, 8, big: true) + words(0) + sound
            case .w64:
                let rest: [UInt8] = [
                    0xF3, 0xAC, 0xD3, 0x11, 0x8C, 0xD1, 0, 0xC0, 0x4F, 0x8E, 0xDB, 0x8A,
                ]
                let first: [UInt8] = [
                    0x2E, 0x91, 0xCF, 0x11, 0xA5, 0xD6, 0x28, 0xDB, 4, 0xC1, 0, 0,
                ]
                return text("riff") + Data(first) + number(0, 8, big: false) + text("wave")
                    + Data(rest) + text("fmt ") + Data(rest) + number(40, 8, big: false) + format
                    + text("data") + Data(rest)
                    + number(size == 0xFFFF_FFFF ? UInt64(Int64.max) : size + 24, 8, big: false)
                    + sound
            }
        }
    }

    private static let samples = (0..<20_000).map { Int16(truncatingIfNeeded: $0 &* 7_919 | 1) }

    /// Announced bytes of 40,000, and the warning that belongs to them.
    @Test(arguments: [
        (40_000, nil), (0xFFFF_FFFF, nil), (0, "announces 0.000 s, but has 0.227 s"),
        (20_000, "announces 0.113 s"), (20_002, "announces 0.113 s"),
        (80_000, "of the announced 0.454 s"), (39_996, nil),
    ])
    func samplesEndWithTheFileWhateverSizeIsAnnounced(_ size: UInt64, _ warning: String?) throws {
        for container in Container.allCases {
            let (audio, warnings) = try read(container.file(Self.samples, size: size))
            let isShort = size == 39_996
            // Eight bytes or fewer after the samples may be anything.
            #expect(audio.sampleCount == 10_000 - (isShort ? 1 : 0), "\(container)")
            for index in [0, 1, audio.sampleCount - 1] {
                #expect(audio.channels[0][index] == Float(Self.samples[2 * index]) / 32_768)
                #expect(audio.channels[1][index] == Float(Self.samples[2 * index + 1]) / 32_768)
            }
            #expect(warnings.count == (warning == nil ? 0 : 1), "\(container) \(warnings)")
            if let warning { #expect(warnings.first?.contains(warning) == true, "\(warnings)") }
        }
    }

    @Test(arguments: [
        "LIST\u{06}\0\0\0INFOab", "id3 \u{04}\0\0\0ID3\u{04}",
        "abcd\u{02}\0\0\0xyTAG" + String(repeating: " ", count: 125),
        String(repeating: "\0", count: 1_000),
    ])
    func tagsAndPaddingAfterTheSamplesAreNoSound(_ tail: String) throws {
        let (audio, warnings) = try read(
            Container.wav.file(Self.samples, size: 40_000) + Data(tail.utf8))
        #expect(audio.sampleCount == 10_000)
        #expect(warnings == [])
    }

    @Test func anotherFileAfterTheSamplesIsSaid() throws {
        let file = Container.wav.file(Self.samples, size: 40_000)
        for other in try [file, Recording.taggedMP3.data, Recording.flac.data, Recording.opus.data]
        {
            let (audio, warnings) = try read(file + other)
            #expect(audio.sampleCount == 10_000)
            #expect(warnings.first?.contains("\(other.count) bytes after the sound") == true)
        }
    }

    @Test(arguments: [0xFFFF_FFFF, 0x7FFF_FFFF, 0, 20_000, 80_000])
    func tagsBehindAnUnknownSizeAreNoSound(_ size: UInt64) throws {
        let tag = Data("LIST\u{18}\0\0\0INFOINAM\u{0C}\0\0\0A long title".utf8)
        let file = Container.wav.file(Self.samples, size: size) + tag
        #expect(try read(file).audio.sampleCount == 10_000)
    }

    /// A file that would take hours to read has a hole of zeros before the excerpt.
    @Test func anExcerptOfALongFileIsReadWithoutWhatLiesBefore() throws {
        let path = try folder.write(Container.wav.file([], size: 0xFFFF_FFFF), "long.wav")
        let handle = try #require(FileHandle(forWritingAtPath: path))
        let bytes = UInt64(10 * 3_600 * 44_100 * 4)
        try handle.seek(toOffset: 44 + bytes)
        try handle.write(contentsOf: Container.wav.file(Self.samples, size: 0).dropFirst(44))
        try handle.close()
        let reader = try AudioInput(path: path).reader()
        #expect(try reader.skip(10 * 3_600 * 44_100 + 5) == 10 * 3_600 * 44_100 + 5)
        let block = try #require(try reader.next())
        #expect(block.channels[0][0] == Float(Self.samples[10]) / 32_768)
    }

    @Test func seekingInFLACIsExact() throws {
        let whole = try AudioFile.read(Recording.flac.path).buffer
        let reader = try AudioInput(path: Recording.flac.path).reader()
        #expect(try reader.skip(12_345) == 12_345)
        #expect(try reader.next()?.channels[1][0] == whole.channels[1][12_345])
    }

    // MARK: - Joined files

    @Test(arguments: [Recording.taggedMP3, .flac, .vorbis, .opus])
    func joinedFilesAreReadOneAfterTheOther(_ recording: Recording) throws {
        let data = try recording.data
        let single = try read(data).audio
        let (audio, warnings) = try read(data + data + data)
        #expect(warnings == [])
        for (channel, samples) in audio.channels.enumerated() {
            let one = single.channels[channel]
            #expect(samples == one + one + one)
        }
    }

    @Test(arguments: [(Recording.taggedMP3, Recording.opus), (.vorbis, .opus)])
    func partsOfAnotherFormatAreSaidToBeLeftOut(_ first: Recording, _ second: Recording) throws {
        let rest = try second.data + Data(repeating: 1, count: 100_000)
        let (audio, warnings) = try read(first.data + rest)
        #expect(audio.sampleCount == first.sampleCount)
        #expect(warnings.count == 1, "\(warnings)")
        #expect(warnings.last?.contains("bytes after the sound") == true, "\(warnings)")
    }

    /// Tags and bytes between the files are no sound, whatever they state.
    @Test(arguments: [
        "TAG+", "ID3\u{3}\0\0\u{7F}\u{7F}\u{7F}\u{7F}", "LYRICSBEGIN", "\r\n", "\0\0\0",
    ])
    func bytesBetweenFilesAreNoSound(_ text: String) throws {
        let mp3 = try Recording.taggedMP3.data
        let tag = Data(("TAG" + String(repeating: " ", count: 125)).utf8)
        let (audio, warnings) = try read(mp3 + tag + Data(text.utf8) + Data(count: 200) + mp3)
        #expect(audio.sampleCount == 2 * Recording.taggedMP3.sampleCount)
        #expect(warnings == [])
    }

    @Test func countsThatAreTooSmallAreSetRight() throws {
        var mp3 = try Recording.taggedMP3.data
        let name = try #require(
            mp3.firstRange(of: Data("Info".utf8)) ?? mp3.firstRange(of: Data("Xing".utf8)))
        mp3[name.lowerBound + 11] /= 2
        #expect(try read(mp3).audio == AudioFile.read(Recording.taggedMP3.path).buffer)
        for count in [1, 11_025] {
            var flac = try Recording.flac.data
            flac.replaceSubrange(
                23..<26, with: [UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255)])
            #expect(try read(flac).audio == AudioFile.read(Recording.flac.path).buffer)
        }
    }

    /// A second signature in the first header, a broken block of metadata, frames of several sizes without a
    /// header of their number, and zeros before the first frame.
    @Test func headersThatMisleadAreNotFollowed() throws {
        var flac = try Recording.flac.data
        flac.replaceSubrange(26..<34, with: Data("fLaC\0\0\0\u{22}".utf8))
        flac[4] = 0
        flac.insert(contentsOf: [0x85, 0, 0, 50] + [UInt8](repeating: 0xFF, count: 50), at: 42)
        #expect(try read(flac).audio.sampleCount == Recording.flac.sampleCount)
        let mp3 = try Recording.untaggedMP3.data
        let plain = try read(mp3).audio
        #expect(try read(Data(repeating: 0, count: 700) + mp3).audio == plain)
        // Frames of several bit rates.
        let parts = try [320, 160].map { rate in
            let path = folder.path("\(rate).mp3")
            try AudioFile.write(
                Self.music(), to: path, format: .mp3(MP3Settings(bitRateKilobitsPerSecond: rate)))
            // Without the first frame, which states the number of frames.
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            let second = try #require(data.range(of: data.prefix(2), in: 50..<data.count))
            return data[second.lowerBound...]
        }
        let single = try parts.map { try read(Data($0)).audio.sampleCount }
        let (audio, warnings) = try read(Data(parts.joined()))
        #expect(audio.sampleCount == single[0] + single[1] && warnings.isEmpty, "\(warnings)")
    }

    // MARK: - Damage

    /// Silence takes the place of what is lost: the rest, and a file joined to it, keep their times. Without ffmpeg.
    ///
    /// - Parameter count: bytes that are wrong; a negative number is missing.
    @Test(arguments: ["flac", "mp3", "ogg"], [1, 300, 2_000, -1, -300, -2_000])
    func damageBringsNothingForward(_ type: String, _ count: Int) throws {
        let file = try Data(contentsOf: URL(fileURLWithPath: song(type)))
        let whole = try read(file).audio
        // In MP3 at the next header of a frame, which fewer bytes would miss; FLAC and Ogg have checksums.
        let middle = file.count * 45 / 100
        let header = file.range(of: file.prefix(2), in: middle..<file.count)
        let start = type == "mp3" && count != 1 ? try #require(header).lowerBound : middle
        let damaged = start..<start + abs(count)
        var data = file
        var random = SplitMix64(seed: 1)
        data.replaceSubrange(
            damaged,
            with: count < 0
                ? [] : damaged.map { file[$0] ^ UInt8.random(in: 1...255, using: &random) })
        let (audio, warnings) = try read(data + file)
        // Wrong bytes within a frame of MP3 can't be found.
        #expect(warnings.count == 1 || (type == "mp3" && count == 1), "\(warnings)")
        #expect(warnings.first?.contains("is damaged at ") != false, "\(warnings)")
        #expect(audio.sampleCount == 2 * whole.sampleCount)
        let rest = whole.sampleCount * 7 / 10
        for (samples, expected) in zip(audio.channels, whole.channels) {
            // Comparisons within #expect take seconds.
            let isEqual =
                samples[..<(rest / 2)] == expected[..<(rest / 2)]
                && samples[rest...] == expected[rest...] + expected
            #expect(isEqual)
        }
    }

    /// One bit of the header of an MP3's first frame, and of FLAC's block sizes; and MP3 that ends in a header.
    @Test func damagedHeadersLoseNothing() throws {
        let mp3 = try Recording.untaggedMP3.data
        let plain = try read(mp3).audio
        for (byte, bit) in [(1, 1), (1, 3), (2, 2), (2, 4), (3, 7)] {
            var data = mp3
            data[byte] ^= 1 << UInt8(bit)
            #expect(try read(data).audio.sampleCount == plain.sampleCount, "\(byte), \(bit)")
        }
        for byte in 8..<12 {
            var flac = try Recording.flac.data
            flac[byte] ^= 0x40
            #expect(try read(flac).audio == AudioFile.read(Recording.flac.path).buffer)
        }
        #expect(throws: AudioError.self) {
            try read(Data([0xFF, 0xFB, 0x90, 0] + [UInt8](repeating: 0xFF, count: 10)))
        }
    }

    /// The beginning of the demo track in a format of compression; all of it as Ogg.
    private func song(_ type: String) throws -> String {
        if type == "ogg" { return Self.demoTrack }
        let path = folder.path("song.\(type)")
        try AudioFile.write(
            Self.music(), to: path,
            format: type == "mp3" ? .mp3() : OutputFormat(container: .flac, sampleFormat: .int16))
        return path
    }

    /// Five seconds of the demo track.
    private static func music() throws -> PlanarAudio {
        try AudioFile.read(demoTrack).buffer[0..<220_500]
    }

    private static let demoTrack = Fixture.bundledModels.appendingPathComponent("demo_track.ogg")
        .path

    @Test func soundWithoutAnEndIsSaidToBeCut() throws {
        let ogg = try Recording.opus.data
        // The last page.
        let page = try #require(ogg.range(of: Data("OggS".utf8), options: .backwards))
        let mp3 = try Recording.untaggedMP3.data
        for data in [ogg[..<page.lowerBound], mp3.dropLast(100)] {
            let (audio, warnings) = try read(Data(data))
            #expect(audio.sampleCount > 10_000)
            #expect(warnings.first?.contains("its end is missing") == true, "\(warnings)")
        }
    }

    @Test func filesThatFFmpegReadsAreSaidToBeCut() throws {
        guard let ffmpeg = Self.ffmpeg else { return }
        // AU of µ-law whose header announces more than there is.
        var data =
            Data(".snd".utf8)
            + Data([0, 0, 0, 24, 0, 0, 0x40, 0, 0, 0, 0, 1, 0, 0, 0x1F, 0x40, 0, 0, 0, 1])
        data += Data(repeating: 0x55, count: 8_000)
        let (audio, warnings) = try read(data, "song.au", ffmpeg: ffmpeg)
        #expect(audio.sampleCount == 8_000)
        #expect(warnings.first?.contains("it has 8024 of 16408 bytes") == true, "\(warnings)")
    }
}
