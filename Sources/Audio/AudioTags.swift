// Title, artist, cover and so on, which stems take over from their track.

import System

/// Texts of a file's tags, in any script, and its cover. Each tag is a list of values: `$artist` is the list, and `artist`
/// its text, with "; " between the values; nil without any. A text that is set is the only value.
public struct AudioTags: Sendable, Equatable {
    /// The name of the track or the stem.
    @Values public var title: String?
    /// Who performs it.
    @Values public var artist: String?
    /// The album.
    @Values public var album: String?
    /// The day or the year, as the file has it.
    @Values public var date: String?
    /// Any text.
    @Values public var comment: String?
    /// The number as written in the file, such as "3" or "3/12".
    @Values public var trackNumber: String?
    /// The genre.
    @Values public var genre: String?
    /// Whose rights it has.
    @Values public var copyright: String?
    /// Who made the album.
    @Values public var albumArtist: String?
    /// Who wrote the music.
    @Values public var composer: String?
    /// The number as written in the file, such as "1" or "1/2".
    @Values public var discNumber: String?
    /// The tempo, usually a whole number.
    @Values public var beatsPerMinute: String?
    /// The musical key as DJ software writes it, such as "F#m".
    @Values public var key: String?
    /// The cover: a JPEG or PNG file of up to 16 MB. Other pictures are not written.
    public var cover: [UInt8]?

    /// The values of a tag, in the order of the file.
    @propertyWrapper
    public struct Values: Sendable, Equatable {
        /// All values.
        public var projectedValue: [String] = []
        /// The values as one text.
        public var wrappedValue: String? {
            get { projectedValue.isEmpty ? nil : projectedValue.joined(separator: "; ") }
            set { projectedValue = newValue.map { [$0] } ?? [] }
        }

        /// No value.
        public init() {}
    }

    /// Why stems can't hold a cover of the file, such as "GIF".
    package var lostCover: String?
    /// Whether the file is a stem or a mix of stems, which has the ``StemMark``.
    package var isStem = false
    /// Bytes to leave free for tags that are found while the file is written.
    package var roomBytes = 0
    /// Enough for a tempo and a key.
    package static let roomForFoundBytes = 64

    /// No tags.
    public init() {}

    /// A tag and its names, of which the first of each kind is written: chunks in a WAV file's list of type INFO and in
    /// AIFF; frames of ID3 version 2.4, then 2.3 and 2.2; Vorbis comments, then the item of MP4; ffmpeg's key.
    package typealias Field = (
        values: WritableKeyPath<AudioTags, [String]> & Sendable, info: [String], id3: [String],
        vorbis: [String], ffmpeg: String
    )

    static let fields: [Field] = [
        (\.$title, ["INAM", "NAME"], ["TIT2", "TT2"], ["TITLE", "©nam"], "title"),
        (\.$artist, ["IART", "AUTH"], ["TPE1", "TP1"], ["ARTIST", "©ART"], "artist"),
        (\.$album, ["IPRD"], ["TALB", "TAL"], ["ALBUM", "©alb"], "album"),
        (\.$date, ["ICRD"], ["TDRC", "TYER", "TYE"], ["DATE", "YEAR", "©day"], "date"),
        (
            \.$comment, ["ICMT", "ANNO"], ["COMM", "COM"], ["COMMENT", "DESCRIPTION", "©cmt"],
            "comment"
        ),
        // ffmpeg writes IPRT.
        (\.$trackNumber, ["ITRK", "IPRT"], ["TRCK", "TRK"], ["TRACKNUMBER"], "track"),
        (\.$genre, ["IGNR"], ["TCON", "TCO"], ["GENRE", "©gen"], "genre"),
        (\.$copyright, ["ICOP", "(c) "], ["TCOP", "TCR"], ["COPYRIGHT", "cprt"], "copyright"),
        (
            \.$albumArtist, [], ["TPE2", "TP2"],
            ["ALBUMARTIST", "ALBUM ARTIST", "ALBUM_ARTIST", "aART"], "album_artist"
        ),
        (\.$composer, [], ["TCOM", "TCM"], ["COMPOSER", "©wrt"], "composer"),
        (\.$discNumber, [], ["TPOS", "TPA"], ["DISCNUMBER"], "disc"),
        // ffmpeg knows no other name for it than that of MP4.
        (\.$beatsPerMinute, [], ["TBPM", "TBP"], ["BPM", "TBPM", "TMPO", "tmpo"], "tmpo"),
        (\.$key, [], ["TKEY", "TKE"], ["INITIALKEY", "KEY", "TKEY"], "initialkey"),
    ]

    /// The tags by all of their names, none of which has two meanings.
    static let fieldsByName = Dictionary(
        fields.flatMap { field in (field.info + field.id3 + field.vorbis).map { ($0, field) } },
        uniquingKeysWith: { first, _ in first })

    /// Most values of a tag that are kept, and most bytes of them together: a container couldn't hold all tags.
    static let mostValues = 100
    static let mostTextBytes = 1 << 20

    /// Largest cover that is kept; a FLAC file has room for 16.7 MB.
    static let mostCoverBytes = 16_000_000

    /// The tags that are set, with their values, and with these in one text. A zero byte would end a text in every
    /// container, so a value ends before it.
    package var texts: [(field: Field, values: [String], text: String)] {
        Self.fields.compactMap { field in
            var tag = Values()
            tag.projectedValue = self[keyPath: field.values].prefix(Self.mostValues)
                .map { String(decoding: $0.utf8.prefix { $0 != 0 }, as: UTF8.self) }
                .filter { !$0.isEmpty }
            guard let text = tag.wrappedValue, text.utf8.count <= Self.mostTextBytes else {
                return nil
            }
            return (field, tag.projectedValue, text)
        }
    }

    /// The tags as Vorbis comments: one for each value, and one for the total in "3/12".
    var comments: [String] {
        (isStem ? [StemMark.comment] : [])
            + texts.flatMap { field, values, text in
                let name = field.vorbis[0]
                guard name.hasSuffix("NUMBER"),
                    let parts = text.wholeMatch(of: /([^\/;]+)\/([0-9]+)/)
                else { return values.map { "\(name)=\($0)" } }
                return ["\(name)=\(parts.1)", "\(name.dropLast(6))TOTAL=\(parts.2)"]
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

    var isEmpty: Bool { texts.isEmpty && picture == nil && roomBytes == 0 && !isStem }

    // MARK: - Tags of several sources

    /// The tags, and others where these have none.
    func completed(by others: AudioTags) -> AudioTags {
        var tags = self
        for field in Self.fields where tags[keyPath: field.values].isEmpty {
            tags[keyPath: field.values] = others[keyPath: field.values]
        }
        tags.cover = cover ?? others.cover
        tags.lostCover = lostCover ?? others.lostCover
        return tags
    }

    /// The tags of one of the track's parts, so that players don't show the same title for all, and searches know it.
    package func titled(_ part: String) -> AudioTags {
        var tags = self
        tags.isStem = true
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
