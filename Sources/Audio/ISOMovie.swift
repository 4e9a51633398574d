// A movie file of ISO boxes that gets user data and new track flags while it is copied. Media data
// stay as they are.

import System

/// The positions of a file's outer boxes, and its box `moov` in memory.
package struct ISOMovie {
    private struct Place {
        let type: [UInt8]
        let offset: Int
        let countBytes: Int
    }

    private let descriptor: Int32
    private let places: [Place]
    private let moov: Int
    private var movie: ISOBox

    /// Limit of the box `moov`; ten hours of five tracks take 25 MB.
    private static let longestMovieBytes = 1 << 28
    private static let mostBoxes = 10_000

    /// Reads the boxes of an open file.
    ///
    /// - Throws: ``ISOBoxError``, `SystemError`.
    package init(_ descriptor: Int32, countBytes: Int) throws {
        self.descriptor = descriptor
        var places: [Place] = []
        var offset = 0
        while offset < countBytes {
            let room = countBytes - offset
            let header = try ISOBoxHeader(
                Self.read(descriptor, at: offset, min(room, ISOBoxHeader.longBytes)), room: room)
            places.append(
                Place(type: header.type, offset: offset, countBytes: header.countBytes))
            if places.count > Self.mostBoxes {
                throw ISOBoxError.wrongCount(type: "moov", found: places.count)
            }
            offset += header.countBytes
        }
        self.places = places
        let found = places.indices.filter { places[$0].type.elementsEqual("moov".utf8) }
        guard found.count == 1 else {
            throw ISOBoxError.wrongCount(type: "moov", found: found.count)
        }
        moov = found[0]
        let place = places[moov]
        if place.countBytes > Self.longestMovieBytes {
            throw ISOBoxError.tooLarge(
                type: "moov", bytes: place.countBytes, limit: Self.longestMovieBytes)
        }
        let bytes = try Self.read(descriptor, at: place.offset, place.countBytes)
        movie = try ISOBox.boxes(in: bytes[...])[0]
    }

    /// The content of a box in the movie's user data; nil if there is none.
    package func userData(_ type: String) -> [UInt8]? {
        for case .bytes(let bytes) in movie.children.filter({ $0.isOf("udta") })
            .flatMap(\.children).filter({ $0.isOf(type) }).map(\.content)
        {
            return bytes
        }
        return nil
    }

    /// Puts a box into the movie's user data; it replaces a box of the same type.
    package mutating func setUserData(_ type: String, _ content: [UInt8]) {
        let box = ISOBox(type, .bytes(content))
        if let index = movie.children.firstIndex(where: { $0.isOf("udta") }) {
            movie.children[index].children.removeAll { $0.isOf(type) }
            movie.children[index].children.append(box)
        } else {
            movie.children.append(ISOBox("udta", .boxes([box])))
        }
    }

    /// Enables the first track and disables the others: a player that doesn't know stems plays the
    /// mix.
    ///
    /// The lowest bit of the 24 flags in `tkhd`, after the byte of the version (ISO/IEC 14496-12,
    /// 8.3.2).
    package mutating func enableFirstTrackOnly() {
        var isFirst = true
        movie.forEachBytes(["trak", "tkhd"]) { bytes in
            guard bytes.count >= 4 else { return }
            bytes[3] = bytes[3] & ~1 | (isFirst ? 1 : 0)
            isFirst = false
        }
    }

    /// Copies the file with the changed movie. Chunk offsets are corrected if the movie grows
    /// before the media data.
    ///
    /// - Throws: ``ISOBoxError``, `SystemError`, the errors of `sink`.
    package func copy(to sink: ([UInt8]) throws -> Void) throws {
        var movie = movie
        let old = places[moov]
        let growth = movie.bytes.count - old.countBytes
        try Self.moveChunks(of: &movie, from: old.offset + old.countBytes, by: growth)
        for (index, place) in places.enumerated() {
            if index == moov {
                try sink(movie.bytes)
                continue
            }
            let pieceBytes = 1 << 20
            for start in stride(from: 0, to: place.countBytes, by: pieceBytes) {
                let count = min(pieceBytes, place.countBytes - start)
                try sink(Self.read(descriptor, at: place.offset + start, count))
            }
        }
    }

    /// Adds `growth` to the offsets of all chunks behind a position in the file.
    private static func moveChunks(
        of movie: inout ISOBox, from end: Int, by growth: Int
    ) throws(ISOBoxError) {
        if growth == 0 { return }
        // Version, flags and the number of offsets come first.
        let headBytes = 8
        for (type, width) in [("stco", 4), ("co64", 8)] {
            let path = ["trak", "mdia", "minf", "stbl", type]
            try movie.forEachBytes(path) { (bytes: inout [UInt8]) throws(ISOBoxError) in
                for start in stride(from: headBytes, through: bytes.count - width, by: width) {
                    let offset = bytes[start...].bigEndian(width)
                    guard offset >= UInt64(end) else { continue }
                    let (moved, overflow) = offset.addingReportingOverflow(
                        UInt64(bitPattern: Int64(growth)))
                    // With a negative growth the addition overflows by design.
                    if overflow == (growth > 0) || width == 4 && moved > UInt32.max {
                        throw .offsetTooLarge
                    }
                    bytes.replaceSubrange(
                        start..<start + width, with: moved.bigEndianBytes.suffix(width))
                }
            }
        }
    }

    private static func read(_ descriptor: Int32, at offset: Int, _ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let found = try bytes.withUnsafeMutableBytes {
            try readAll(into: $0, from: descriptor, at: offset)
        }
        if found < count {
            throw ISOBoxError.truncated(type: "", neededBytes: count, foundBytes: found)
        }
        return bytes
    }
}
