// Boxes of the ISO base media file format, ISO/IEC 14496-12: a size, a type of four characters, and
// bytes or more boxes.

struct ISOBox: Equatable {
    enum Content: Equatable {
        case bytes([UInt8])
        case boxes([ISOBox])
    }

    /// Four bytes, mostly ASCII.
    let type: [UInt8]
    var content: Content

    /// Types of containers whose boxes are parsed: the path to a track's flags, chunk offsets and
    /// the user data.
    private static let containers = Set(["moov", "trak", "mdia", "minf", "stbl", "udta"])

    /// Limit of nesting, deeper than in any real file.
    private static let deepest = 16

    init(_ type: String, _ content: Content) {
        self.type = Array(type.utf8)
        self.content = content
    }

    private init(type: [UInt8], _ content: Content) {
        self.type = type
        self.content = content
    }

    func isOf(_ type: String) -> Bool { self.type.elementsEqual(type.utf8) }

    // MARK: - Reading

    /// Parses the boxes that fill some bytes.
    ///
    /// - Throws: ``ISOBoxError`` for a box that is shorter than its header or longer than its parent.
    static func boxes(in bytes: ArraySlice<UInt8>, depth: Int = 0) throws(ISOBoxError) -> [ISOBox] {
        if depth > deepest { throw .tooDeep(deepest) }
        var boxes: [ISOBox] = []
        var rest = bytes
        while !rest.isEmpty {
            // QuickTime ends user data with four zeros.
            if rest.count < ISOBoxHeader.shortBytes, rest.allSatisfy({ $0 == 0 }) { break }
            let header = try ISOBoxHeader(rest.prefix(ISOBoxHeader.longBytes), room: rest.count)
            let content = rest.prefix(header.countBytes).dropFirst(header.headerBytes)
            let isContainer = containers.contains { header.type.elementsEqual($0.utf8) }
            boxes.append(
                ISOBox(
                    type: header.type,
                    isContainer
                        ? .boxes(try Self.boxes(in: content, depth: depth + 1))
                        : .bytes(Array(content))))
            rest = rest.dropFirst(header.countBytes)
        }
        return boxes
    }

    // MARK: - Writing

    var bytes: [UInt8] {
        let content =
            switch content {
            case .bytes(let bytes): bytes
            case .boxes(let boxes): boxes.flatMap(\.bytes)
            }
        return ISOBoxHeader.bytes(type: type, contentBytes: content.count) + content
    }

    // MARK: - Boxes inside

    /// The boxes of a container; none for any other box.
    var children: [ISOBox] {
        get { if case .boxes(let boxes) = content { boxes } else { [] } }
        set { content = .boxes(newValue) }
    }

    /// Changes every box at a path of types.
    ///
    /// - Returns: the number of boxes at the path.
    @discardableResult
    mutating func forEach<Failure: Error>(
        _ path: ArraySlice<String>, _ change: (inout ISOBox) throws(Failure) -> Void
    ) throws(Failure) -> Int {
        guard let type = path.first else {
            try change(&self)
            return 1
        }
        var count = 0
        for index in children.indices where children[index].isOf(type) {
            count += try children[index].forEach(path.dropFirst(), change)
        }
        return count
    }

    /// Changes the bytes of every box at a path of types.
    @discardableResult
    mutating func forEachBytes<Failure: Error>(
        _ path: [String], _ change: (inout [UInt8]) throws(Failure) -> Void
    ) throws(Failure) -> Int {
        try forEach(path[...]) { (box: inout ISOBox) throws(Failure) in
            guard case .bytes(var bytes) = box.content else { return }
            try change(&bytes)
            box.content = .bytes(bytes)
        }
    }
}

/// The size and the type at the beginning of a box.
struct ISOBoxHeader: Equatable {
    static let shortBytes = 8
    /// Size of a header whose box size has 64 bits.
    static let longBytes = 16

    let type: [UInt8]
    let headerBytes: Int
    /// Size of the box with its header.
    let countBytes: Int

    /// - Parameters:
    ///   - bytes: the beginning of the box, at least the header if there is room for it.
    ///   - room: bytes from the beginning of the box to the end of its parent.
    init(_ bytes: some Collection<UInt8>, room: Int) throws(ISOBoxError) {
        guard bytes.count >= Self.shortBytes, room >= Self.shortBytes else {
            throw .truncated(type: "", neededBytes: Self.shortBytes, foundBytes: bytes.count)
        }
        type = Array(bytes.dropFirst(4).prefix(4))
        let name = Self.name(of: type)
        let short = bytes.bigEndian(4)
        guard short == 1 else {
            headerBytes = Self.shortBytes
            // A size of 0: the box goes on to the end.
            countBytes = short == 0 ? room : Int(short)
            try Self.check(name, countBytes, headerBytes, room)
            return
        }
        headerBytes = Self.longBytes
        guard bytes.count >= Self.longBytes else {
            throw .truncated(type: name, neededBytes: Self.longBytes, foundBytes: bytes.count)
        }
        countBytes = Int(clamping: bytes.dropFirst(Self.shortBytes).bigEndian(8))
        try Self.check(name, countBytes, headerBytes, room)
    }

    private static func check(
        _ name: String, _ count: Int, _ header: Int, _ room: Int
    ) throws(ISOBoxError) {
        // A box that is shorter than its header would be read again and again.
        if count < header {
            throw .truncated(type: name, neededBytes: header, foundBytes: count)
        }
        if count > room { throw .truncated(type: name, neededBytes: count, foundBytes: room) }
    }

    /// The header of a box.
    static func bytes(type: [UInt8], contentBytes: Int) -> [UInt8] {
        let short = contentBytes + shortBytes
        if let size = UInt32(exactly: short) { return size.bigEndianBytes + type }
        return UInt32(1).bigEndianBytes + type + UInt64(contentBytes + longBytes).bigEndianBytes
    }

    static func name(of type: [UInt8]) -> String {
        String(decoding: type, as: UTF8.self)
    }
}

/// A file's boxes can't be followed.
package enum ISOBoxError: Error, Equatable, CustomStringConvertible {
    case truncated(type: String, neededBytes: Int, foundBytes: Int)
    case tooDeep(Int)
    /// A box is missing, or there are several.
    case wrongCount(type: String, found: Int)
    case tooLarge(type: String, bytes: Int, limit: Int)
    case offsetTooLarge

    package var description: String {
        switch self {
        case .truncated(let type, let needed, let found):
            "the box '\(type)' needs \(needed) bytes, and there are \(found)"
        case .tooDeep(let limit): "boxes are nested more than \(limit) deep"
        case .wrongCount(let type, let found): "expected one box '\(type)', found \(found)"
        case .tooLarge(let type, let bytes, let limit):
            "the box '\(type)' has \(bytes) bytes, at most \(limit) are read"
        case .offsetTooLarge: "a chunk would begin beyond the 4 GiB that its offset can say"
        }
    }
}

extension Collection<UInt8> {
    /// The first `count` bytes as a big-endian number.
    func bigEndian(_ count: Int) -> UInt64 {
        prefix(count).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension FixedWidthInteger {
    var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
