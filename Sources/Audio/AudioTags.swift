// Title, artist and so on, which stems take over from their track.

import CSndFile
import System

/// Texts of a file's tags, in any script; nil for a tag that the file doesn't have.
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

    public init() {}

    /// A tag and its names in libsndfile, WAV, MP3 and ffmpeg.
    struct Field: Sendable {
        let text: WritableKeyPath<AudioTags, String?> & Sendable
        /// libsndfile's constant `SF_STR_…`.
        let sndFile: Int
        /// The chunk in a WAV file's list of type INFO.
        let info: String
        /// The frame of ID3 version 2.4.
        let id3: String
        /// ffmpeg's key.
        let ffmpeg: String
    }

    static let fields = [
        Field(text: \.title, sndFile: SF_STR_TITLE, info: "INAM", id3: "TIT2", ffmpeg: "title"),
        Field(text: \.artist, sndFile: SF_STR_ARTIST, info: "IART", id3: "TPE1", ffmpeg: "artist"),
        Field(text: \.album, sndFile: SF_STR_ALBUM, info: "IPRD", id3: "TALB", ffmpeg: "album"),
        Field(text: \.date, sndFile: SF_STR_DATE, info: "ICRD", id3: "TDRC", ffmpeg: "date"),
        Field(
            text: \.comment, sndFile: SF_STR_COMMENT, info: "ICMT", id3: "COMM", ffmpeg: "comment"),
        Field(
            text: \.trackNumber, sndFile: SF_STR_TRACKNUMBER, info: "ITRK", id3: "TRCK",
            ffmpeg: "track"),
        Field(text: \.genre, sndFile: SF_STR_GENRE, info: "IGNR", id3: "TCON", ffmpeg: "genre"),
        Field(
            text: \.copyright, sndFile: SF_STR_COPYRIGHT, info: "ICOP", id3: "TCOP",
            ffmpeg: "copyright"),
    ]

    /// The tags that are set, with their texts in UTF-8. A zero byte would end a text in every
    /// container, so the text ends before it.
    var texts: [(field: Field, utf8: [UInt8])] {
        Self.fields.compactMap { field in
            let utf8 = Array((self[keyPath: field.text] ?? "").utf8.prefix { $0 != 0 })
            return utf8.isEmpty ? nil : (field, utf8)
        }
    }

    /// The tags of a file that libsndfile has open.
    init(of handle: OpaquePointer, in file: InputFile) {
        for field in Self.fields {
            guard let text = sf_get_string(handle, Int32(field.sndFile)) else { continue }
            let bytes = UnsafeRawBufferPointer(start: text, count: strlen(text))
            self[keyPath: field.text] = Self.text(Array(bytes))
        }
        if trackNumber == nil {
            // ffmpeg's name for the track number in WAV files, which libsndfile doesn't know.
            trackNumber = file.infoText("IPRT").flatMap(Self.text)
        }
    }

    /// The text without trailing spaces, which pad the fields of ID3 version 1; nil if nothing is
    /// left.
    private static func text(_ bytes: [UInt8]) -> String? {
        // Old WAV and MP3 files don't name their encoding. Bytes that aren't UTF-8 are read as
        // Latin-1, in which every byte is a character.
        let text =
            String(validating: bytes, as: UTF8.self)
            ?? String(decoding: bytes.map(UInt16.init), as: UTF16.self)
        let end = text.lastIndex { !$0.isWhitespace }
        return end.map { String(text[...$0]) }
    }
}
