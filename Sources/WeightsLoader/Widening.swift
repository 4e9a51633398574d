// Stored floats to float32, exactly: float32, float16 and bfloat16, little-endian.

/// Exact conversion of stored floats to float32.
package enum Widening {
    /// Widens `bytes` into `output`.
    ///
    /// The bytes need no alignment: a header of any length may stand before them. Every finite
    /// value, the infinities and the sign of zero come through unchanged, and a NaN stays a NaN.
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
        // Pointers: what buffers check at each element would keep these loops from being vector code.
        guard let source = bytes.baseAddress, let target = output.baseAddress else { return }
        switch type {
        case .float16:
            for index in 0..<output.count {
                let half = source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
                target[index] = float(fromHalf: UInt16(littleEndian: half))
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
    /// Moving exponent and mantissa into float32's places leaves the value 2^112 too small, since
    /// the exponent biases differ by 127 − 15. The product is exact and puts subnormals right as
    /// well; only the topmost exponent (infinities and NaNs) has to be set by hand. Written
    /// without branches so that the loop above becomes vector code on every CPU.
    @inline(__always)
    package static func float(fromHalf half: UInt16) -> Float {
        let magnitude = UInt32(half & 0x7FFF)
        let sign = UInt32(half & 0x8000) << 16
        let scaled = (Float(bitPattern: magnitude << 13) * 0x1p112).bitPattern
        let topExponent: UInt32 = magnitude >= 0x7C00 ? 0x7F80_0000 : 0
        return Float(bitPattern: scaled | topExponent | sign)
    }
}
