// Headers of safetensors files that hold tensors rather than a model (docs/formats.md).

import WeightsLoader

/// Names, types, shapes and places of tensors, in the order of their bytes.
struct SafetensorsHeader {
    private var members: [String: ArgumentValue]
    private(set) var dataBytes = 0

    /// - Parameter metadata: the file's own strings.
    init(metadata: [String: String] = [:]) {
        members =
            metadata.isEmpty ? [:] : ["__metadata__": .object(metadata.mapValues { .string($0) })]
    }

    /// Adds a tensor behind the others.
    mutating func append(_ name: String, _ shape: [Int], _ element: TensorEncoding.Element) {
        let end = dataBytes + shape.reduce(1, *) * element.bytes
        members[name] = .object([
            "dtype": .string(element.stored.rawValue),
            "shape": .array(shape.map(ArgumentValue.integer)),
            "data_offsets": .array([.integer(dataBytes), .integer(end)]),
        ])
        dataBytes = end
    }

    /// The bytes before the tensors', filled up with spaces.
    ///
    /// - Parameter reserved: as many bytes in all; nil for as few as it takes.
    /// - Returns: nil if they don't suffice.
    func bytes(reserved: Int? = nil) -> [UInt8]? {
        // Strings and whole numbers always have a text.
        var text = Array((ArgumentValue.object(members).json ?? "{}").utf8)
        let length = reserved.map { $0 - 8 } ?? (text.count + 7) / 8 * 8
        guard text.count <= length else { return nil }
        text += [UInt8](repeating: UInt8(ascii: " "), count: length - text.count)
        return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + text
    }
}
