import Audio
import Foundation
import TestSupport
import Testing

/// Tags through every container that supports them.
struct TagTests {
    private let folder = TemporaryFolder()

    private static let tagged = [
        OutputFormat.wav(.int16), .wav(.float32), .flac, .mp3(),
    ]

    private static let fields: [WritableKeyPath<AudioTags, String?> & Sendable] = [
        \.title, \.artist, \.album, \.date, \.comment, \.trackNumber, \.genre, \.copyright,
        \.albumArtist, \.composer, \.discNumber, \.beatsPerMinute, \.key,
    ]

    private func rewritten(_ tags: AudioTags?, as format: OutputFormat) throws -> AudioTags {
        let path = folder.path("stem")
        try AudioFile.write(
            PlanarAudio(TestSignal.tone(samples: 3_000)), to: path, format: format, tags: tags)
        return try AudioInput(path: path).tags
    }

    @Test(
        arguments: tagged,
        ["Plain", "Größe, naïve", "Песня", "曲名", "أغنية", "गीत", "🎵 𝄞", "odd", "ß"])
    func tagsOfAnyScriptComeBack(format: OutputFormat, text: String) throws {
        var tags = AudioTags()
        for (index, field) in Self.fields.enumerated() { tags[keyPath: field] = "\(text) \(index)" }
        tags.date = "2021-05-03"
        tags.trackNumber = "3/12"
        #expect(try rewritten(tags, as: format) == tags)
    }

    /// FLAC keeps values apart. What is too much is left out.
    @Test(arguments: tagged)
    func valuesOfATagComeBack(format: OutputFormat) throws {
        var tags = AudioTags()
        (tags.$artist, tags.$date) = (["Alice", "", "Bob; Carl", "\0"], ["2001", "2002"])
        (tags.$title, tags.$discNumber) = (["A", "A"], ["1/2", "2/2"])
        tags.$comment = [String(repeating: "x", count: 1 << 20), "more"]
        let read = try rewritten(tags, as: format)
        #expect(read.$artist == (format == .flac ? ["Alice", "Bob; Carl"] : ["Alice; Bob; Carl"]))
        #expect(read.title == (format == .flac ? "A" : "A; A") && read.date == "2001; 2002")
        #expect(read.comment == nil && read.discNumber == "1/2; 2/2")
    }

    /// Other names, in the place of some that are as long, and totals, which keep a comment of their own.
    @Test func commentsMayRepeat() throws {
        var tags = AudioTags()
        (tags.$artist, tags.$discNumber) = (["Alice", "Bob", "Bob", " "], ["1", "2/3"])
        (tags.$date, tags.trackNumber) = (["2001", "2001-05-03", "2002"], "03")
        (tags.albumArtist, tags.copyright, tags.key) = ("12", "4", "?")
        _ = try rewritten(tags, as: .flac)
        tags = try renamed([
            "ARTIST=Bob": "artist=Bob", "DATE=2001-": "YEAR=2001-", "ALBUMARTIST": "TOTALTRACKS",
            "COPYRIGHT": "DISCTOTAL", "INITIALKEY": "TRACKTOTAL",
        ])
        #expect(tags.$artist == ["Alice", "Bob"] && tags.$date == ["2001", "2002"])
        #expect(tags.trackNumber == "03/12" && tags.$discNumber == ["1/4", "2/3"])
        #expect(tags.albumArtist == nil && tags.copyright == nil)
        #expect(try rewritten(tags, as: .flac) == tags)
        #expect(try folder.data("stem").range(of: Data("TRACKTOTAL=12".utf8)) != nil)
    }

    /// The tags of a file in which texts are replaced where they come first.
    private func renamed(_ texts: [String: String], in name: String = "stem") throws -> AudioTags {
        var data = try folder.data(name)
        for (old, new) in texts {
            data.replaceSubrange(try #require(data.range(of: Data(old.utf8))), with: new.utf8)
        }
        return try AudioInput(path: folder.write(data, "renamed.\(name)")).tags
    }

    @Test(arguments: tagged, 0..<13)
    func eachTagStandsAlone(format: OutputFormat, index: Int) throws {
        var tags = AudioTags()
        tags[keyPath: Self.fields[index]] = "1999"
        #expect(try rewritten(tags, as: format) == tags)
    }

    @Test(arguments: tagged)
    func nothingIsWrittenForEmptyTags(format: OutputFormat) throws {
        var empty = AudioTags()
        empty.title = ""
        empty.artist = "\0 behind the end"
        #expect(try rewritten(empty, as: format) == AudioTags())
        let withEmpty = try folder.data("stem")
        _ = try rewritten(nil, as: format)
        #expect(try folder.data("stem") == withEmpty)
    }

    @Test(arguments: tagged)
    func longTagsLeaveTheSoundAlone(format: OutputFormat) throws {
        var tags = AudioTags()
        tags.comment = String(repeating: "Ein langer Kommentar. ", count: 5_000)
        tags.title = "Title"
        let read = try rewritten(tags, as: format)
        #expect(read.comment == nil || tags.comment?.hasPrefix(read.comment ?? "") == true)
        #expect(try AudioFile.read(folder.path("stem")).buffer.sampleCount == 3_000)
    }

    private static let jpeg = [0xFF, 0xD8, 0xFF, 0xE0] + (0..<70_000).map { UInt8($0 % 251) }

    @Test(arguments: tagged)
    func theCoverComesBack(format: OutputFormat) throws {
        var tags = AudioTags()
        tags.cover = Self.jpeg
        #expect(try rewritten(tags, as: format) == tags)
        #expect(try AudioFile.read(folder.path("stem")).buffer.sampleCount == 3_000)
        tags.cover = Array("GIF89a".utf8)
        #expect(try rewritten(tags, as: format) == AudioTags())
        tags.cover = Self.jpeg + [UInt8](repeating: 0, count: 16_000_000)
        #expect(try rewritten(tags, as: format) == AudioTags())
    }

    /// As the tempo, which is known after the last sample.
    @Test(arguments: tagged)
    func tagsCanBeReplacedWhereThereIsRoom(format: OutputFormat) throws {
        var tags = AudioTags()
        tags.title = "Title"
        tags.key = "C"
        for room in [0, AudioTags.roomForFoundBytes] {
            tags.roomBytes = room
            let writer = try AudioWriter(.file(folder.path("stem")), format, tags: tags)
            try writer.append(PlanarAudio(TestSignal.tone(samples: 3_000)))
            var found = tags
            found.beatsPerMinute = "128"
            found.key = "F#m"
            writer.replaceTags(found)
            try writer.finish()
            (found.roomBytes, tags.roomBytes) = (0, 0)
            let read = try AudioInput(path: folder.path("stem")).tags
            #expect(read == (room == 0 ? tags : found))
            #expect(try AudioFile.read(folder.path("stem")).buffer.sampleCount == 3_000)
        }
    }

    /// What another program finds under each name; in WAV it reads the list of type INFO alone.
    @Test(.enabled(if: FFmpeg.onPath != nil), arguments: tagged)
    func eachTagHasItsName(format: OutputFormat) throws {
        let names = [
            "title", "artist", "album", "date", "comment", "track", "genre", "copyright",
            "album_artist", "composer", "disc",
        ]
        var tags = AudioTags()
        for (index, field) in Self.fields.enumerated() { tags[keyPath: field] = "\(2_000 + index)" }
        _ = try rewritten(tags, as: format)
        let list = folder.path("list")
        try Process.run(
            ["ffmpeg", "-v", "error", "-i", folder.path("stem"), "-f", "ffmetadata", list])
        let lines = try String(decoding: folder.data("list"), as: UTF8.self).split(separator: "\n")
        let isWAV = format.container == .wav
        for (name, field) in zip(names.dropLast(isWAV ? 3 : 0), Self.fields) {
            let line = "\(name)=\(tags[keyPath: field] ?? "")"
            #expect(lines.contains { $0.lowercased() == line }, "\(line): \(lines)")
        }
    }

    @Test func theTitleNamesThePart() {
        var tags = AudioTags()
        #expect(tags.titled("vocals").title == nil)
        tags.title = "Song"
        #expect(tags.titled("vocals").title == "Song (vocals)")
    }

    /// Files of other programs: `source` of ID3 2.2, 2.3 and 2.4, and of what ffmpeg makes of it.
    @Test(arguments: [
        ("mp3", ["-id3v2_version", "3"]), ("mp3", ["-id3v2_version", "4"]), ("flac", []),
        ("ogg", ["-c:a", "libvorbis"]), ("opus", []), ("m4a", ["-c:a", "aac"]),
        ("aiff", ["-write_id3v2", "1"]), ("wav", []),
    ])
    func tagsOfFFmpegsFilesAreRead(ending: String, options: [String]) throws {
        guard FFmpeg.onPath != nil else { return }
        let path = folder.path("song.\(ending)")
        let picture = try folder.write(Self.onePixel, "cover.png")
        let hasCover = ["mp3", "flac", "m4a", "aiff"].contains(ending)
        let texts = [
            "title=Lied ♫", "album_artist=Alle", "composer=Bach", "disc=2/3", "genre=Jazz",
        ]
        try Process.run(
            ["ffmpeg", "-loglevel", "error", "-i", Recording.int16WAV.path]
                + (hasCover ? ["-i", picture, "-map", "0:a", "-map", "1:v", "-c:v", "copy"] : [])
                + (hasCover ? ["-disposition:v", "attached_pic"] : [])
                + texts.flatMap { ["-metadata", $0] } + options + [path])
        let tags = try AudioInput(path: path).tags
        #expect(tags.title == "Lied ♫" && tags.genre == "Jazz")
        // ffmpeg writes no more to a WAV file.
        if ending == "wav" { return }
        #expect(tags.albumArtist == "Alle" && tags.composer == "Bach" && tags.discNumber == "2/3")
        #expect(tags.cover == (hasCover ? Array(Self.onePixel) : nil))
    }

    /// Two texts in an item, two items of a kind, and the tempo.
    @Test(.enabled(if: FFmpeg.onPath != nil)) func listsOfMP4AreRead() throws {
        // The second text of an item takes a head of 16 bytes.
        let texts = ["artist=Alice----------------Bob", "title=Carl", "tmpo=93", "track=3/12"]
        try Process.run(
            ["ffmpeg", "-loglevel", "error", "-i", Recording.int16WAV.path]
                + texts.flatMap { ["-metadata", $0] } + [folder.path("song.m4a")])
        let tags = try renamed(
            [
                "(data\0\0\0\u{1}\0\0\0\0Alice": "\u{15}data\0\0\0\u{1}\0\0\0\0Alice",
                "----------------": "\0\0\0\u{13}data\0\0\0\u{1}\0\0\0\0", "nam": "ART",
            ], in: "song.m4a")
        #expect(Set(tags.$artist) == ["Alice", "Bob", "Carl"] && tags.trackNumber == "3/12")
        #expect(tags.beatsPerMinute == "93")
    }

    /// The type and the beginning of a picture, or its size. A front cover that is lost takes no other's place.
    @Test(arguments: [
        ("image/gif", "GIF89a", 0, "GIF"), ("image/jpeg", "RIFF....WEBP", 0, "WEBP"),
        ("image/bmp", "BM", 0, "BMP"), ("-->", "https://", 0, "of no known type"),
        ("", "", 16_000_000, "larger than 16 MB"), ("", "", 26_000_000, "larger than 16 MB"),
        ("", "", 9, nil),
    ])
    func aLostCoverHasAReason(type: String, start: String, size: Int, reason: String?) throws {
        let picture = size > 0 ? Self.jpeg + [UInt8](repeating: 0, count: size) : []
        let front = frame("APIC", [0] + "\(type)\0\u{3}\0\(start)".utf8 + picture, 3)
        let back = frame("APIC", Array("\0\0\u{4}\0".utf8) + Self.onePixel, 3)
        var tags = try AudioInput(path: song(tagged: front, version: 3)).tags
        #expect(tags.lostCover == reason && (tags.cover == nil) == (reason != nil))
        tags = try AudioInput(path: song(tagged: back + front, version: 3)).tags
        #expect(tags.cover == (reason == nil ? picture : Array(Self.onePixel)))
    }

    /// A PNG file of one white pixel.
    private static let onePixel = Data(
        base64Encoded:
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5E"
            + "rkJggg==")!

    /// A frame's name, its content, and what becomes of it: ID3 2.2 and 2.3 with their peculiarities.
    @Test func oldID3TagsAreRead() throws {
        let utf16: [UInt8] = [1, 0xFF, 0xFE, 0x41, 0, 0xD6, 0, 0, 0]
        let cover = Array(Self.onePixel)
        let old = frame("TP2", utf16, 2) + frame("PIC", Array("\0PNG\u{3}a\0".utf8) + cover, 2)
        var tags = try AudioInput(path: song(tagged: old, version: 2)).tags
        #expect(tags.albumArtist == "AÖ" && tags.cover == cover)
        let back = frame("APIC", Array("\0image/png\0\u{4}\0".utf8) + cover, 3)
        let front = frame("APIC", Array("\0image/jpeg\0\u{3}\0".utf8) + Self.jpeg.prefix(99), 3)
        tags = try AudioInput(
            path: song(tagged: frame("TBPM", utf16, 3) + back + front, version: 3)
        ).tags
        #expect(tags.beatsPerMinute == "AÖ" && tags.cover == Array(Self.jpeg.prefix(99)))
    }

    /// ID3 1.0 and 1.1: the longest texts, with a track number in place of the comment's end.
    @Test(arguments: [0, 1, 255])
    func fieldsOfFixedLengthsAreRead(number: UInt8) throws {
        let lengths = [30, 30, 30, 4, number > 0 ? 28 : 30]
        let texts = lengths.enumerated().map { String(repeating: "\($0)", count: $1) }
        var tag = Data(("TAG" + texts.joined()).utf8)
        if number > 0 { tag += [0, number] }
        let song = try Recording.untaggedMP3.data + tag + [17]
        let tags = try AudioInput(path: folder.write(song, "song")).tags
        #expect([tags.title, tags.artist, tags.album, tags.date, tags.comment] == texts)
        #expect(tags.trackNumber == (number > 0 ? "\(number)" : nil) && tags.genre == "Rock")
    }

    private static let numbers = (0..<9_999).map { "\($0)" }

    /// Frames with `|` for zeros, and the names of genres that they are. ID3 version 1 repeats them.
    @Test(
        arguments: [
            ("TPE1", 4, 3, "Alice|Bob|", ["Alice", "Bob"]), ("TPE1", 3, 2, "|A|||B", ["A", "B"]),
            ("TP1", 2, 0, "Alice|| |Bob", ["Alice", "Bob"]), ("TCO", 2, 0, "(17)", ["Rock"]),
            ("TCON", 3, 0, "(17)Rock", ["Rock"]), ("TCON", 3, 0, "(31)(39)", ["Trance", "Noise"]),
            ("TCON", 3, 0, "(4)Eurodisco", ["Disco", "Eurodisco"]), ("TCON", 4, 0, "((a", ["((a"]),
            ("TCON", 3, 0, "(RX)((live)", ["Remix", "(live)"]), ("TCON", 3, 0, "(17", ["(17"]),
            ("TCON", 4, 0, "17|CR|Own|-1|255", ["Rock", "Cover", "Own", "-1", "255"]),
            ("TCON", 3, 0, "(192)", ["(192)"]),
            ("TPE1", 4, 3, numbers.joined(separator: "|"), numbers),
        ] as [(String, Int, UInt8, String, [String])])
    func framesHaveSeveralValues(
        name: String, version: Int, encoding: UInt8, text: String, values: [String]
    ) throws {
        let texts = [[encoding] + text.utf8.map { $0 == 0x7C ? 0 : $0 }, Array("\0End".utf8)]
        _ = try song(tagged: texts.flatMap { frame(name, $0, version) }, version: UInt8(version))
        let end = Data("TAG".utf8) + Data(count: 30) + "Ali".utf8 + Data(count: 91) + [191]
        let path = try folder.write(folder.data("tagged.mp3") + end, "old.mp3")
        let tags = try AudioInput(path: path).tags
        // More than a hundred are left out.
        let all = Array((values + ["End"]).prefix(100))
        #expect(tags.$genre == (name.hasPrefix("TC") ? all : ["Psybient"]))
        #expect(tags.$artist == (name.hasPrefix("TP") ? all : ["Ali"]))
    }

    @Test func brokenTagsAreIgnored() throws {
        var tags = AudioTags()
        for field in Self.fields { tags[keyPath: field] = "text" }
        tags.cover = Array(Self.jpeg.prefix(300))
        // The tags of an MP3 file are those of the chunk in WAV; its decoder prints what it thinks of them.
        for format in [OutputFormat.wav(.int16), .flac] {
            _ = try rewritten(tags, as: format)
            let whole = try folder.data("stem")
            let start = whole.range(of: Data("ID3".utf8))?.lowerBound ?? 42
            // Sizes and flags of all blocks and frames are among these bytes.
            for place in start + 4..<start + 400 {
                var data = whole
                data[place] = 0xFF
                _ = try? AudioInput(path: folder.write(data, "broken")).tags
            }
        }
    }

    /// The flags of frames in ID3 2.3, 3.3.1, and 2.4.0, 4.1.2; 2 is for zeros after 0xFF.
    @Test(
        arguments: [
            (3, 0, [0], "ÿa"), (4, 0, [0], "ÿa"), (4, 0x20, [0], "ÿa"),
            // A group.
            (3, 0x20, [7, 0], "ÿa"), (4, 0x40, [7, 0], "ÿa"),
            // The length, and both.
            (4, 1, [0, 0, 0, 3, 0], "ÿa"), (4, 0x41, [7, 0, 0, 0, 3, 0], "ÿa"),
            // Encrypted, compressed.
            (3, 0x40, [7, 0], nil), (3, 0x80, [0, 0, 0, 9, 0], nil), (4, 4, [7, 0], nil),
            (4, 8, [0], nil),
        ] as [(Int, UInt8, [UInt8], String?)])
    func framesMayBeginWithMore(version: Int, flags: UInt8, start: [UInt8], text: String?) throws {
        let frames =
            frame("TBPM", start + [0xFF, 0x61], version, flags: flags)
            + frame("TIT2", Array("\0next".utf8), version)
        let tags = try AudioInput(path: song(tagged: frames, version: UInt8(version))).tags
        #expect(tags.beatsPerMinute == text && tags.title == "next")
        guard version == 4 else { return }
        let padded = frame("TBPM", start + [0xFF, 0, 0x61], 4, flags: flags | 2)
        #expect(try AudioInput(path: song(tagged: padded, version: 4)).tags.beatsPerMinute == text)
    }

    /// An extended header, whose size leaves itself out in version 2.3, and zeros after 0xFF. Version
    /// 2.2 has no extended header.
    @Test(
        arguments: [
            (2, 0x40, []), (3, 0, []), (3, 0x40, [0, 0, 0, 6, 0, 0, 0, 0, 0, 0]), (4, 0, []),
            (4, 0x40, [0, 0, 0, 6, 1, 0]),
        ] as [(Int, UInt8, [UInt8])])
    func tagsMayBeginWithMore(version: Int, flags: UInt8, start: [UInt8]) throws {
        let frames = frame(version == 2 ? "TBP" : "TBPM", Array("\096".utf8), version)
        let path = try song(tagged: start + frames, version: UInt8(version), flags: flags)
        #expect(try AudioInput(path: path).tags.beatsPerMinute == "96")
        guard version < 4 else { return }
        let padded =
            frame(version == 2 ? "TBP" : "TBPM", [0, 0xFF, 0x61], version).dropLast() + [0, 0x61]
        let tags = try AudioInput(
            path: song(tagged: start + padded, version: UInt8(version), flags: flags | 0x80)
        ).tags
        #expect(tags.beatsPerMinute == "ÿa")
    }

    private func frame(
        _ name: String, _ content: [UInt8], _ version: Int, flags: UInt8 = 0
    ) -> [UInt8] {
        let size = withUnsafeBytes(of: UInt32(content.count).bigEndian, Array.init)
        return Array(name.utf8) + size.suffix(version == 2 ? 3 : 4)
            + (version == 2 ? [] : [0, flags]) + content
    }

    /// A file with an ID3 tag before its sound.
    private func song(
        tagged frames: [UInt8], version: UInt8, flags: UInt8 = 0
    ) throws -> String {
        let size = [21, 14, 7, 0].map { UInt8(frames.count >> $0 & 0x7F) }
        return try folder.write(
            Data(Array("ID3".utf8) + [version, 0, flags] + size + frames)
                + Recording.untaggedMP3.data,
            "tagged.mp3")
    }

    /// Repeated chunks, and ffmpeg's for the track number: libsndfile writes and reads ITRK.
    @Test func chunksOfTextMayRepeat() throws {
        var tags = AudioTags()
        (tags.title, tags.artist, tags.album, tags.trackNumber) = ("odd", "Alice", "Bob", "3/12")
        _ = try rewritten(tags, as: .wav(.int16))
        (tags.album, tags.$artist) = (nil, ["Alice", "Bob"])
        #expect(try renamed(["ITRK": "IPRT", "IPRD": "IART"]) == tags)
        let aiff = try Recording.aiff.data
        let chunks = Data("ANNO\0\0\0\u{2}HiANNO\0\0\0\u{4}You\0".utf8)
        let path = try folder.write(aiff[..<12] + chunks + aiff[12...], "a.aiff")
        #expect(try AudioInput(path: path).tags.$comment == ["Hi", "You"])
    }

    /// Old programs wrote bytes of their code page; ID3 version 1 pads texts with spaces and cuts them.
    @Test(
        arguments: zip(
            [
                [0xDC] + "ber uns   ".utf8, "Caf".utf8 + [0xE9], Array("Über den Wolken".utf8),
                "Zwölf Ö".utf8.dropLast(), "Für 🎻".utf8.dropLast(), "Für 🎻".utf8.dropLast(3),
            ] as [[UInt8]],
            ["Über uns", "Café", "Über den Wolken", "Zwölf", "Für", "Für"]))
    func bytesThatAreNoUTF8AreTakenForLatin1(_ title: [UInt8], _ expected: String) throws {
        let tag = Data("TAG".utf8) + title + Data(count: 125 - title.count)
        let path = try folder.write(Recording.untaggedMP3.data + tag, "old.mp3")
        #expect(try AudioInput(path: path).tags.title == expected)
    }
}
