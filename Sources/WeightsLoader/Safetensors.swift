// Reader of the safetensors format (https://github.com/huggingface/safetensors):
//
//     8 bytes    length N of the header, unsigned, little-endian
//     N bytes    JSON object: name → {"dtype", "shape", "data_offsets"}, and "__metadata__"
//     the rest   the tensors' bytes, row-major, little-endian, without gaps
//
// `docs/formats.md` describes every field and every check.

/// The official format of published checkpoints.
enum Safetensors {
    /// A published model's header takes 60,000 bytes. The official implementation's limit is 100 MB;
    /// this one is lower because the text stays in memory beside the parsed entries.
    static let headerLimitBytes = 16_000_000
    private static let lengthFieldBytes = 8

    /// Reads and checks the header of `file`.
    ///
    /// - Throws: ``WeightsError`` unless the tensors, in some order, fill the bytes after the
    ///   header exactly, without overlap or gap.
    static func read(_ file: MappedFile, path: String) throws -> CheckpointContents {
        let headerBytes = try headerLength(file, path: path)
        let dataStart = lengthFieldBytes + headerBytes
        let header = file.withBytes(lengthFieldBytes..<dataStart) { [UInt8]($0) }
        guard header.first == UInt8(ascii: "{") else {
            throw WeightsError.notSafetensors(
                path: path, found: "a header that is not a JSON object")
        }

        var metadata: [String: String] = [:]
        var entries: [HeaderEntry] = []
        do {
            var cursor = JSONCursor(header)
            try cursor.object { cursor, key in
                if key == "__metadata__" {
                    try cursor.object { cursor, key in metadata[key] = try cursor.string() }
                } else {
                    entries.append(try HeaderEntry(name: key, from: &cursor))
                }
            }
            try cursor.end()
        } catch let failure as FormatFailure {
            throw WeightsError.headerInvalid(
                path: path, problem: failure.problem, offset: lengthFieldBytes + failure.offset)
        }

        guard entries.count <= CheckpointContents.tensorLimit else {
            throw WeightsError.headerInvalid(
                path: path,
                problem: "\(entries.count) tensors; at most \(CheckpointContents.tensorLimit) are "
                    + "read", offset: lengthFieldBytes)
        }
        let dataBytes = file.countBytes - dataStart
        let tensors = try entries.map {
            try $0.checked(path: path, dataStart: dataStart, dataBytes: dataBytes)
        }
        return CheckpointContents(
            tensors: try laidOut(tensors, dataStart: dataStart, dataBytes: dataBytes, path: path),
            metadata: metadata)
    }

    private static func headerLength(_ file: MappedFile, path: String) throws -> Int {
        guard file.countBytes >= lengthFieldBytes else {
            throw WeightsError.notSafetensors(
                path: path,
                found: "\(file.countBytes) bytes, too short for the length of a header")
        }
        let start = file.withBytes(0..<lengthFieldBytes) { [UInt8]($0) }
        let length = start.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let limit = min(headerLimitBytes, file.countBytes - lengthFieldBytes)
        guard let bytes = Int(exactly: length), bytes <= limit else {
            throw WeightsError.headerTooLong(path: path, foundBytes: length, limitBytes: limit)
        }
        return bytes
    }

    /// The tensors in the order of their bytes, which must fill the file's data.
    private static func laidOut(
        _ tensors: [StoredTensor], dataStart: Int, dataBytes: Int, path: String
    ) throws -> [StoredTensor] {
        let ordered = tensors.map { (range: $0.parts[0].byteRange, tensor: $0) }.sorted {
            ($0.range.lowerBound, $0.range.upperBound, $0.tensor.name)
                < ($1.range.lowerBound, $1.range.upperBound, $1.tensor.name)
        }
        var end = dataStart
        var last: String?
        for (range, tensor) in ordered {
            if range.lowerBound < end {
                throw WeightsError.tensorsOverlap(
                    path: path, first: last ?? tensor.name, second: tensor.name)
            }
            if range.lowerBound > end {
                throw WeightsError.unclaimedBytes(
                    path: path, offset: end, countBytes: range.lowerBound - end)
            }
            end = range.upperBound
            last = tensor.name
        }
        guard end == dataStart + dataBytes else {
            throw WeightsError.unclaimedBytes(
                path: path, offset: end, countBytes: dataStart + dataBytes - end)
        }
        return ordered.map(\.tensor)
    }
}

/// A tensor's entry in the header, not checked yet.
private struct HeaderEntry {
    let name: String
    var typeName: String?
    var shape: [Int]?
    var offsets: [Int]?

    init(name: String, from cursor: inout JSONCursor) throws {
        self.name = name
        var typeName: String?
        var shape: [Int]?
        var offsets: [Int]?
        try cursor.object { cursor, key in
            switch key {
            case "dtype": typeName = try cursor.string()
            case "shape": shape = try Self.integers(&cursor)
            case "data_offsets": offsets = try Self.integers(&cursor)
            default: try cursor.skipValue()
            }
        }
        self.typeName = typeName
        self.shape = shape
        self.offsets = offsets
    }

    func checked(path: String, dataStart: Int, dataBytes: Int) throws -> StoredTensor {
        guard let typeName, let shape, let offsets, offsets.count == 2 else {
            throw WeightsError.tensorIncomplete(path: path, tensor: name)
        }
        guard let type = ElementType(rawValue: typeName) else {
            throw WeightsError.unknownElementType(path: path, tensor: name, found: typeName)
        }
        guard shape.count <= CheckpointContents.rankLimit,
            let bits = StoredTensor.bits(shape, type)
        else {
            throw WeightsError.shapeInvalid(path: path, tensor: name, found: shape)
        }
        let (begin, end) = (offsets[0], offsets[1])
        guard 0 <= begin, begin <= end, end <= dataBytes else {
            throw WeightsError.offsetsOutOfRange(
                path: path, tensor: name, begin: begin, end: end, dataBytes: dataBytes)
        }
        guard bits % 8 == 0, bits / 8 == end - begin else {
            throw WeightsError.sizeMismatch(
                path: path, tensor: name, foundBytes: end - begin,
                expectedBytes: bits / 8 + (bits % 8 == 0 ? 0 : 1))
        }
        return StoredTensor(
            name: name, elementType: type, shape: shape,
            byteRange: dataStart + begin..<dataStart + end)
    }

    private static func integers(_ cursor: inout JSONCursor) throws -> [Int] {
        var values: [Int] = []
        try cursor.array { cursor in
            // One more than the limit is enough for the tensor to be refused later.
            let value = try cursor.integer()
            if values.count <= CheckpointContents.rankLimit { values.append(value) }
        }
        return values
    }
}
