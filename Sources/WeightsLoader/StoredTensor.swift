// Also Embedded Swift: typed throws, no key paths, no casts.
// A tensor in a checkpoint's files, and reading its values in row-major order.

import System

package struct StoredTensor: Sendable, Equatable {
    /// The tensor's name in the official state dict, `encoder.0.conv.weight`.
    package let name: String
    package let elementType: ElementType
    /// Row-major sizes; empty for a scalar.
    package let shape: [Int]
    /// The parts that hold the values, in order. Readers have checked the ranges against the files,
    /// and their sizes against `shape`.
    let parts: [TensorPart]

    /// Number of elements.
    package var count: Int { shape.reduce(1, *) }

    /// Size of the values in bytes, without gaps.
    package var countBytes: Int { count * elementType.bits / 8 }

    /// The tensor under another name, and in another shape with as many elements.
    func named(_ name: String, shape: [Int]? = nil) -> StoredTensor {
        StoredTensor(
            name: name, elementType: elementType, shape: shape ?? self.shape, parts: parts)
    }

    /// Bits of a tensor of this shape.
    ///
    /// - Parameters:
    ///   - name: the tensor's name, for errors.
    ///   - offset: byte offset of the tensor's description, for errors.
    /// - Throws: `FormatFailure` for too many or negative sizes, and for overflow.
    static func bits(
        _ shape: [Int], _ type: ElementType, of name: String, at offset: Int
    ) throws(FormatFailure) -> Int {
        var bits = type.bits
        for size in shape {
            let (product, overflow) = bits.multipliedReportingOverflow(by: size)
            guard size >= 0, !overflow, shape.count <= CheckpointContents.rankLimit else {
                throw FormatFailure(
                    "\(name.quoted) has the impossible shape \(shape.listed); sizes can't be negative, and "
                        + "their product must fit 64 bits", at: offset)
            }
            bits = product
        }
        return bits
    }

    /// Checks that a tensor's values have the size that its shape and type require.
    static func check(
        _ found: Int, isSizeOf name: String, expectedBytes: Int, at offset: Int
    ) throws(FormatFailure) {
        guard found == expectedBytes else {
            throw FormatFailure(
                "\(name.quoted) takes \(found) bytes, but its shape and dtype need "
                    + "\(expectedBytes)", at: offset)
        }
    }
}

/// A block of a tensor's values: a byte range of one file, and the strides in it.
struct TensorPart: Sendable, Equatable {
    /// Index into the checkpoint's files; 0 is the checkpoint itself.
    var file = 0
    /// The bytes that hold the values.
    var byteRange: Range<Int>
    /// Whether each value is stored as a protobuf varint, in its low bits.
    var isVarints = false
    /// Sizes and strides in elements, outermost first; nil if the range has exactly the values in
    /// row-major order. All strides stay inside the range.
    var axes: [Axis]?

    struct Axis: Sendable, Equatable {
        var size: Int
        var stride: Int
    }

    /// Number of values.
    func count(elementBytes: Int) -> Int {
        axes?.reduce(1) { $0 * $1.size } ?? byteRange.count / elementBytes
    }

    /// Copies the values to `output`, row-major.
    ///
    /// - Parameters:
    ///   - stored: the bytes of `byteRange`.
    ///   - elementBytes: 1, 2, 4 or 8.
    ///   - output: memory for all values.
    func copy(
        _ stored: UnsafeRawBufferPointer, elementBytes: Int,
        to output: UnsafeMutableRawBufferPointer
    ) {
        guard isVarints else { return gather(stored, elementBytes: elementBytes, to: output) }
        let decoded = TensorPart.decodedVarints(stored, elementBytes)
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

    /// The low bytes of each varint, little-endian.
    private static func decodedVarints(
        _ stored: UnsafeRawBufferPointer, _ elementBytes: Int
    ) -> [UInt8] {
        var decoded: [UInt8] = []
        ProtobufReader.forEachVarint(in: stored) { value in
            for byte in 0..<elementBytes {
                decoded.append(UInt8(truncatingIfNeeded: value >> (8 * byte)))
            }
        }
        return decoded
    }
}
