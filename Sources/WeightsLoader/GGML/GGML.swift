// Also Embedded Swift: typed throws, no key paths, no casts.
// Reader of demucs.cpp's `.bin` files, as its `convert-pth-to-ggml.py` writes them; all numbers are
// little-endian and 32 bits wide:
//
//     magic                      "dmc4", "dmc6" or "dmc3" as a number: 0x646d6334, …36, …33
//     for each tensor, up to the end of the file:
//         number of dimensions, length of the name
//         the dimensions, row-major, without those of size 1
//         the name
//         the values, float16
//
// Reference: https://github.com/sevagh/demucs.cpp.

enum GGML {
    private static let fourSources: UInt32 = 0x646d_6334
    private static let sixSources: UInt32 = 0x646d_6336
    private static let thirdVersion: UInt32 = 0x646d_6333
    private static let nameLimitBytes = 512

    /// Whether a file's first bytes are one of the magic numbers.
    static func isMark(_ bytes: some Collection<UInt8>) -> Bool {
        let mark = bytes.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return bytes.count == 4 && [fourSources, sixSources, thirdVersion].contains(mark)
    }

    /// Reads the tensors' headers.
    ///
    /// - Throws: `FormatFailure` unless the tensors fill the file exactly.
    static func read(_ file: FileBytes) throws(FormatFailure) -> CheckpointContents {
        var cursor = ByteCursor(file)
        let magic = try cursor.littleEndian(UInt32.self, "the magic number")
        var names = Set<String>()
        var tensors: [StoredTensor] = []
        while !cursor.isAtEnd {
            let offset = cursor.position
            let tensor = try tensor(&cursor)
            guard names.insert(tensor.name).inserted else {
                throw FormatFailure("the tensor \"\(tensor.name)\" appears twice", at: offset)
            }
            guard names.count <= CheckpointContents.tensorLimit else {
                throw cursor.failure("more than \(CheckpointContents.tensorLimit) tensors")
            }
            tensors.append(tensor)
        }
        var contents = CheckpointContents(tensors: tensors, omitsUnitSizes: true)
        let sources = ["drums", "bass", "other", "vocals"]
        contents.traits.arguments["sources"] = .array(
            (magic == sixSources ? sources + ["guitar", "piano"] : sources)
                .map(ArgumentValue.string))
        return contents
    }

    private static func tensor(_ cursor: inout ByteCursor) throws(FormatFailure) -> StoredTensor {
        let offset = cursor.position
        let rank = try cursor.littleEndian(Int32.self, "a tensor's number of dimensions")
        let nameBytes = try cursor.littleEndian(Int32.self, "the length of a tensor's name")
        guard (0...CheckpointContents.rankLimit).contains(Int(rank)),
            (1...nameLimitBytes).contains(Int(nameBytes))
        else {
            throw FormatFailure(
                "a tensor of \(rank) dimensions with a name of \(nameBytes) bytes; the "
                    + "tensors before it don't end here, as they do in files of float16 values "
                    + "(quantized ones are not supported)", at: offset)
        }
        let shape = try (0..<rank).map { _ throws(FormatFailure) in
            Int(try cursor.littleEndian(Int32.self, "a tensor's dimension"))
        }
        let name = try cursor.text(Int(nameBytes), "a tensor's name")
        let bits = try StoredTensor.bits(shape, .float16, of: name, at: offset)
        let range = try cursor.take(bits / 8, "the tensor \"\(name)\"")
        return StoredTensor(
            name: name, elementType: .float16, shape: shape, parts: [TensorPart(byteRange: range)])
    }
}
