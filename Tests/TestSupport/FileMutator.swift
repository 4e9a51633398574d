// Damages files for fuzzing: blindly, or with lengths, offsets and checksums corrected, so that a
// reader accepts the container and meets the damage further inside.

/// Damages one file in an endless sequence of ways, drawn from a seed.
package struct FileMutator {
    /// The format of the file, for consistent damage.
    package enum Container: Sendable {
        case safetensors, zip, pickles, ggml, protobuf
    }

    private let original: [UInt8]
    private let container: Container
    private var random: SplitMix64

    package init(_ original: [UInt8], container: Container, seed: UInt64) {
        self.original = original
        self.container = container
        random = SplitMix64(seed: seed)
    }

    /// The next damaged file; every second one is consistent.
    package mutating func next(round: Int) -> [UInt8] {
        var bytes = original
        if round % 2 == 0 {
            for _ in 0..<Int.random(in: 1...3, using: &random) { damage(&bytes) }
            return bytes
        }
        switch container {
        case .safetensors: damageHeader(&bytes)
        case .zip: damageArchive(&bytes)
        case .pickles: damagePickle(&bytes, 0..<bytes.count)
        case .ggml: damageTensors(&bytes)
        case .protobuf: damageMessage(&bytes)
        }
        return bytes
    }

    // MARK: - Blind

    private mutating func damage(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let place = Int.random(in: bytes.indices, using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0: bytes.removeLast(bytes.count - place)
        case 1:
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let place = Int.random(in: bytes.indices, using: &random)
                bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
            }
        case 2: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 3:
            // A very large number of 2, 4 or 8 bytes.
            let size = [2, 4, 8].randomElement(using: &random) ?? 4
            guard place + size <= bytes.count else { return }
            bytes.replaceSubrange(place..<place + size, with: number(size))
        case 4: bytes.removeSubrange(place..<min(place + length(), bytes.count))
        case 5:
            let piece = Array(bytes[place..<min(place + length(), bytes.count)])
            bytes.insert(
                contentsOf: piece, at: Int.random(in: 0...bytes.count, using: &random))
        case 6:
            // Near one end, where containers have their magic numbers.
            let edge = min(bytes.count, 256)
            let place = Int.random(in: 0..<edge, using: &random)
            let index = Bool.random(using: &random) ? place : bytes.count - 1 - place
            bytes[index] = UInt8.random(in: 0...255, using: &random)
        default:
            let byte = UInt8.random(in: 0...255, using: &random)
            bytes.insert(
                contentsOf: [UInt8](repeating: byte, count: length()), at: place)
        }
    }

    private mutating func length() -> Int {
        Int.random(in: 1...(Bool.random(using: &random) ? 8 : 2000), using: &random)
    }

    /// A number near a limit of integers, little-endian.
    private mutating func number(_ size: Int) -> [UInt8] {
        let edges: [UInt64] = [
            0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
            1 << 32, 1 << 40, 1 << 62, UInt64(Int64.max), 1 << 63, .max - 1, .max,
        ]
        let value = edges.randomElement(using: &random) ?? 0
        return littleEndian(value, size)
    }

    private func littleEndian(_ value: UInt64, _ size: Int) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private func integer(_ bytes: some Collection<UInt8>) -> Int {
        Int(truncatingIfNeeded: bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }

    // MARK: - safetensors: the header's length stays true

    private mutating func damageHeader(_ bytes: inout [UInt8]) {
        let end = 8 + integer(bytes[..<8])
        var header = Array(bytes[8..<end])
        let place = Int.random(in: header.indices, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            // One digit becomes a number far out of range, or negative.
            let digits = header.indices.filter { (0x30...0x39).contains(header[$0]) }
            let digit = digits.randomElement(using: &random) ?? place
            let numbers = [
                "-1", "9223372036854775807", "4294967296", "1e99", "18446744073709551616",
            ]
            header.replaceSubrange(
                digit...digit, with: Array((numbers.randomElement(using: &random) ?? "").utf8))
        case 1:
            // Deep nesting at the place of a value.
            let colons = header.indices.filter { header[$0] == UInt8(ascii: ":") }
            let depth = Int.random(in: 1...5000, using: &random)
            let bracket = Bool.random(using: &random) ? "[" : "{\"a\":"
            header.insert(
                contentsOf: String(repeating: bracket, count: depth).utf8,
                at: (colons.randomElement(using: &random) ?? place) + 1)
        case 2:
            let piece = Array(header[place..<min(place + length(), header.count)])
            header.insert(contentsOf: piece, at: place)
        default: header[place] = UInt8.random(in: 0x20...0x7E, using: &random)
        }
        bytes.replaceSubrange(..<end, with: littleEndian(UInt64(header.count), 8) + header)
    }

    // MARK: - Pickles

    /// Inserts opcodes at likely places, or changes a few.
    private mutating func damagePickle(_ bytes: inout [UInt8], _ range: Range<Int>) {
        guard !range.isEmpty else { return }
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = Int.random(in: range, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1:
                let opcodes =
                    Array("().NR]}abehjlqrstu0129QXcGJKM".utf8) + [0x81, 0x85, 0x93, 0x94]
                bytes[place] = opcodes.randomElement(using: &random) ?? 0
            case 2: bytes.insert(contentsOf: pickled(), at: place)
            default:
                let size = [1, 2, 4].randomElement(using: &random) ?? 4
                let end = min(place + size, range.upperBound)
                bytes.replaceSubrange(place..<end, with: number(end - place))
            }
        }
    }

    /// Whole values: nested deeply, containing themselves, very long, recalled many times.
    private mutating func pickled() -> [UInt8] {
        let count = Int.random(in: 1...20_000, using: &random)
        switch Int.random(in: 0..<7, using: &random) {
        case 0: return Array("N".utf8) + [UInt8](repeating: 0x85, count: count)
        case 1: return [UInt8](repeating: UInt8(ascii: "("), count: count)
        case 2: return Array("]q\u{01}h\u{01}a".utf8)
        case 3: return [0x8B] + number(4)
        case 4: return Array("X".utf8) + number(4)
        case 5:
            return Array("X\u{01}\0\0\0aq\u{02}".utf8)
                + Array(repeating: "h\u{02}h\u{02}".utf8, count: count).joined()
        default:
            return Array("}q\u{03}".utf8)
                + Array(repeating: "h\u{03}h\u{03}h\u{03}s".utf8, count: count / 4).joined()
        }
    }

    // MARK: - zip: directory, sizes and checksums are written anew

    private mutating func damageArchive(_ bytes: inout [UInt8]) {
        var entries = ZipEntries(bytes)
        guard !entries.list.isEmpty else { return }
        let pickle = entries.list.firstIndex { $0.name.hasSuffix("data.pkl") } ?? 0
        let any = Int.random(in: entries.list.indices, using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0: entries.list.remove(at: any)
        case 1: entries.list.append(entries.list[any])
        case 2: damage(&entries.list[any].content)
        default:
            damagePickle(
                &entries.list[pickle].content, 0..<entries.list[pickle].content.count)
        }
        bytes = entries.archive
    }

    // MARK: - ggml: a tensor's values are as many as its dimensions say

    private mutating func damageTensors(_ bytes: inout [UInt8]) {
        var starts: [Int] = []
        var position = 4
        while position + 8 <= bytes.count {
            starts.append(position)
            position = end(ofTensorAt: position, bytes)
        }
        let start = starts.randomElement(using: &random) ?? 4
        let old = start..<min(end(ofTensorAt: start, bytes), bytes.count)
        let nameBytes = integer(bytes[start + 4..<start + 8])
        let nameStart = start + 8 + 4 * integer(bytes[start..<start + 4])
        var name = Array(bytes[nameStart..<nameStart + nameBytes])
        if Bool.random(using: &random) { damage(&name) }
        let shape = (0..<Int.random(in: 0...5, using: &random)).map { _ in
            Int.random(in: -1...20, using: &random)
        }
        let count = max(shape.reduce(1, *), 0)
        var tensor = littleEndian(UInt64(shape.count), 4) + littleEndian(UInt64(name.count), 4)
        for size in shape { tensor += littleEndian(UInt64(bitPattern: Int64(size)), 4) }
        tensor += name + [UInt8](repeating: 0x3C, count: 2 * min(count, 100_000))
        bytes.replaceSubrange(old, with: tensor)
    }

    private func end(ofTensorAt start: Int, _ bytes: [UInt8]) -> Int {
        let rank = integer(bytes[start..<start + 4])
        let shape = (0..<rank).map {
            integer(bytes[start + 8 + 4 * $0..<start + 12 + 4 * $0])
        }
        return start + 8 + 4 * rank + integer(bytes[start + 4..<start + 8])
            + 2 * shape.reduce(1, *)
    }

    // MARK: - protobuf: the lengths of all messages around the damage stay true

    private mutating func damageMessage(_ bytes: inout [UInt8]) {
        guard var message = ProtobufTree(bytes, depth: 4) else { return }
        for _ in 0..<Int.random(in: 1...3, using: &random) { damage(&message) }
        bytes = message.bytes
    }

    private mutating func damage(_ message: inout ProtobufTree) {
        guard !message.fields.isEmpty else { return }
        let index = Int.random(in: message.fields.indices, using: &random)
        if case .message(var inner) = message.fields[index].value,
            !Bool.random(using: &random) || inner.fields.count > 3
        {
            damage(&inner)
            message.fields[index].value = .message(inner)
            return
        }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: message.fields.remove(at: index)
        case 1: message.fields.append(message.fields[index])
        case 2: message.fields[index].number = Int.random(in: 1...16, using: &random)
        case 3:
            message.fields[index].value = .varint(
                UInt64(bitPattern: Int64(integer(number(8)))))
        default:
            if case .bytes(var content) = message.fields[index].value {
                damage(&content)
                message.fields[index].value = .bytes(content)
            }
        }
    }
}
