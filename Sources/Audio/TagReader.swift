// The tags of a file. Reference: ID3 tag versions 2.2, 2.3 and 2.4, id3.org;
// RFC 9639 (FLAC), 8.6 and 8.8; Vorbis I specification, 5; RFC 3533 (Ogg), 6; RFC 7845 (Opus), 5.2.

import System

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads ID3 tags in MP3, WAV and AIFF files, the metadata of FLAC, the comments of Ogg, and the list of MP4. Broken tags
/// are left out, and so is what is large: a file may not choose how much memory and time they take.
struct TagReader {
    private(set) var tags = AudioTags()
    private var isFrontCover = false
    /// The part of the file that is read, and which of a part's names has given each tag.
    private var part = 0
    private var givers: [String: String] = [:]

    /// Most bytes of a tag that are read: a picture of 16 MB in base64, and texts.
    private static let mostBytes = 24 << 20

    /// - Parameter sound: what was found at the same file.
    init(_ bytes: FileWindow, _ sound: Sound) {
        let file = bytes.file
        if sound.order?.codec == .ogg || bytes.matches("OggS", at: 0) {
            let packet = Self.secondPacket(
                of: bytes, from: sound.order?.bytes.lowerBound ?? 0)[...]
            for name in ["\u{3}vorbis", "OpusTags"] where packet.starts(with: name.utf8) {
                addComments(packet.dropFirst(name.utf8.count))
            }
            return
        }
        let chunks = sound.plain?.chunks ?? [:]
        addInfo(bytes, chunks["INFO"]?.first)
        for name in ["NAME", "AUTH", "(c) ", "ANNO"] {
            for chunk in chunks[name] ?? [] { add(Self.text(bytes, chunk), name) }
        }
        addMP4(bytes)
        addID3(file, at: 0)
        let start = sound.order?.bytes.lowerBound ?? bytes.endOfTags(from: 0)
        if bytes.matches("fLaC", at: start) { addFLAC(file, at: start + 4) }
        if let chunk = (chunks["id3 "] ?? chunks["ID3 "])?.first { addID3(file, at: chunk.start) }
        addID3Version1(bytes.slice(bytes.end - 128, 128))
    }

    // MARK: - WAV and AIFF

    private static func text(_ bytes: FileWindow, _ chunk: FileChunk) -> String? {
        AudioTags.text(
            Array(bytes.slice(chunk.start, min(chunk.countBytes, 1 << 20)).prefix { $0 != 0 }))
    }

    /// Adds the texts of a WAV file's list of type INFO.
    private mutating func addInfo(_ bytes: FileWindow, _ list: FileChunk?) {
        guard let list else { return }
        let end = list.start + min(list.countBytes, 1 << 20)
        var offset = list.start + 4
        while offset + 8 <= end {
            let head = bytes.slice(offset, 8)
            guard head.count == 8 else { return }
            let size = Int(head.field(4, 4))
            let name = String(decoding: head[..<4], as: UTF8.self)
            let text = Self.text(
                bytes, FileChunk(start: offset + 8, countBytes: min(size, end - offset - 8)))
            add(text, name)
            offset += 8 + size + size % 2
        }
    }

    /// Adds a value of a tag. The first name of the first part that has the tag gives all of its values: others repeat
    /// them.
    private mutating func add(_ text: String?, _ name: String) {
        guard let text, !text.isEmpty, let field = AudioTags.fieldsByName[name] else { return }
        let giver = "\(part) \(name)"
        let values = tags[keyPath: field.values]
        guard givers[field.ffmpeg, default: giver] == giver, values.count < AudioTags.mostValues,
            values.reduce(text.utf8.count, { $0 + $1.utf8.count + 2 }) <= AudioTags.mostTextBytes,
            !values.contains(text)
        else { return }
        givers[field.ffmpeg] = giver
        tags[keyPath: field.values].append(text)
    }

    /// Adds a picture that follows its description, which no container limits to a position.
    ///
    /// - Parameter kind: 3 for the front cover, which goes before others.
    private mutating func addPicture(_ bytes: ArraySlice<UInt8>, kind: UInt8?) {
        guard tags.cover == nil || kind == 3 && !isFrontCover else { return }
        let head = bytes.prefix(1_024)
        let start = head.indices.first { AudioTags.pictureType(of: bytes[$0...]) != nil }
        guard let start, bytes.endIndex - start <= AudioTags.mostCoverBytes else {
            // The type of a picture is in its first bytes, or in the MIME type before them.
            let text = String(decoding: head.map(UInt16.init), as: UTF16.self).uppercased()
            let type = ["GIF", "WEBP", "BMP", "TIFF", "AVIF", "HEIC"].first(where: text.contains)
            tags.lostCover = start != nil ? "larger than 16 MB" : type ?? "of no known type"
            return
        }
        tags.cover = Array(bytes[start...])
        isFrontCover = kind == 3
    }

    // MARK: - MP4

    /// Adds the items of a list, of which ffmpeg gives one text each, and no tempo.
    private mutating func addMP4(_ bytes: FileWindow) {
        func boxes(_ range: Range<Int>) -> [MP4Box] { mp4Boxes(in: range, read: bytes.slice) }
        // A version of four bytes comes before the boxes of `meta`.
        let list = ["moov", "udta", "meta", "ilst"].reduce(0..<bytes.end) { range, name in
            let content = boxes(range).first { $0.type == name }?.content ?? 0..<0
            return content.dropFirst(name == "meta" ? 4 : 0)
        }
        for item in boxes(list) {
            for data in boxes(item.content) where data.type == "data" && data.content.count > 8 {
                // The type of the value (2 is UTF-16, as in ID3) and a language come first.
                let place = data.content.prefix(8 + Self.mostBytes)
                let content = bytes.file.bytes(at: place.lowerBound, count: place.count)
                let value = content.dropFirst(8)
                let tempo = value.prefix(8).number(isBigEndian: true)
                switch item.type {
                case "covr": addPicture(value, kind: nil)
                case "tmpo": add(tempo > 0 ? "\(tempo)" : nil, item.type)
                default:
                    for text in Self.strings(value, content.dropFirst(3).first == 2 ? 2 : 3) {
                        add(text, item.type)
                    }
                }
            }
        }
    }

    // MARK: - FLAC and Ogg

    private mutating func addFLAC(_ file: InputFile, at offset: Int) {
        part += 1
        var offset = offset
        for _ in 0..<100 {
            let head = file.bytes(at: offset, count: 4)
            guard head.count == 4 else { return }
            let count = Int(head[1...].number(isBigEndian: true))
            if [4, 6].contains(head[0] & 0x7F) {
                let content = file.bytes(at: offset + 4, count: count)
                if head[0] & 0x7F == 4 {
                    addComments(content[...])
                } else {
                    // It begins with a kind of four bytes.
                    addPicture(content[...], kind: content.dropFirst(3).first)
                }
            }
            if head[0] & 0x80 != 0 { return }
            offset += 4 + count
        }
    }

    /// Comments with the total of a number.
    private static let totals: [String: WritableKeyPath<AudioTags, [String]> & Sendable] = [
        "TRACKTOTAL": \.$trackNumber, "TOTALTRACKS": \.$trackNumber,
        "DISCTOTAL": \.$discNumber, "TOTALDISCS": \.$discNumber,
    ]

    /// Adds Vorbis comments.
    private mutating func addComments(_ bytes: ArraySlice<UInt8>) {
        var (rest, totals) = (bytes, [WritableKeyPath<AudioTags, [String]>: String]())
        func next() -> ArraySlice<UInt8>? {
            let count = Int(rest.prefix(4).number(isBigEndian: false))
            guard rest.count >= 4, count <= rest.count - 4 else { return nil }
            defer { rest = rest.dropFirst(4 + count) }
            return rest.dropFirst(4).prefix(count)
        }
        // The program's name, then the number of comments.
        guard next() != nil else { return }
        rest = rest.dropFirst(4)
        while let comment = next() {
            guard let equals = comment.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = String(decoding: comment[..<equals], as: UTF8.self).uppercased()
            let value = comment[(equals + 1)...]
            if name == "METADATA_BLOCK_PICTURE" {
                let block = Data(base64Encoded: Data(value)).map(Array.init) ?? []
                addPicture(block[...], kind: block.dropFirst(3).first)
            } else if let values = Self.totals[name], let total = AudioTags.text(Array(value)),
                total.wholeMatch(of: /[0-9]{1,9}/) != nil
            {
                totals[values] = total
            } else {
                add(AudioTags.text(Array(value)), name)
            }
        }
        // "3" and "12" are "3/12", as other formats have them.
        for (values, total) in totals {
            for (index, text) in tags[keyPath: values].enumerated() where !text.contains("/") {
                tags[keyPath: values][index] += "/\(total)"
            }
        }
    }

    /// The second packet of the first stream of an Ogg file, which holds its comments.
    private static func secondPacket(of file: FileWindow, from start: Int) -> [UInt8] {
        var (packet, ended, offset) = ([UInt8](), 0, start)
        let first = OggPage(file, at: start)
        while let page = OggPage(file, at: offset), packet.count < mostBytes {
            offset += page.bytes.count
            for piece in page.pieces where page.serial == first?.serial {
                if ended == 1 { packet += piece.bytes }
                if piece.isEnd { ended += 1 }
                if ended == 2 { return packet }
            }
        }
        return []
    }

    // MARK: - ID3

    /// Adds the texts of a tag of version 1, which has fields of fixed lengths.
    private mutating func addID3Version1(_ tag: [UInt8]) {
        guard tag.count == 128, tag.starts(with: "TAG".utf8) else { return }
        part += 1
        for (name, start, count) in [
            ("TIT2", 3, 30), ("TPE1", 33, 30), ("TALB", 63, 30), ("TDRC", 93, 4), ("COMM", 97, 30),
        ] {
            add(AudioTags.text(Array(tag[start..<start + count].prefix { $0 != 0 })), name)
        }
        // Version 1.1 ends the comment by a zero, and then has the track's number.
        if tag[125] == 0, tag[126] > 0 { add("\(tag[126])", "TRCK") }
        add(ID3Genre.name("\(tag[127])"), "TCON")
    }

    private mutating func addID3(_ file: InputFile, at offset: Int) {
        let head = file.bytes(at: offset, count: 10)
        guard head.count == 10, head.starts(with: "ID3".utf8), (2...4).contains(head[3])
        else { return }
        part += 1
        let (version, flags) = (head[3], head[5])
        let count = min(Self.size(head[6...]), Self.mostBytes, file.sizeBytes - offset - 10)
        var tag = file.bytes(at: offset + 10, count: count)[...]
        if version < 4, flags & 0x80 != 0 { tag = Self.synchronised(tag) }
        if version > 2, flags & 0x40 != 0 {
            // The size of an extended header; that of version 2.3 leaves itself out.
            let bytes = tag.prefix(4)
            tag = tag.dropFirst(
                version == 4 ? Self.size(bytes) : 4 + Int(bytes.number(isBigEndian: true)))
        }
        let nameBytes = version == 2 ? 3 : 4
        let headBytes = version == 2 ? 6 : 10
        // Zeros pad a tag. Real ones have up to a hundred frames.
        for _ in 0..<10_000 where tag.count > headBytes && tag.first != 0 {
            let head = Array(tag.prefix(headBytes))
            let sizeBytes = head[nameBytes..<2 * nameBytes]
            let size =
                version == 4 ? Self.size(sizeBytes) : Int(sizeBytes.number(isBigEndian: true))
            tag = tag.dropFirst(headBytes)
            // The end of a picture that is too large may be missing.
            guard size <= tag.count || tag.count > 1 << 24 else { return }
            var content = tag.prefix(size)
            tag = tag.dropFirst(size)
            let form = version == 2 ? 0 : head[9]
            // Compressed and encrypted frames are left out; a group and a length are passed over.
            if form & (version == 4 ? 0x0C : 0xC0) != 0 { continue }
            if form & (version == 4 ? 0x40 : 0x20) != 0 { content = content.dropFirst() }
            if version == 4, form & 1 != 0 { content = content.dropFirst(4) }
            if version == 4, form & 2 != 0 { content = Self.synchronised(content) }
            addFrame(
                String(decoding: head[..<nameBytes], as: UTF8.self), Array(content), version)
        }
    }

    private mutating func addFrame(_ name: String, _ content: [UInt8], _ version: UInt8) {
        guard let encoding = content.first else { return }
        if name == "APIC" || name == "PIC" {
            // The encoding, a type of three letters or up to a zero byte, and the kind.
            let type = name == "PIC" ? 3 : content.dropFirst().firstIndex(of: 0) ?? 0
            addPicture(content[...], kind: content.dropFirst(type + 1).first)
        } else if name.hasPrefix("COM") {
            // A language and a description go before a comment; programs' own have one.
            let strings = Self.strings(content.dropFirst(4), encoding)
            if strings[0].isEmpty { for text in strings.dropFirst() { add(text, name) } }
        } else {
            for text in Self.strings(content.dropFirst(), encoding) {
                let isGenre = ["TCON", "TCO"].contains(name)
                for text in isGenre ? ID3Genre.names(text, version) : [text] { add(text, name) }
            }
        }
    }

    /// The texts in a frame, which zeros separate.
    private static func strings(_ bytes: ArraySlice<UInt8>, _ encoding: UInt8) -> [String] {
        let most = AudioTags.mostValues
        guard encoding == 1 || encoding == 2 else {
            return bytes.split(separator: 0, maxSplits: most, omittingEmptySubsequences: false)
                .map { AudioTags.text(Array($0)) ?? "" }
        }
        let bytes = Array(bytes)
        let units = stride(from: 0, to: bytes.count - 1, by: 2).map {
            UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1])
        }
        // Each text may begin with a mark of its order of bytes.
        var isSwapped = false
        return units.split(separator: 0, maxSplits: most, omittingEmptySubsequences: false).map {
            units in
            let hasMark = units.first == 0xFEFF || units.first == 0xFFFE
            if hasMark { isSwapped = units.first == 0xFFFE }
            let text = units.dropFirst(hasMark ? 1 : 0).map { isSwapped ? $0.byteSwapped : $0 }
            return AudioTags.text(Array(String(decoding: text, as: UTF16.self).utf8)) ?? ""
        }
    }

    /// A size with seven bits in each byte.
    private static func size(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.reduce(0) { $0 << 7 | Int($1 & 0x7F) }
    }

    /// The bytes without the zeros that keep decoders from taking them for a frame.
    private static func synchronised(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var (result, last) = ([UInt8](), UInt8(0))
        for byte in bytes {
            if !(last == 0xFF && byte == 0) { result.append(byte) }
            last = byte
        }
        return result[...]
    }
}

extension FFmpeg {
    /// The tags of a file that libsndfile doesn't decode; none where ffmpeg fails. It writes them to a FLAC
    /// file with next to no sound.
    ///
    /// - Throws: `CancellationError`, and for the temporary file.
    func tags(of input: InputFile, _ spool: Spool) throws -> AudioTags {
        // A picture that it can't copy makes it fail. A film is no picture: `V` are streams without those.
        for pictures in [["-map", "0:v?", "-map", "-0:V?", "-c:v", "copy"], []] {
            let output = try spool.unnamedFile(for: "the tags of \(input.path)")
            var mayBeWhole = false
            do {
                mayBeWhole = try run(
                    Self.quiet + Self.input("file:/dev/stdin") + ["-map", "0:a:0"] + pictures
                        + ["-c:a", "flac", "-ac", "1", "-frames:a", "1", "-f", "flac"]
                        + ["-y", "file:/dev/stdout"],
                    descriptors: [input.descriptor, output], of: input.path, spool
                ).mayBeWhole
            } catch is OutputSilence.TooLong {
            } catch {
                close(output)
                throw error
            }
            let file = try? InputFile(descriptor: output, path: input.path)
            if mayBeWhole, let file {
                let bytes = FileWindow(file)
                return TagReader(bytes, Sound(bytes)).tags
            }
        }
        return AudioTags()
    }
}
