// Title, artist, cover and so on, which stems take over from their track.

import CSndFile
import System

/// Texts of a file's tags, in any script, and its cover; nil for a tag that the file doesn't have.
public struct AudioTags: Sendable, Equatable {
    public var title: String?
    public var artist: String?
    public var album: String?
    public var date: String?
    public var comment: String?
    /// The number as written in the file, such as "3" or "3/12".
    public var trackNumber: String?
    public var genre: String?
    public var copyright: String?
    public var albumArtist: String?
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

    public init() {}

    /// A tag and its names in libsndfile, WAV, MP3, FLAC and ffmpeg.
    struct Field: Sendable {
        let text: WritableKeyPath<AudioTags, String?> & Sendable
        /// libsndfile's constant `SF_STR_…`; nil for a tag that it doesn't read.
        var sndFile: Int?
        /// The chunk in a WAV file's list of type INFO.
        var info: String?
        /// The frame of ID3 version 2.4, then those of versions 2.3 and 2.2.
        let id3: [String]
        /// The name in Vorbis comments, then others that are read.
        let vorbis: [String]
        /// ffmpeg's key.
        let ffmpeg: String
    }

    static let fields = [
        Field(
            text: \.title, sndFile: SF_STR_TITLE, info: "INAM", id3: ["TIT2", "TT2"],
            vorbis: ["TITLE"], ffmpeg: "title"),
        Field(
            text: \.artist, sndFile: SF_STR_ARTIST, info: "IART", id3: ["TPE1", "TP1"],
            vorbis: ["ARTIST"], ffmpeg: "artist"),
        Field(
            text: \.album, sndFile: SF_STR_ALBUM, info: "IPRD", id3: ["TALB", "TAL"],
            vorbis: ["ALBUM"], ffmpeg: "album"),
        Field(
            text: \.date, sndFile: SF_STR_DATE, info: "ICRD", id3: ["TDRC", "TYER", "TYE"],
            vorbis: ["DATE", "YEAR"], ffmpeg: "date"),
        Field(
            text: \.comment, sndFile: SF_STR_COMMENT, info: "ICMT", id3: ["COMM", "COM"],
            vorbis: ["COMMENT", "DESCRIPTION"], ffmpeg: "comment"),
        Field(
            text: \.trackNumber, sndFile: SF_STR_TRACKNUMBER, info: "ITRK", id3: ["TRCK", "TRK"],
            vorbis: ["TRACKNUMBER"], ffmpeg: "track"),
        Field(
            text: \.genre, sndFile: SF_STR_GENRE, info: "IGNR", id3: ["TCON", "TCO"],
            vorbis: ["GENRE"], ffmpeg: "genre"),
        Field(
            text: \.copyright, sndFile: SF_STR_COPYRIGHT, info: "ICOP", id3: ["TCOP", "TCR"],
            vorbis: ["COPYRIGHT"], ffmpeg: "copyright"),
        Field(
            text: \.albumArtist, id3: ["TPE2", "TP2"],
            vorbis: ["ALBUMARTIST", "ALBUM ARTIST", "ALBUM_ARTIST"], ffmpeg: "album_artist"),
        Field(
            text: \.composer, id3: ["TCOM", "TCM"], vorbis: ["COMPOSER"], ffmpeg: "composer"),
        Field(text: \.discNumber, id3: ["TPOS", "TPA"], vorbis: ["DISCNUMBER"], ffmpeg: "disc"),
        // The name in MP4, to which ffmpeg knows no other.
        Field(
            text: \.beatsPerMinute, id3: ["TBPM", "TBP"], vorbis: ["BPM", "TBPM", "TMPO"],
            ffmpeg: "tmpo"),
        Field(
            text: \.key, id3: ["TKEY", "TKE"], vorbis: ["INITIALKEY", "KEY", "TKEY"],
            ffmpeg: "initialkey"),
    ]

    /// Longest text that is kept. No container could hold all texts if each had any length.
    private static let mostTextBytes = 1 << 20

    /// Largest cover that is kept; a FLAC file has room for 16.7 MB.
    private static let mostCoverBytes = 16_000_000

    /// The tags that are set, with their texts in UTF-8. A zero byte would end a text in every
    /// container, so the text ends before it.
    var texts: [(field: Field, utf8: [UInt8])] {
        Self.fields.compactMap { field in
            let utf8 = Array((self[keyPath: field.text] ?? "").utf8.prefix { $0 != 0 })
            return utf8.isEmpty || utf8.count > Self.mostTextBytes ? nil : (field, utf8)
        }
    }

    /// The cover and its type, unless it is something else than a JPEG or PNG file, or too large.
    var picture: (type: String, bytes: [UInt8])? {
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

    /// The tags of a file that libsndfile has open, whose texts go before those that it doesn't read.
    init(of handle: OpaquePointer, in file: InputFile) {
        for field in Self.fields {
            guard let number = field.sndFile, let text = sf_get_string(handle, Int32(number))
            else { continue }
            let bytes = UnsafeRawBufferPointer(start: text, count: strlen(text))
            self[keyPath: field.text] = Self.text(Array(bytes))
        }
        if trackNumber == nil {
            // ffmpeg's name for the track number in WAV files, which libsndfile doesn't know.
            trackNumber = file.infoText("IPRT").flatMap(Self.text)
        }
        self = completed(by: TagReader(file).tags)
    }

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
        // Latin-1, in which every byte is a character.
        let text =
            String(validating: bytes, as: UTF8.self)
            ?? String(decoding: bytes.map(UInt16.init), as: UTF16.self)
        let end = text.lastIndex { !$0.isWhitespace }
        return end.map { String(text[...$0]) }
    }
}
