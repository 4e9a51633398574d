// Parses and writes a zip archive, for fuzzing its reader: uncompressed, no zip64.

import WeightsLoader

/// The entries of an archive of stored files.
package struct ZipEntries {
    package var list: [(name: String, content: [UInt8])] = []

    /// Reads the local headers of an archive that torch wrote.
    package init(_ archive: [UInt8]) {
        var position = 0
        // torch reliably writes the sizes only in the central directory.
        guard
            let end = archive.indices.dropLast(21).last(where: { matches(archive, $0, 0x0605_4b50) }
            )
        else { return }
        position = number(archive, end + 16, 4)
        while position + 46 <= archive.count, matches(archive, position, 0x0201_4b50) {
            let size = number(archive, position + 24, 4)
            let nameBytes = number(archive, position + 28, 2)
            let name = archive[position + 46..<position + 46 + nameBytes]
            let local = number(archive, position + 42, 4)
            let start =
                local + 30 + number(archive, local + 26, 2) + number(archive, local + 28, 2)
            list.append(
                (String(decoding: name, as: UTF8.self), Array(archive[start..<start + size])))
            position +=
                46 + nameBytes + number(archive, position + 30, 2)
                + number(archive, position + 32, 2)
        }
    }

    /// A valid archive of the entries.
    package var archive: [UInt8] {
        var result: [UInt8] = []
        var directory: [UInt8] = []
        for entry in list {
            let name = Array(entry.name.utf8)
            let checksum = entry.content.withUnsafeBytes(CRC32.checksum)
            let sizes =
                field(Int(checksum), 4) + field(entry.content.count, 4)
                + field(entry.content.count, 4) + field(name.count, 2) + field(0, 2)
            directory +=
                field(0x0201_4b50, 4) + field(0, 12) + sizes + field(0, 10)
                + field(result.count, 4) + name
            result += field(0x0403_4b50, 4) + field(0, 10) + sizes + name + entry.content
        }
        return result + directory + field(0x0605_4b50, 4) + field(0, 4)
            + field(list.count, 2) + field(list.count, 2) + field(directory.count, 4)
            + field(result.count, 4) + field(0, 2)
    }

    private func matches(_ bytes: [UInt8], _ position: Int, _ mark: Int) -> Bool {
        number(bytes, position, 4) == mark
    }

    private func number(_ bytes: [UInt8], _ position: Int, _ size: Int) -> Int {
        bytes[position..<position + size].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    private func field(_ value: Int, _ size: Int) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: $0 < 8 ? value >> (8 * $0) : 0) }
    }
}
