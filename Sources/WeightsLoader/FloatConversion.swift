// Also Embedded Swift: typed throws, no key paths, no casts.
/// Exact conversion of stored floats (float32, float16 and bfloat16, little-endian) to float32.
package enum Widening {
    /// Widens `bytes` into `output`.
    ///
    /// The bytes need no alignment: a header of any length may precede them. Finite values,
    /// infinities and the sign of zero stay unchanged, and a NaN stays a NaN.
    ///
    /// - Parameters:
    ///   - bytes: `output.count` elements of `type`.
    ///   - type: float32, float16 or bfloat16 (``ElementType/widensToFloat32``).
    ///   - output: uninitialised memory, filled completely.
    package static func widen(
        _ bytes: UnsafeRawBufferPointer, of type: ElementType,
        into output: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(type.widensToFloat32 && bytes.count == output.count * (type.bits / 8))
        // Loops over pointers: a buffer's bounds checks would prevent vectorisation.
        guard let source = bytes.baseAddress, let target = output.baseAddress else { return }
        switch type {
        case .float16:
            for index in 0..<output.count {
                let bits = source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
                target[index] = float(fromFloat16: UInt16(littleEndian: bits))
            }
        case .bfloat16:
            for index in 0..<output.count {
                let upper = source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
                target[index] = Float(bitPattern: UInt32(UInt16(littleEndian: upper)) << 16)
            }
        default:
            for index in 0..<output.count {
                let bits = source.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
                target[index] = Float(bitPattern: UInt32(littleEndian: bits))
            }
        }
    }

    /// One float16 as float32.
    ///
    /// After exponent and mantissa are shifted to float32's positions, the value is too small by
    /// 2^112, because the exponent biases differ by 127 − 15. The product with 2^112 is exact, for
    /// subnormals too; only the highest exponent (infinities and NaNs) has to be set separately. No
    /// branches, so that the loop over a tensor is vectorised.
    @inline(__always)
    package static func float(fromFloat16 bits: UInt16) -> Float {
        let magnitude = UInt32(bits & 0x7FFF)
        let sign = UInt32(bits & 0x8000) << 16
        let scaled = (Float(bitPattern: magnitude << 13) * 0x1p112).bitPattern
        let topExponent: UInt32 = magnitude >= 0x7C00 ? 0x7F80_0000 : 0
        return Float(bitPattern: scaled | topExponent | sign)
    }
}

/// Conversion of float32 to float16, rounded to the nearest, ties to even, as `tensor.half()` does.
package enum Narrowing {
    /// The nearest float16. Values from 65,520 on become infinite, a NaN stays a NaN.
    package static func float16(_ value: Float) -> UInt16 {
        let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16) & 0x8000
        let magnitude = value.bitPattern & 0x7FFF_FFFF
        if magnitude > 0x7F80_0000 { return sign | 0x7E00 }
        // 65,520: halfway between the largest float16, 65,504, and 65,536.
        if magnitude >= 0x477F_F000 { return sign | 0x7C00 }
        if magnitude < 0x3880_0000 {
            // Subnormal float16 values are 2^-24 apart, like float32 values in 0.5 ..< 1, so adding
            // 0.5 rounds.
            let sum = Float(bitPattern: magnitude) + 0.5
            return sign | UInt16(truncatingIfNeeded: sum.bitPattern - Float(0.5).bitPattern)
        }
        // The exponent bias decreases by 112. Adding half a unit rounds to nearest; one less for an
        // even result, so that ties go to even.
        let odd = magnitude >> 13 & 1
        let rounded = magnitude - (112 << 23) + 0xFFF + odd
        return sign | UInt16(truncatingIfNeeded: rounded >> 13)
    }
}
