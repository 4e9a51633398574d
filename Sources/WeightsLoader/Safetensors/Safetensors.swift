// Also Embedded Swift: typed throws, no key paths, no casts.
// Reader of the safetensors format (https://github.com/huggingface/safetensors):
//
//     8 bytes    length N of the header, unsigned, little-endian
//     N bytes    JSON object: name → {"dtype", "shape", "data_offsets"}, and "__metadata__"
//     the rest   the tensors' bytes, row-major, little-endian, without gaps

import System

/// The safetensors format of the official checkpoints.
enum Safetensors {
    /// The most bytes of a header; a published model's takes 60,000. The official implementation
    /// allows 100 MB; this limit is lower because the text stays in memory beside the parsed
    /// entries.
    static let headerLimitBytes = 16_000_000
    private static let lengthFieldBytes = 8

    /// Reads and checks the header of `file`.
    ///
    /// - Throws: `FormatFailure` unless the tensors, in any order, fill the bytes after the header
    ///   exactly, without overlap or gap.
    static func read(_ file: FileBytes) throws(FormatFailure) -> CheckpointContents {
        let headerBytes = try headerLength(file)
        let dataStart = lengthFieldBytes + headerBytes
        let header = file.withBytes(lengthFieldBytes..<dataStart) { [UInt8]($0) }
        guard header.first == UInt8(ascii: "{") else {
            throw FormatFailure.unknown(found: "a header that is not a JSON object")
        }

        let (metadata, entries): ([String: String], [HeaderEntry])
        do throws(JSONError) { (metadata, entries) = try members(of: header) } catch {
            throw FormatFailure(error.problem, at: error.offset)
        }
        guard entries.count <= CheckpointContents.tensorLimit else {
            throw FormatFailure(
                "\(entries.count) tensors; at most \(CheckpointContents.tensorLimit) are read",
                at: lengthFieldBytes)
        }
        let tensors = try entries.map { entry throws(FormatFailure) in
            try entry.checked(data: dataStart..<file.countBytes)
        }
        return CheckpointContents(
            tensors: try laidOut(tensors, data: dataStart..<file.countBytes), metadata: metadata)
    }

    /// The members of a header, unchecked.
    private static func members(
        of header: [UInt8]
    ) throws(JSONError) -> (metadata: [String: String], entries: [HeaderEntry]) {
        var metadata: [String: String] = [:]
        var entries: [HeaderEntry] = []
        var cursor = JSONCursor(header, at: lengthFieldBytes)
        try cursor.object { cursor, key throws(JSONError) in
            if key == "__metadata__" {
                try cursor.object { cursor, key throws(JSONError) in
                    metadata[key] = try cursor.string()
                }
            } else {
                entries.append(try HeaderEntry(name: key, from: &cursor))
            }
        }
        try cursor.end()
        return (metadata, entries)
    }

    private static func headerLength(_ file: FileBytes) throws(FormatFailure) -> Int {
        guard file.countBytes >= lengthFieldBytes else {
            throw FormatFailure.unknown(
                found: "\(file.countBytes) bytes, too short for the length of a header")
        }
        guard !file.withBytes(0..<4, { $0.elementsEqual("GGUF".utf8) }) else {
            throw FormatFailure.unknown(found: "a GGUF file")
        }
        let length = file.littleEndian(UInt64.self, at: 0)
        let limit = min(headerLimitBytes, file.countBytes - lengthFieldBytes)
        guard let bytes = Int(exactly: length), bytes <= limit else {
            throw FormatFailure.unknown(
                found: "8 bytes that state a header of \(length) bytes, where at most \(limit) "
                    + "are possible (a safetensors file cut short?)")
        }
        return bytes
    }

    /// The tensors in the order of their bytes, which must fill the file's data.
    private static func laidOut(
        _ tensors: [StoredTensor], data: Range<Int>
    ) throws(FormatFailure) -> [StoredTensor] {
        let ordered = tensors.map { (range: $0.parts[0].byteRange, tensor: $0) }.sorted {
            ($0.range.lowerBound, $0.range.upperBound, $0.tensor.name)
                < ($1.range.lowerBound, $1.range.upperBound, $1.tensor.name)
        }
        var end = data.lowerBound
        var last = ""
        for (range, tensor) in ordered {
            guard range.lowerBound >= end else {
                throw FormatFailure(
                    "\(last.quoted) and \(tensor.name.quoted) share bytes, which the format forbids",
                    at: range.lowerBound)
            }
            try checkNoGap(end, range.lowerBound)
            end = range.upperBound
            last = tensor.name
        }
        try checkNoGap(end, data.upperBound)
        return ordered.map { $0.tensor }
    }

    private static func checkNoGap(_ end: Int, _ next: Int) throws(FormatFailure) {
        guard end == next else {
            throw FormatFailure(
                "\(next - end) bytes belong to no tensor, which the format forbids", at: end)
        }
    }
}

/// A tensor's unchecked entry in the header.
private struct HeaderEntry {
    let name: String
    /// Offset of the entry's first byte.
    let offset: Int
    var typeName: String?
    var shape: [Int]?
    var offsets: [Int]?

    init(name: String, from cursor: inout JSONCursor) throws(JSONError) {
        self.name = name
        offset = cursor.offset
        try cursor.object { cursor, key throws(JSONError) in
            switch key {
            case "dtype": typeName = try cursor.string()
            case "shape": shape = try Self.integers(&cursor)
            case "data_offsets": offsets = try Self.integers(&cursor)
            default: try cursor.skipValue()
            }
        }
    }

    /// The checked tensor of this entry.
    ///
    /// - Parameter data: the byte range of the file that contains tensors.
    func checked(data: Range<Int>) throws(FormatFailure) -> StoredTensor {
        guard let typeName, let shape, let offsets, offsets.count == 2 else {
            throw FormatFailure(
                "the header's entry for \(name.quoted) is incomplete; expected dtype, shape and "
                    + "two data_offsets", at: offset)
        }
        guard let type = ElementType(rawValue: typeName) else {
            throw FormatFailure(
                unsupported:
                    "\(name.quoted) has the unknown dtype \(typeName.quoted); expected one "
                    + "of the safetensors format's, as F32, F16 or BF16")
        }
        let bits = try StoredTensor.bits(shape, type, of: name, at: offset)
        let (begin, end) = (offsets[0], offsets[1])
        guard 0 <= begin, begin <= end, end <= data.count else {
            throw FormatFailure(
                "\(name.quoted) should be at bytes \(begin)..<\(end) of the data, which has "
                    + "\(data.count)", at: offset)
        }
        let isWhole = bits % 8 == 0
        try StoredTensor.check(
            end - begin, isSizeOf: name, expectedBytes: bits / 8 + (isWhole ? 0 : 1), at: offset)
        guard isWhole else {
            throw FormatFailure("\(name.quoted) takes \(bits) bits, no whole bytes", at: offset)
        }
        let range = data.lowerBound + begin..<data.lowerBound + end
        return StoredTensor(
            name: name, elementType: type, shape: shape, parts: [TensorPart(byteRange: range)])
    }

    private static func integers(_ cursor: inout JSONCursor) throws(JSONError) -> [Int] {
        var values: [Int] = []
        try cursor.array { cursor throws(JSONError) in
            // One value above the limit is enough for a later check to refuse the tensor.
            let value = try cursor.integer()
            if values.count <= CheckpointContents.rankLimit { values.append(value) }
        }
        return values
    }
}
