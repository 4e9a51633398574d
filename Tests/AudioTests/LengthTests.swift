import Audio
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
        case wav, rifx, rf64, aiff, au, littleAU, caf, w64

        func file(_ samples: [Int16], size: UInt64) -> Data {
            func number(_ value: UInt64, _ count: Int, big: Bool) -> Data {
                let bytes = (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
                return Data(big ? bytes.reversed() : bytes)
            }
            let isBig = ![.wav, .rf64, .littleAU, .w64].contains(self)
            func words(_ values: UInt64...) -> Data {
                values.reduce(Data()) { $0 + number($1, 4, big: isBig) }
            }
            let sound = samples.map { isBig ? $0.bigEndian : $0 }.withUnsafeBytes { Data($0) }
            let format = [(1, 2), (2, 2), (44_100, 4), (176_400, 4), (4, 2), (16, 2)].reduce(Data())
            {
                $0 + number($1.0, $1.1, big: isBig)
            }
            func text(_ text: String) -> Data { Data(text.utf8) }
            let isUnknown = size == 0xFFFF_FFFF
            // A list, because the type checker needs seconds for a long sum of calls.
            let parts: [Data]
            switch self {
            case .wav, .rifx:
                parts = [
                    text(self == .wav ? "RIFF" : "RIFX"), words(0), text("WAVEfmt "), words(16),
                    format, text("data"), words(size),
                ]
            case .rf64:
                // The sizes of the file and of the samples, and the number of samples, each with 8 bytes.
                parts = [
                    text("RF64"), words(0xFFFF_FFFF), text("WAVEds64"),
                    words(28, 0, 0, isUnknown ? 0 : size, 0, 0, 0, 0), text("fmt "), words(16),
                    format, text("data"), words(0xFFFF_FFFF),
                ]
            case .aiff:
                let rate = Data([0x40, 0x0E, 0xAC, 0x44, 0, 0, 0, 0, 0, 0])
                parts = [
                    text("FORM"), words(0), text("AIFFCOMM"), words(18), Data([0, 2]), words(0),
                    Data([0, 16]), rate, text("SSND"), words(isUnknown ? size : size + 8, 0, 0),
                ]
            case .au, .littleAU:
                parts = [text(self == .au ? ".snd" : "dns."), words(24, size, 3, 44_100, 2)]
            case .caf:
                parts = [
                    text("caff"), Data([0, 1, 0, 0]), text("desc"), number(32, 8, big: true),
                    number(44_100.0.bitPattern, 8, big: true), text("lpcm"), words(0, 4, 1, 2, 16),
                    text("data"), number(isUnknown ? .max : size + 4, 8, big: true), words(0),
                ]
            case .w64:
                let first: [UInt8] = [
                    0x2E, 0x91, 0xCF, 0x11, 0xA5, 0xD6, 0x28, 0xDB, 4, 0xC1, 0, 0,
                ]
                let rest = Data([
                    0xF3, 0xAC, 0xD3, 0x11, 0x8C, 0xD1, 0, 0xC0, 0x4F, 0x8E, 0xDB, 0x8A,
                ])
                parts = [
                    text("riff"), Data(first), number(0, 8, big: false), text("wave"), rest,
                    text("fmt "), rest, number(40, 8, big: false), format, text("data"), rest,
                    number(isUnknown ? UInt64(Int64.max) : size + 24, 8, big: false),
                ]
            }
            return parts.reduce(Data(), +) + sound
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
        // In RF64, zero is an unknown size.
        for container in Container.allCases where container != .rf64 || size > 0 {
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

    // MARK: - Frames that aren't plainly in order

    /// Each kind of disorder, and the samples that players play of it, with ffmpeg and without. Without ffmpeg,
    /// whoever loses sound is told so.
    @Test(
        .enabled(if: ffmpeg != nil),
        arguments: [
            Recording.taggedMP3, .untaggedMP3, .flac, .vorbis, .opus,
        ])
    func joinedFilesAreReadOneAfterTheOther(_ recording: Recording) throws {
        let data = try recording.data
        let single = try read(data).audio.sampleCount
        let (audio, warnings) = try read(data + data + data, ffmpeg: Self.ffmpeg)
        // ffmpeg passes over frames of FLAC at a joint, and decodes the coder's delay of the second file.
        #expect(abs(audio.sampleCount - 3 * single) < 25_000)
        #expect(warnings.isEmpty || recording.name == Recording.flac.name, "\(warnings)")
        let (left, told) = try read(data + data + data)
        #expect(left.sampleCount > 2 * single || told.first?.contains("ffmpeg") == true, "\(told)")
    }

    @Test(arguments: [(Recording.taggedMP3, Recording.opus), (.flac, .opus), (.opus, .flac)])
    func partsOfAnotherFormatAreSaidToBeLeftOut(_ first: Recording, _ second: Recording) throws {
        for ffmpeg in [Self.ffmpeg, nil] {
            let rest = try second.data + Data(repeating: 1, count: 100_000)
            let (audio, warnings) = try read(first.data + rest, ffmpeg: ffmpeg)
            #expect(audio.sampleCount == first.sampleCount)
            #expect(warnings.count == 1, "\(warnings)")
            #expect(warnings.last?.contains("bytes after the sound") == true, "\(warnings)")
        }
    }

    /// Tags and bytes between the files are no sound, whatever they state.
    @Test(
        .enabled(if: ffmpeg != nil),
        arguments: [
            "TAG+", "ID3\u{3}\0\0\u{7F}\u{7F}\u{7F}\u{7F}", "LYRICSBEGIN", "\r\n", "\0\0\0",
        ])
    func bytesBetweenFilesAreNoSound(_ text: String) throws {
        let mp3 = try Recording.taggedMP3.data
        let tag = Data(("TAG" + String(repeating: " ", count: 125)).utf8)
        let (audio, warnings) = try read(
            mp3 + tag + Data(text.utf8) + Data(count: 200) + mp3, ffmpeg: Self.ffmpeg)
        #expect(abs(audio.sampleCount - 2 * Recording.taggedMP3.sampleCount) < 4_000)
        #expect(warnings == [])
    }

    /// Headers that count too few or one too many, FLAC cut without decoding, bytes and zeros before the sound.
    @Test(arguments: [false, true])
    func soundWithoutLossHasNoWarning(_ withFFmpeg: Bool) throws {
        let ffmpeg = withFFmpeg ? Self.ffmpeg : nil
        guard (ffmpeg != nil) == withFFmpeg else { return }
        let plain = try Recording.flac.data
        let sound = try AudioFile.read(Recording.flac.path).buffer
        func expect(_ data: Data, _ expected: PlanarAudio, _ label: String) throws {
            let (audio, warnings) = try read(data, ffmpeg: ffmpeg)
            // Comparisons within #expect take seconds.
            let isEqual = audio == expected
            #expect(isEqual && warnings == [], "\(label): \(audio.sampleCount), \(warnings)")
        }
        for count in [1, 11_025, 22_051] where withFFmpeg || count > 22_050 {
            var flac = plain
            flac.replaceSubrange(
                23..<26, with: [UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255)])
            try expect(flac, sound, "a total of \(count)")
        }
        let tag = Data("ID3".utf8) + Data([4, 0, 0, 0, 0, 0, 4]) + Data(count: 4)
        // Also more than is looked at in one piece.
        for zeros in [3_000, 300_000] {
            try expect(tag + Data(count: zeros) + plain, sound, "\(zeros) zeros before FLAC")
        }
        try expect(Data(repeating: 7, count: 500) + plain, sound, "bytes before FLAC")
        // From the fourth frame of FLAC on.
        let later = try #require(
            plain.range(of: plain.subdata(in: firstFrame(plain)), in: 8_000..<plain.count))
        try expect(
            plain[..<firstFrame(plain).lowerBound] + plain[later.lowerBound...],
            sound[12_288..<sound.sampleCount], "FLAC from its fourth frame")
        let mp3 = try Recording.untaggedMP3.data
        let music = try read(mp3).audio
        for zeros in [700, 300_000] {
            try expect(Data(count: zeros) + mp3, music, "\(zeros) zeros before MP3")
        }
        let noise = Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7_919 >> 3) & 0x7F })
        try expect(noise + mp3, music, "bytes before MP3")
    }

    /// The first two bytes of the first frame, behind the metadata.
    private func firstFrame(_ flac: Data) -> Range<Int> {
        var offset = 4
        while flac[offset] & 0x80 == 0 { offset += 4 + size(flac, offset) }
        offset += 4 + size(flac, offset)
        return offset..<offset + 2
    }

    private func size(_ flac: Data, _ offset: Int) -> Int {
        flac[offset + 1..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
    }

    /// What is lost in the middle is said, with its place, and where times tell how much it is, ffmpeg fills it.
    ///
    /// - Parameter count: bytes that are wrong; a negative number is missing.
    @Test(arguments: ["flac", "mp3", "ogg"], [300, 2_000, -300, -2_000])
    func damageIsSaid(_ type: String, _ count: Int) throws {
        let file = try Data(contentsOf: URL(fileURLWithPath: song(type)))
        let whole = try read(file).audio
        // In MP3 at the next header of a frame, which fewer bytes would miss; FLAC and Ogg have checksums.
        let middle = file.count * 45 / 100
        let header = file.range(of: file.prefix(2), in: middle..<file.count)
        let start = type == "mp3" ? try #require(header).lowerBound : middle
        let damaged = start..<start + abs(count)
        var data = file
        var random = SplitMix64(seed: 1)
        data.replaceSubrange(
            damaged,
            with: count < 0
                ? [] : damaged.map { file[$0] ^ UInt8.random(in: 1...255, using: &random) })
        for ffmpeg in Set([nil, Self.ffmpeg?.path]).map({ $0.map(FFmpeg.init) }) {
            let (audio, warnings) = try read(data, ffmpeg: ffmpeg)
            #expect(warnings.count == 1, "\(warnings)")
            #expect(warnings.first?.contains("is damaged at ") == true, "\(warnings)")
            #expect(warnings.first?.contains("which is not on PATH") == (ffmpeg == nil))
            if ffmpeg != nil, type != "mp3" {
                #expect(warnings.first?.contains("Silence replaces") == true, "\(warnings)")
                // ffmpeg's times of Vorbis packets are off by up to a block.
                #expect(abs(audio.sampleCount - whole.sampleCount) < (type == "ogg" ? 2_048 : 1))
            }
        }
    }

    /// The look at a file does a bounded work, whatever its headers ask for. `check_sounds.py crafted` measures it.
    @Test func aLookAtAFileIsBounded() throws {
        func many(_ text: String, _ count: Int) -> Data {
            Data(repeatElement(Array(text.utf8), count: count).joined())
        }
        let chunks = many("LIST\0\0\0\0", 1 << 17)
        let wav = Container.wav.file(Self.samples, size: 40_000)
        var files = [wav.prefix(12) + many("LIST\0\0\0\0", 1 << 18) + wav.dropFirst(12)]
        for container in [Container.wav, .aiff] {
            for size in [UInt64(40_000), 20_000, 0xFFFF_FFFF] {
                let file = container.file(Self.samples, size: size) + chunks
                files += [file, file + Data("odd bytes here".utf8)]
            }
        }
        files.append(Data(repeating: 0xFF, count: 1 << 20))
        files.append(try Recording.flac.data + many("\u{FF}\u{F8}", 1 << 18))
        files.append(many("OggS", 1 << 18))
        for file in files {
            let path = try folder.write(file, "crafted")
            guard let input = try? AudioInput(path: path, ffmpeg: nil) else { continue }
            // Some five passes over the bytes of headers, and less than one over samples.
            #expect(input.lookedAtBytes < 20 * file.count, "\(file.prefix(16))")
        }
        // Cancellation ends the look before its first read.
        let spool = Spool { true }
        #expect(throws: CancellationError.self) {
            _ = try AudioInput(path: folder.write(files[0], "crafted"), spool: spool, ffmpeg: nil)
        }
    }

    /// Words that begin compressed frames: a second one makes sure.
    @Test(arguments: [
        ("DTS", 0x7FFE_8001), ("DTS", 0xFE7F_0180), ("DTS", 0x1FFF_E800), ("DTS", 0xFF1F_00E8),
        ("IEC 61937", 0x72F8_1F4E), ("IEC 61937", 0xF872_4E1F),
    ])
    func syncWordsTellCompressedSoundFromSamples(_ name: String, _ sync: UInt32) throws {
        var samples = [Int16](repeating: 257, count: 40_000)
        for (place, isCompressed) in [(1, false), (32_764, true)] {
            samples[place] = Int16(truncatingIfNeeded: sync >> 16).byteSwapped
            samples[place + 1] = Int16(truncatingIfNeeded: sync).byteSwapped
            let wav = Container.wav.file(samples, size: 80_000)
            let warning = try read(wav).warnings.first
            #expect(warning?.contains(name) ?? false == isCompressed, "\(warning ?? "none")")
        }
    }

    /// DTS in a WAV, as on a DTS-CD.
    @Test func compressedSoundInPCMIsNoNoise() throws {
        guard let ffmpeg = Self.ffmpeg else { return }
        let arguments = [
            "-nostdin", "-v", "error", "-i", Self.demoTrack, "-t", "4", "-c:a", "dca", "-strict",
            "-2",
            "-b:a", "1411200", "-f", "dts", "-y", folder.path("k.dts"),
        ]
        let process = try Process.run(URL(fileURLWithPath: ffmpeg.path), arguments: arguments)
        process.waitUntilExit()
        let dts = try folder.data("k.dts")
        let samples = stride(from: 0, to: dts.count - 1, by: 2).map {
            Int16(bitPattern: UInt16(dts[$0]) | UInt16(dts[$0 + 1]) << 8)
        }
        let wav = Container.wav.file(samples, size: UInt64(samples.count * 2))
        let (audio, warnings) = try read(wav, ffmpeg: ffmpeg)
        let alone = try read(dts, ffmpeg: ffmpeg).audio
        let isEqual = audio == alone
        #expect(isEqual && audio.sampleCount > 170_000 && warnings == [], "\(warnings)")
        #expect(try read(wav).warnings.first?.contains("DTS") == true)
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
        for data in [ogg[..<(page.lowerBound + 50)], mp3.dropLast(100)] {
            for ffmpeg in Set([nil, Self.ffmpeg?.path]).map({ $0.map(FFmpeg.init) }) {
                let (audio, warnings) = try read(Data(data), ffmpeg: ffmpeg)
                #expect(audio.sampleCount > 10_000)
                #expect(warnings.first?.contains("its end is missing") == true, "\(warnings)")
            }
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
