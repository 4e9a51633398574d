// Reader of the GGUF files that audio.cpp's `audiocpp_gguf` writes; all numbers are little-endian:
//
//     "GGUF", version 3 (32 bits), numbers of tensors and of entries (64)
//     for each entry: key, type of the value (32), value
//     for each tensor: name, rank (32), sizes from the innermost (64), type (32), offset (64)
//     padding to a multiple of `general.alignment`, then the values, each tensor padded likewise
//
// A text is its length (64) and its bytes; an array the type of its elements (32), their number (64)
// and the elements. Of the entries,
//
//     general.architecture                 "audiocpp"; other programs write other names
//     audiocpp.tensor_names                names of the tensors, which GGUF limits to 64 bytes
//     audiocpp.tensor_ranks, ….tensor_shapes   their shapes, row-major, one after the other
//     audiocpp.embedded_files.names, ….offsets, ….data   files, among them the model's config.json
//
// Reference: https://github.com/0xShug0/audio.cpp at f8fb0c1, docs/gguf.md and tensor_source.cpp.

extension GGUF {
    private static let version: UInt32 = 3
    private static let architecture = "audiocpp"
    private static let nameLimitBytes = 512

    /// Reads the entries and the tensors' headers.
    ///
    /// - Throws: `FormatFailure`; for files of other programs, one that names them.
    static func read(_ file: FileBytes) throws(FormatFailure) -> CheckpointContents {
        var cursor = ByteCursor(file)
        _ = try cursor.take(mark.count, "the magic number")
        let version = try cursor.littleEndian(UInt32.self, "the version")
        guard version == self.version else {
            throw FormatFailure(
                unsupported: "it has version \(version) of the format, expected \(self.version)")
        }
        let tensorCount = try cursor.littleEndian(UInt64.self, "the number of tensors")
        guard tensorCount <= CheckpointContents.tensorLimit else {
            throw cursor.failure(
                "\(tensorCount) tensors; at most \(CheckpointContents.tensorLimit) are read")
        }
        let entries = try GGUFEntries(&cursor)
        let found = try entries.text("general.architecture") ?? "none"
        guard found == architecture else {
            throw FormatFailure(
                unsupported:
                    "its architecture is \(found.quoted), expected \(architecture.quoted): "
                    + "only music separation models that audio.cpp converted are read")
        }
        let tensors = try tensors(Int(tensorCount), &cursor, entries)
        var contents = CheckpointContents(tensors: try named(tensors, by: entries))
        contents.arguments = try entries.configuration().map {
            config throws(FormatFailure) in try ModelArguments(ofAudioCpp: config)
        }
        return contents
    }

    // MARK: - Tensors

    /// The values' type in a file: its element type, and how it is encoded.
    private static func type(
        _ number: UInt32, of name: String
    ) throws(FormatFailure) -> (element: ElementType, encoding: TensorPart.Encoding) {
        switch number {
        case 0: return (.float32, .plain)
        case 1: return (.float16, .plain)
        case 8: return (.float32, .q8Blocks)
        case 30: return (.bfloat16, .plain)
        default:
            throw FormatFailure(
                unsupported: "\(name.quoted) has ggml's type \(number), expected F32, F16, BF16 or "
                    + "Q8_0; convert the model again with --type f16 or q8_0")
        }
    }

    private static func tensors(
        _ count: Int, _ cursor: inout ByteCursor, _ entries: GGUFEntries
    ) throws(FormatFailure) -> [StoredTensor] {
        let shapes = try entries.shapes(ofTensors: count)
        var headers: [(tensor: StoredTensor, byteCount: Int, offset: UInt64, at: Int)] = []
        for index in 0..<count {
            let start = cursor.position
            let name = try text(&cursor, "a tensor's name")
            let rank = try cursor.littleEndian(UInt32.self, "the rank of \(name.quoted)")
            guard Int(rank) <= CheckpointContents.rankLimit else {
                throw FormatFailure("\(name.quoted) has \(rank) dimensions", at: start)
            }
            var sizes: [Int] = []
            for _ in 0..<rank {
                let size = try cursor.littleEndian(Int64.self, "a size of \(name.quoted)")
                sizes.insert(Int(size), at: 0)
            }
            let type = try type(
                try cursor.littleEndian(UInt32.self, "the type of \(name.quoted)"), of: name)
            let offset = try cursor.littleEndian(UInt64.self, "the offset of \(name.quoted)")
            let bits = try StoredTensor.bits(sizes, type.element, of: name, at: start)
            let shape = shapes?[index] ?? sizes
            let isSame = try StoredTensor.bits(shape, type.element, of: name, at: start) == bits
            // A block doesn't cross the end of a row.
            let isWhole = type.encoding == .plain || (sizes.last ?? 1) % Q8Block.values == 0
            guard isSame, isWhole else {
                throw FormatFailure(
                    "\(name.quoted) has the shape \(shape.listed), but stores \(sizes.listed)",
                    at: start)
            }
            let part = TensorPart(byteRange: 0..<0, encoding: type.encoding)
            let values = bits / type.element.bits
            headers.append(
                (
                    StoredTensor(
                        name: name, elementType: type.element, shape: shape, parts: [part]),
                    type.encoding == .plain ? bits / 8 : values / Q8Block.values * Q8Block.bytes,
                    offset, start
                ))
        }
        return try placed(headers, &cursor, alignment: try entries.alignment())
    }

    /// The tensors at their bytes. They follow each other in the order of their headers, so that no
    /// byte belongs to two.
    private static func placed(
        _ headers: [(tensor: StoredTensor, byteCount: Int, offset: UInt64, at: Int)],
        _ cursor: inout ByteCursor, alignment: Int
    ) throws(FormatFailure) -> [StoredTensor] {
        func align(_ cursor: inout ByteCursor, to start: Int) throws(FormatFailure) {
            let padding = (alignment - (cursor.position - start) % alignment) % alignment
            // The last tensor of a file may lack its padding.
            _ = try cursor.take(min(padding, cursor.remainingBytes), "padding")
        }
        try align(&cursor, to: 0)
        let data = cursor.position
        var tensors: [StoredTensor] = []
        for header in headers {
            guard Int(exactly: header.offset) == cursor.position - data else {
                throw FormatFailure(
                    "\(header.tensor.name.quoted) begins at \(header.offset) of the values, expected "
                        + "\(cursor.position - data), where the tensor before it ends",
                    at: header.at)
            }
            let range = try cursor.take(header.byteCount, header.tensor.name.quoted)
            try align(&cursor, to: data)
            var part = header.tensor.parts[0]
            part.byteRange = range
            tensors.append(
                StoredTensor(
                    name: header.tensor.name, elementType: header.tensor.elementType,
                    shape: header.tensor.shape, parts: [part]))
        }
        return tensors
    }

    /// The tensors under the names of the state dict: without the name of the file that they are from,
    /// `submodel_weights/encoder.0.conv.weight`.
    private static func named(
        _ tensors: [StoredTensor], by entries: GGUFEntries
    ) throws(FormatFailure) -> [StoredTensor] {
        let names = try entries.texts("audiocpp.tensor_names") ?? tensors.map { $0.name }
        guard names.count == tensors.count else {
            throw FormatFailure(
                unsupported: "it has \(names.count) names for \(tensors.count) tensors")
        }
        var files = Set<String>()
        var unique = Set<String>()
        var renamed: [StoredTensor] = []
        for (tensor, name) in zip(tensors, names) {
            let slash = name.utf8.firstIndex(of: UInt8(ascii: "/"))
            files.insert(slash.map { String(name[..<$0]) } ?? "")
            let own = slash.map { String(name[name.utf8.index(after: $0)...]) } ?? name
            guard unique.insert(own).inserted else {
                throw FormatFailure(unsupported: "it has the tensor \(own.quoted) twice")
            }
            renamed.append(tensor.named(own))
        }
        guard files.count <= 1 else {
            throw FormatFailure(
                unsupported: "it has the weights of several models: "
                    + files.sorted().map { $0.quoted }.joined(separator: ", "))
        }
        return renamed
    }

    /// A text after its length.
    static func text(
        _ cursor: inout ByteCursor, _ what: @autoclosure () -> String
    ) throws(FormatFailure) -> String {
        let length = try cursor.littleEndian(UInt64.self, what())
        guard length <= nameLimitBytes else {
            throw cursor.failure(
                "\(what()) has \(length) bytes, expected at most \(nameLimitBytes)")
        }
        return try cursor.text(Int(length), what())
    }
}
