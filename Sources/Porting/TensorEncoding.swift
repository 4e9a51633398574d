// How a tensor is stored in a file of its own.

import WeightsLoader

/// A container and the type of its elements.
package struct TensorEncoding: Sendable, Equatable, Codable {
    package enum Container: String, Sendable, CaseIterable, Codable {
        /// The elements and nothing else, row-major and little-endian.
        case raw
        /// NumPy's format, version 1.0.
        case npy
        /// One tensor under the file's name without extension.
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

    /// The bytes of values, little-endian.
    ///
    /// - Throws: ``PortingError/notStorable(path:tensor:value:)`` for a finite value past float16.
    func bytes(_ tensor: NamedTensor, path: String) throws(PortingError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(tensor.values.count * element.bytes)
        switch element {
        case .float32:
            for value in tensor.values {
                withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
            }
        case .float16:
            for value in tensor.values {
                let half = Narrowing.float16(value)
                guard half & 0x7FFF != 0x7C00 || value.isInfinite else {
                    throw .notStorable(path: path, tensor: tensor.name, value: value)
                }
                withUnsafeBytes(of: half.littleEndian) { bytes.append(contentsOf: $0) }
            }
        }
        return bytes
    }
}
