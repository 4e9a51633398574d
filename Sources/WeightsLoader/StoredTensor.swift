// A tensor in a checkpoint's files, and the reading of its values in row-major order.

/// One tensor of a checkpoint.
package struct StoredTensor: Sendable, Equatable {
    /// Its name in the official state dict, `encoder.0.conv.weight`.
    package let name: String
    package let elementType: ElementType
    /// Row-major sizes; empty for a scalar.
    package let shape: [Int]
    /// The places of its values, in order. Readers have checked the ranges against the files, and
    /// their sizes against `shape`.
    let parts: [TensorPart]

    /// A row-major tensor in one run of bytes.
    init(name: String, elementType: ElementType, shape: [Int], byteRange: Range<Int>) {
        self.init(
            name: name, elementType: elementType, shape: shape,
            parts: [TensorPart(byteRange: byteRange)])
    }

    init(name: String, elementType: ElementType, shape: [Int], parts: [TensorPart]) {
        self.name = name
        self.elementType = elementType
        self.shape = shape
        self.parts = parts
    }

    /// Number of elements.
    package var count: Int { shape.reduce(1, *) }

    /// Bytes of its values, row-major and without gaps.
    package var countBytes: Int { count * elementType.bits / 8 }

    /// The same values under another name.
    func named(_ name: String) -> StoredTensor {
        StoredTensor(name: name, elementType: elementType, shape: shape, parts: parts)
    }

    /// Bits of a tensor of this shape; nil for negative sizes and for overflow.
    static func bits(_ shape: [Int], _ type: ElementType) -> Int? {
        var bits = type.bits
        for size in shape {
            let (product, overflow) = bits.multipliedReportingOverflow(by: size)
            guard size >= 0, !overflow else { return nil }
            bits = product
        }
        return bits
    }
}

/// A block of a tensor's values: a run of bytes in one file, and their strides.
struct TensorPart: Sendable, Equatable {
    /// Index into the checkpoint's files; 0 is the checkpoint itself.
    var file = 0
    /// The bytes that hold the values.
    var byteRange: Range<Int>
    /// Whether each value is a protobuf varint whose low 16 bits are the value's.
    var isVarints = false
    /// Sizes and strides in elements, outermost first; nil if the range holds exactly the values in
    /// their order. No stride leads out of the range.
    var axes: [Axis]?

    struct Axis: Sendable, Equatable {
        var size: Int
        var stride: Int
    }

    /// The axes that read a stored `[rows, columns]` as `[columns, rows]`.
    static func transposition(rows: Int, columns: Int) -> [Axis] {
        [Axis(size: columns, stride: 1), Axis(size: rows, stride: columns)]
    }

    /// Number of values.
    func count(elementBytes: Int) -> Int {
        axes?.reduce(1) { $0 * $1.size } ?? byteRange.count / elementBytes
    }

    /// Copies the values to `output`, row-major.
    ///
    /// - Parameters:
    ///   - stored: the bytes of `byteRange`.
    ///   - elementBytes: 1, 2, 4 or 8; 2 where the values are varints.
    ///   - output: memory for all values.
    func copy(
        _ stored: UnsafeRawBufferPointer, elementBytes: Int,
        to output: UnsafeMutableRawBufferPointer
    ) {
        guard isVarints else { return gather(stored, elementBytes: elementBytes, to: output) }
        let decoded = TensorPart.decodedVarints(stored)
        decoded.withUnsafeBytes { gather($0, elementBytes: elementBytes, to: output) }
    }

    private func gather(
        _ values: UnsafeRawBufferPointer, elementBytes: Int,
        to output: UnsafeMutableRawBufferPointer
    ) {
        guard let axes else { return output.copyMemory(from: values) }
        switch elementBytes {
        case 1: TensorPart.gather(values, axes, to: output, as: UInt8.self)
        case 2: TensorPart.gather(values, axes, to: output, as: UInt16.self)
        case 4: TensorPart.gather(values, axes, to: output, as: UInt32.self)
        default: TensorPart.gather(values, axes, to: output, as: UInt64.self)
        }
    }

    private static func gather<Element: BitwiseCopyable>(
        _ values: UnsafeRawBufferPointer, _ axes: [Axis],
        to output: UnsafeMutableRawBufferPointer, as type: Element.Type
    ) {
        let elementBytes = MemoryLayout<Element>.size
        let count = axes.reduce(1) { $0 * $1.size }
        guard count > 0 else { return }
        let inner = axes.last ?? Axis(size: 1, stride: 0)
        let outer = axes.dropLast()
        var index = [Int](repeating: 0, count: outer.count)
        var start = 0
        var written = 0
        for _ in 0..<count / inner.size {
            for step in 0..<inner.size {
                let value = values.loadUnaligned(
                    fromByteOffset: (start + step * inner.stride) * elementBytes, as: type)
                output.storeBytes(of: value, toByteOffset: written, as: type)
                written += elementBytes
            }
            // The next row: increment the innermost index, carrying into the outer ones.
            for axis in outer.indices.reversed() {
                index[axis] += 1
                start += outer[axis].stride
                if index[axis] < outer[axis].size { break }
                start -= outer[axis].size * outer[axis].stride
                index[axis] = 0
            }
        }
    }

    /// The low 16 bits of each varint, little-endian.
    private static func decodedVarints(_ stored: UnsafeRawBufferPointer) -> [UInt8] {
        var decoded: [UInt8] = []
        var value: UInt64 = 0
        var shift: UInt64 = 0
        for byte in stored {
            value |= shift < 64 ? UInt64(byte & 0x7F) << shift : 0
            shift += 7
            guard byte < 0x80 else { continue }
            decoded.append(UInt8(truncatingIfNeeded: value))
            decoded.append(UInt8(truncatingIfNeeded: value >> 8))
            (value, shift) = (0, 0)
        }
        return decoded
    }
}
