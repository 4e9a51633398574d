// The encoding of a file with one tensor, and its header.

import Tracks
import WeightsLoader

/// A container and the type of its elements.
package struct TensorEncoding: Sendable, Equatable, Codable {
    package enum Container: String, Sendable, CaseIterable, Codable {
        /// Only the elements, row-major and little-endian.
        case raw
        /// NumPy's format, version 1.0.
        case npy
        /// A safetensors file of one tensor, which has the file's name without extension.
        case safetensors
    }

    package enum Element: String, Sendable, CaseIterable, Codable {
        case float32, float16

        package var bytes: Int { self == .float32 ? 4 : 2 }
        var stored: ElementType { self == .float32 ? .float32 : .float16 }
    }

    package var container: Container
    package var element: Element

    package init(_ container: Container, _ element: Element) {
        self.container = container
        self.element = element
    }

    /// The header of a file with one tensor: all bytes before the elements.
    package func header(_ name: String, _ shape: [Int]) -> [UInt8] {
        switch container {
        case .raw: return []
        case .npy: return NPY.header(element, shape)
        case .safetensors:
            var header = SafetensorsHeader()
            header.append(name, shape, element)
            return header.bytes() ?? []
        }
    }

    /// The elements, little-endian.
    ///
    /// - Throws: ``PortingError`` for a finite value outside the range of float16.
    func bytes(_ tensor: NamedTensor, path: String) throws(PortingError) -> [UInt8] {
        guard element == .float16 else {
            return tensor.values.map { $0.bitPattern.littleEndian }.withUnsafeBytes { [UInt8]($0) }
        }
        let rounded = tensor.values.map(Narrowing.float16)
        for (value, bits) in zip(tensor.values, rounded)
        where bits & 0x7FFF == 0x7C00 && !value.isInfinite {
            throw .unusable(
                path: path,
                problem: "\(tensor.name) has the value \(value), which float16 can't hold; write "
                    + "float32")
        }
        return rounded.map { $0.littleEndian }.withUnsafeBytes { [UInt8]($0) }
    }
}

/// The header of a safetensors file of tensors that is not a model (docs/formats.md).
struct SafetensorsHeader {
    private var members: [String: ArgumentValue]
    private var dataBytes = 0

    /// - Parameter metadata: the file's metadata, strings by key.
    init(metadata: [String: String] = [:]) {
        members =
            metadata.isEmpty ? [:] : ["__metadata__": .object(metadata.mapValues { .string($0) })]
    }

    /// Adds a tensor; its elements follow those of the tensor before.
    mutating func append(_ name: String, _ shape: [Int], _ element: TensorEncoding.Element) {
        let end = dataBytes + shape.reduce(1, *) * element.bytes
        members[name] = .object([
            "dtype": .string(element.stored.rawValue),
            "shape": .array(shape.map(ArgumentValue.integer)),
            "data_offsets": .array([.integer(dataBytes), .integer(end)]),
        ])
        dataBytes = end
    }

    /// The header as bytes, padded with spaces.
    ///
    /// - Parameter reserved: size of the header in bytes; nil for the least size.
    /// - Returns: nil if the header needs more.
    func bytes(reserved: Int? = nil) -> [UInt8]? {
        // Strings and integers always have a JSON text.
        var text = Array((ArgumentValue.object(members).json ?? "{}").utf8)
        let length = reserved.map { $0 - 8 } ?? (text.count + 7) / 8 * 8
        guard text.count <= length else { return nil }
        text += [UInt8](repeating: UInt8(ascii: " "), count: length - text.count)
        return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + text
    }
}
