// The directory of a zip archive whose entries are stored, not compressed: as `torch.save` writes it.
// Reference: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.6 to 4.3.16 and 4.5.3.
//
//     local header, name, extra, bytes     for each entry
//     central directory                    one record for each entry
//     [zip64 end record, its locator]      if a number doesn't fit below
//     end record, comment

/// The checked entries of an archive.
struct ZipArchive {
    /// The first bytes of a non-empty archive.
    static let localHeaderMark = Array("PK\u{03}\u{04}".utf8)
    private static let entryMark: UInt32 = 0x0201_4b50
    private static let endMark: UInt32 = 0x0605_4b50
    private static let wideEndMark: UInt32 = 0x0606_4b50
    private static let wideLocatorMark: UInt32 = 0x0706_4b50
    private static let entryBytes = 46
    private static let endBytes = 22
    private static let wideLocatorBytes = 20
    private static let wideEndBytes = 56
    private static let commentLimitBytes = 65_535
    /// Archives with more entries are refused. A published model has about 540.
    static let entryLimit = 65_536

    struct Entry {
        let name: String
        /// Its bytes, within the file.
        let byteRange: Range<Int>
        let checksum: UInt32
    }

    /// By name.
    let entries: [String: Entry]

    /// Reads the directory.
    ///
    /// - Throws: `FormatFailure` unless every entry is uncompressed, lies within the file and shares
    ///   no byte with another.
    init(_ file: MappedFile) throws {
        let directory = try ZipArchive.directory(file)
        var cursor = ByteCursor(file, directory.byteRange)
        var found: [Entry] = []
        for _ in 0..<directory.count {
            found.append(try ZipArchive.entry(&cursor, file, limit: directory.byteRange.lowerBound))
        }
        guard cursor.isAtEnd else {
            throw cursor.failure(
                "the zip directory has \(cursor.remainingBytes) bytes behind its last entry")
        }
        entries = try Dictionary(found.map { ($0.name, $0) }) { first, _ in
            throw cursor.failure("the zip archive has two entries named \"\(first.name)\"")
        }
        let ordered = found.sorted { $0.byteRange.lowerBound < $1.byteRange.lowerBound }
        for (first, second) in zip(ordered, ordered.dropFirst())
        where first.byteRange.upperBound > second.byteRange.lowerBound {
            throw FormatFailure(
                "the zip entries \"\(first.name)\" and \"\(second.name)\" share bytes",
                at: second.byteRange.lowerBound)
        }
    }

    /// Where the central directory lies, and how many entries it has.
    private static func directory(_ file: MappedFile) throws -> (byteRange: Range<Int>, count: Int)
    {
        let endPosition = try endRecord(file)
        var cursor = ByteCursor(file, endPosition..<file.countBytes)
        _ = try cursor.take(10, "the zip end record")
        var count = UInt64(try cursor.littleEndian(UInt16.self, "the number of zip entries"))
        var size = UInt64(try cursor.littleEndian(UInt32.self, "the zip directory's size"))
        var start = UInt64(try cursor.littleEndian(UInt32.self, "the zip directory's offset"))
        var limit = endPosition

        let locatorPosition = endPosition - wideLocatorBytes
        if locatorPosition >= 0 {
            var locator = ByteCursor(file, locatorPosition..<endPosition)
            if try locator.littleEndian(UInt32.self, "the zip64 locator") == wideLocatorMark {
                _ = try locator.take(4, "the zip64 locator")
                let position = try locator.littleEndian(UInt64.self, "the zip64 locator")
                guard let begin = Int(exactly: position), begin <= locatorPosition - wideEndBytes
                else {
                    throw locator.failure("the zip64 end record lies behind its locator")
                }
                var wide = ByteCursor(file, begin..<locatorPosition)
                guard try wide.littleEndian(UInt32.self, "the zip64 end record") == wideEndMark
                else {
                    throw wide.failure("the zip64 end record doesn't begin with its mark")
                }
                _ = try wide.take(28, "the zip64 end record")
                count = try wide.littleEndian(UInt64.self, "the number of zip entries")
                size = try wide.littleEndian(UInt64.self, "the zip directory's size")
                start = try wide.littleEndian(UInt64.self, "the zip directory's offset")
                limit = begin
            }
        }

        guard let start = Int(exactly: start), let size = Int(exactly: size), start <= limit,
            size <= limit - start
        else {
            throw FormatFailure(
                "the zip directory should be \(size) bytes from byte \(start) on, but "
                    + "\(limit) bytes stand before its end record", at: endPosition)
        }
        guard count <= UInt64(min(entryLimit, size / entryBytes)) else {
            throw FormatFailure(
                "the zip archive announces \(count) entries; its directory of \(size) "
                    + "bytes can have at most \(min(entryLimit, size / entryBytes))",
                at: endPosition)
        }
        return (start..<start + size, Int(count))
    }

    /// The position of the end record: the last one whose comment ends with the file.
    private static func endRecord(_ file: MappedFile) throws -> Int {
        let earliest = max(0, file.countBytes - endBytes - commentLimitBytes)
        let tail = earliest..<file.countBytes
        let found = file.withBytes(tail) { bytes in
            stride(from: bytes.count - endBytes, through: 0, by: -1).first { position in
                let mark = bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)
                guard UInt32(littleEndian: mark) == endMark else { return false }
                let comment = bytes.loadUnaligned(fromByteOffset: position + 20, as: UInt16.self)
                return position + endBytes + Int(UInt16(littleEndian: comment)) == bytes.count
            }
        }
        guard let found else {
            throw FormatFailure(
                "a zip archive begins here, but its end record is missing: the file is "
                    + "cut short", at: file.countBytes)
        }
        return earliest + found
    }

    private static func entry(
        _ cursor: inout ByteCursor, _ file: MappedFile, limit: Int
    ) throws -> Entry {
        let offset = cursor.position
        guard try cursor.littleEndian(UInt32.self, "a zip directory entry") == entryMark else {
            throw FormatFailure("a zip directory entry doesn't begin with its mark", at: offset)
        }
        _ = try cursor.take(4, "a zip directory entry")
        let flags = try cursor.littleEndian(UInt16.self, "a zip entry's flags")
        let method = try cursor.littleEndian(UInt16.self, "a zip entry's method")
        _ = try cursor.take(4, "a zip entry's time")
        let checksum = try cursor.littleEndian(UInt32.self, "a zip entry's checksum")
        var packed = UInt64(try cursor.littleEndian(UInt32.self, "a zip entry's size"))
        var size = UInt64(try cursor.littleEndian(UInt32.self, "a zip entry's size"))
        let nameBytes = try cursor.littleEndian(UInt16.self, "a zip entry's name")
        let extraBytes = try cursor.littleEndian(UInt16.self, "a zip entry's extra field")
        let commentBytes = try cursor.littleEndian(UInt16.self, "a zip entry's comment")
        _ = try cursor.take(8, "a zip entry's attributes")
        var local = UInt64(try cursor.littleEndian(UInt32.self, "a zip entry's offset"))
        let name = try cursor.text(Int(nameBytes), "a zip entry's name")
        var extra = ByteCursor(file, try cursor.take(Int(extraBytes), "a zip entry's extra field"))
        _ = try cursor.take(Int(commentBytes), "a zip entry's comment")
        try widen(&size, &packed, &local, from: &extra)

        guard flags & 1 == 0, method == 0, packed == size else {
            throw FormatFailure(
                "the zip entry \"\(name)\" is compressed or encrypted (method \(method), "
                    + "flags \(flags)); torch stores entries as they are", at: offset)
        }
        guard let local = Int(exactly: local), local <= limit, let size = Int(exactly: size) else {
            throw FormatFailure("the zip entry \"\(name)\" lies behind the directory", at: offset)
        }
        var header = ByteCursor(file, local..<limit)
        guard try header.littleEndian(UInt32.self, "a zip entry's header") == 0x0403_4b50 else {
            throw FormatFailure(
                "the header of the zip entry \"\(name)\" doesn't begin with its mark", at: local)
        }
        _ = try header.take(22, "a zip entry's header")
        let localNameBytes = try header.littleEndian(UInt16.self, "a zip entry's name")
        let localExtraBytes = try header.littleEndian(UInt16.self, "a zip entry's extra field")
        guard try header.text(Int(localNameBytes), "a zip entry's name") == name else {
            throw FormatFailure(
                "the zip entry \"\(name)\" has another name in its own header", at: local)
        }
        _ = try header.take(Int(localExtraBytes), "a zip entry's extra field")
        return Entry(
            name: name, byteRange: try header.take(size, "the zip entry \"\(name)\""),
            checksum: checksum)
    }

    /// Sizes and offset from the zip64 field (id 1), which holds those that don't fit 32 bits.
    private static func widen(
        _ size: inout UInt64, _ packed: inout UInt64, _ local: inout UInt64,
        from extra: inout ByteCursor
    ) throws {
        let absent = UInt64(UInt32.max)
        guard size == absent || packed == absent || local == absent else { return }
        while !extra.isAtEnd {
            let id = try extra.littleEndian(UInt16.self, "a zip extra field")
            let count = Int(try extra.littleEndian(UInt16.self, "a zip extra field"))
            let range = try extra.take(count, "a zip extra field")
            guard id == 1 else { continue }
            var field = ByteCursor(extra.file, range)
            if size == absent { size = try field.littleEndian(UInt64.self, "a zip64 size") }
            if packed == absent { packed = try field.littleEndian(UInt64.self, "a zip64 size") }
            if local == absent { local = try field.littleEndian(UInt64.self, "a zip64 offset") }
            return
        }
    }
}
