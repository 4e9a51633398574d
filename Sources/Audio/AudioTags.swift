// Title, artist, cover and so on, which stems take over from their track.

import System

/// Texts of a file's tags, in any script, and its cover; nil for a tag that the file doesn't have.
public struct AudioTags: Sendable, Equatable {
    /// The name of the track or the stem.
    public var title: String?
    /// Who performs it.
    public var artist: String?
    /// The album.
    public var album: String?
    /// The day or the year, as the file has it.
    public var date: String?
    /// Any text.
    public var comment: String?
    /// The number as written in the file, such as "3" or "3/12".
    public var trackNumber: String?
    /// The genre.
    public var genre: String?
    /// Whose rights it has.
    public var copyright: String?
    /// Who made the album.
    public var albumArtist: String?
    /// Who wrote the music.
    public var composer: String?
    /// The number as written in the file, such as "1" or "1/2".
    public var discNumber: String?
    /// The tempo, usually a whole number.
    public var beatsPerMinute: String?
    /// The musical key as DJ software writes it, such as "F#m".
    public var key: String?
    /// The cover: a JPEG or PNG file of up to 16 MB. Other pictures are not written.
    public var cover: [UInt8]?

    /// Bytes to leave free for tags that are found while the file is written.
    package var roomBytes = 0
    /// Enough for a tempo and a key.
    package static let roomForFoundBytes = 64

    /// No tags.
    public init() {}

    /// A tag and its names: the chunk in a WAV file's list of type INFO; the frame of ID3 version 2.4, then those of
    /// versions 2.3 and 2.2; the name in Vorbis comments, then others that are read; ffmpeg's key.
    package typealias Field = (
        text: WritableKeyPath<AudioTags, String?> & Sendable, info: String?, id3: [String],
        vorbis: [String], ffmpeg: String
    )

    static let fields: [Field] = [
        (\.title, "INAM", ["TIT2", "TT2"], ["TITLE"], "title"),
        (\.artist, "IART", ["TPE1", "TP1"], ["ARTIST"], "artist"),
        (\.album, "IPRD", ["TALB", "TAL"], ["ALBUM"], "album"),
        (\.date, "ICRD", ["TDRC", "TYER", "TYE"], ["DATE", "YEAR"], "date"),
        (\.comment, "ICMT", ["COMM", "COM"], ["COMMENT", "DESCRIPTION"], "comment"),
        (\.trackNumber, "ITRK", ["TRCK", "TRK"], ["TRACKNUMBER"], "track"),
        (\.genre, "IGNR", ["TCON", "TCO"], ["GENRE"], "genre"),
        (\.copyright, "ICOP", ["TCOP", "TCR"], ["COPYRIGHT"], "copyright"),
        (
            \.albumArtist, nil, ["TPE2", "TP2"], ["ALBUMARTIST", "ALBUM ARTIST", "ALBUM_ARTIST"],
            "album_artist"
        ),
        (\.composer, nil, ["TCOM", "TCM"], ["COMPOSER"], "composer"),
        (\.discNumber, nil, ["TPOS", "TPA"], ["DISCNUMBER"], "disc"),
        // The name in MP4, to which ffmpeg knows no other.
        (\.beatsPerMinute, nil, ["TBPM", "TBP"], ["BPM", "TBPM", "TMPO"], "tmpo"),
        (\.key, nil, ["TKEY", "TKE"], ["INITIALKEY", "KEY", "TKEY"], "initialkey"),
    ]

    /// Longest text that is kept. No container could hold all texts if each had any length.
    private static let mostTextBytes = 1 << 20

    /// Largest cover that is kept; a FLAC file has room for 16.7 MB.
    private static let mostCoverBytes = 16_000_000

    /// The tags that are set, with their texts in UTF-8. A zero byte would end a text in every
    /// container, so the text ends before it.
    package var texts: [(field: Field, utf8: [UInt8])] {
        Self.fields.compactMap { field in
            let utf8 = Array((self[keyPath: field.text] ?? "").utf8.prefix { $0 != 0 })
            return utf8.isEmpty || utf8.count > Self.mostTextBytes ? nil : (field, utf8)
        }
    }

    /// The cover and its type, unless it is something else than a JPEG or PNG file, or too large.
    package var picture: (type: String, bytes: [UInt8])? {
        guard let cover, cover.count <= Self.mostCoverBytes else { return nil }
        return Self.pictureType(of: cover[...]).map { ($0, cover) }
    }

    /// The MIME type of a JPEG or PNG file by its first bytes; nil for others.
    static func pictureType(of bytes: ArraySlice<UInt8>) -> String? {
        bytes.starts(with: [0xFF, 0xD8, 0xFF])
            ? "image/jpeg" : bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) ? "image/png" : nil
    }

    var isEmpty: Bool { texts.isEmpty && picture == nil && roomBytes == 0 }

    // MARK: - Tags of several sources

    /// The tags, and others where these have none.
    func completed(by others: AudioTags) -> AudioTags {
        var tags = self
        for field in Self.fields where tags[keyPath: field.text] == nil {
            tags[keyPath: field.text] = others[keyPath: field.text]
        }
        tags.cover = cover ?? others.cover
        return tags
    }

    /// The tags of one of the track's parts, so that players don't show the same title for all.
    package func titled(_ part: String) -> AudioTags {
        var tags = self
        if let title, !title.isEmpty { tags.title = "\(title) (\(part))" }
        return tags
    }

    /// The tags with as much room as gives them the size of others; nil if they are larger.
    func fitted(to others: AudioTags, size: (AudioTags) -> Int) -> AudioTags? {
        var tags = self
        tags.roomBytes = others.roomBytes
        tags.roomBytes += size(others) - size(tags)
        return tags.roomBytes > 0 ? tags : nil
    }

    /// The text without trailing spaces, which pad the fields of ID3 version 1; nil if nothing is
    /// left.
    static func text(_ bytes: [UInt8]) -> String? {
        // Old WAV and MP3 files don't name their encoding. Bytes that aren't UTF-8 are read as
        // Latin-1, in which every byte is a character; but a field may end within one of UTF-8.
        let text =
            (0...3).lazy.compactMap { String(validating: bytes.dropLast($0), as: UTF8.self) }
            .first { $0.utf8.count == bytes.count || !$0.allSatisfy(\.isASCII) }
            ?? String(decoding: bytes.map(UInt16.init), as: UTF16.self)
        let end = text.lastIndex { !$0.isWhitespace }
        return end.map { String(text[...$0]) }
    }
}
