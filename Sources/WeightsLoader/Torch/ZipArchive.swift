// Also Embedded Swift: typed throws, no key paths, no casts.
// The directory of a zip archive with uncompressed entries, as `torch.save` and `numpy.savez` write it.
// Reference: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.6 to 4.3.16 and 4.5.3.
//
//     local header, name, extra, bytes     for each entry
//     central directory                    one record for each entry
//     [zip64 end record, its locator]      if a number doesn't fit below
//     end record, comment

package struct ZipArchive {
    /// The first bytes of a non-empty archive.
    static let localHeaderMark = Array("PK\u{03}\u{04}".utf8)
    private static let localMark: UInt32 = 0x0403_4b50
    private static let localHeaderBytes = 30
    private static let entryMark: UInt32 = 0x0201_4b50
    private static let endMark: UInt32 = 0x0605_4b50
    private static let wideEndMark: UInt32 = 0x0606_4b50
    private static let wideLocatorMark: UInt32 = 0x0706_4b50
    private static let entryBytes = 46
    private static let endBytes = 22
    private static let wideLocatorBytes = 20
    private static let wideEndBytes = 56
    private static let commentLimitBytes = 65_535
    /// The most entries of an archive. A published model has about 540.
    static let entryLimit = 65_536

    package struct Entry {
        package let name: String
        /// The entry's byte range within the file.
        package let byteRange: Range<Int>
        let checksum: UInt32
    }

    package let entries: [String: Entry]

    /// Reads the directory.
    ///
    /// - Throws: `FormatFailure` unless every entry is uncompressed, lies within the file and shares
    ///   no byte with another.
    package init(_ file: FileBytes) throws(FormatFailure) {
        let directory = try ZipArchive.directory(file)
        var cursor = ByteCursor(file, directory.byteRange)
        var found: [Entry] = []
        for _ in 0..<directory.count {
            found.append(try ZipArchive.entry(&cursor, file, limit: directory.byteRange.lowerBound))
        }
        guard cursor.isAtEnd else {
            throw cursor.failure(
                "the zip directory has \(cursor.remainingBytes) bytes after its last entry")
        }
        var entries: [String: Entry] = [:]
        for entry in found where entries.updateValue(entry, forKey: entry.name) != nil {
            throw cursor.failure("the zip archive has two entries named \"\(entry.name)\"")
        }
        self.entries = entries
        let ordered = found.sorted { $0.byteRange.lowerBound < $1.byteRange.lowerBound }
        for (first, second) in zip(ordered, ordered.dropFirst())
        where first.byteRange.upperBound > second.byteRange.lowerBound {
            throw FormatFailure(
                "the zip entries \"\(first.name)\" and \"\(second.name)\" share bytes",
                at: second.byteRange.lowerBound)
        }
    }

    /// The byte range of the central directory, and its number of entries.
    private static func directory(_ file: FileBytes) throws(FormatFailure) -> (
        byteRange: Range<Int>, count: Int
    ) {
        let endPosition = try endRecord(file)
        var count = UInt64(file.littleEndian(UInt16.self, at: endPosition + 10))
        var size = UInt64(file.littleEndian(UInt32.self, at: endPosition + 12))
        var start = UInt64(file.littleEndian(UInt32.self, at: endPosition + 16))
        var limit = endPosition

        let locator = endPosition - wideLocatorBytes
        if locator >= 0, file.littleEndian(UInt32.self, at: locator) == wideLocatorMark {
            let position = file.littleEndian(UInt64.self, at: locator + 8)
            guard let wide = Int(exactly: position), wide <= locator - wideEndBytes else {
                throw FormatFailure(
                    "the zip64 end record doesn't end before its locator", at: locator)
            }
            guard file.littleEndian(UInt32.self, at: wide) == wideEndMark else {
                throw FormatFailure(
                    "the zip64 end record doesn't begin with its mark", at: wide)
            }
            count = file.littleEndian(UInt64.self, at: wide + 32)
            size = file.littleEndian(UInt64.self, at: wide + 40)
            start = file.littleEndian(UInt64.self, at: wide + 48)
            limit = wide
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
                "the zip archive states \(count) entries; its directory of \(size) "
                    + "bytes can have at most \(min(entryLimit, size / entryBytes))",
                at: endPosition)
        }
        return (start..<start + size, Int(count))
    }

    /// The position of the end record: the last one whose comment ends with the file.
    private static func endRecord(_ file: FileBytes) throws(FormatFailure) -> Int {
        let earliest = max(0, file.countBytes - endBytes - commentLimitBytes)
        let last = file.countBytes - endBytes
        let position = stride(from: last, through: earliest, by: -1).first { position in
            file.littleEndian(UInt32.self, at: position) == endMark
                && position + Int(file.littleEndian(UInt16.self, at: position + 20)) == last
        }
        guard let position else {
            throw FormatFailure(
                "a zip archive begins here, but its end record is missing: the file is "
                    + "cut short", at: file.countBytes)
        }
        return position
    }

    private static func entry(
        _ cursor: inout ByteCursor, _ file: FileBytes, limit: Int
    ) throws(FormatFailure) -> Entry {
        let offset = cursor.position
        _ = try cursor.take(entryBytes, "a zip directory entry")
        func number16(_ at: Int) -> Int { Int(file.littleEndian(UInt16.self, at: offset + at)) }
        func number32(_ at: Int) -> UInt32 { file.littleEndian(UInt32.self, at: offset + at) }
        guard number32(0) == entryMark else {
            throw FormatFailure("a zip directory entry doesn't begin with its mark", at: offset)
        }
        let (flags, method, checksum) = (number16(8), number16(10), number32(16))
        var (packed, size) = (UInt64(number32(20)), UInt64(number32(24)))
        let (nameBytes, extraBytes, commentBytes) = (number16(28), number16(30), number16(32))
        var local = UInt64(number32(42))
        let name = try cursor.text(nameBytes, "a zip entry's name")
        var extra = ByteCursor(file, try cursor.take(extraBytes, "a zip entry's extra field"))
        _ = try cursor.take(commentBytes, "a zip entry's comment")
        try widen(&size, &packed, &local, from: &extra)

        guard flags & 1 == 0, method == 0, packed == size else {
            throw FormatFailure(
                "the zip entry \"\(name)\" is compressed or encrypted (method \(method), "
                    + "flags \(flags)); torch.save and numpy.savez store entries as they are",
                at: offset)
        }
        guard let local = Int(exactly: local), local <= limit, let size = Int(exactly: size) else {
            throw FormatFailure(
                "the zip entry \"\(name)\" doesn't end before the directory", at: offset)
        }
        var header = ByteCursor(file, local..<limit)
        _ = try header.take(localHeaderBytes, "a zip entry's header")
        guard file.littleEndian(UInt32.self, at: local) == localMark else {
            throw FormatFailure(
                "the header of the zip entry \"\(name)\" doesn't begin with its mark", at: local)
        }
        let localNameBytes = Int(file.littleEndian(UInt16.self, at: local + 26))
        let localExtraBytes = Int(file.littleEndian(UInt16.self, at: local + 28))
        guard try header.text(localNameBytes, "a zip entry's name") == name else {
            throw FormatFailure(
                "the zip entry \"\(name)\" has another name in its own header", at: local)
        }
        _ = try header.take(localExtraBytes, "a zip entry's extra field")
        return Entry(
            name: name, byteRange: try header.take(size, "the zip entry \"\(name)\""),
            checksum: checksum)
    }

    /// Reads sizes and offset that don't fit 32 bits from the zip64 field (id 1).
    private static func widen(
        _ size: inout UInt64, _ packed: inout UInt64, _ local: inout UInt64,
        from extra: inout ByteCursor
    ) throws(FormatFailure) {
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

/// CRC-32 of zip archives (ITU-T V.42; polynomial 0x04C11DB7, bits reflected).
package enum CRC32 {
    /// Table of the remainders of all byte values.
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in
            value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320
        }
    }

    package static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        table.withUnsafeBufferPointer { table in
            ~bytes.reduce(~UInt32(0)) { $0 >> 8 ^ table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] }
        }
    }
}
