// float32 to float16, rounded to the nearest, ties to even: what `tensor.half()` does.

/// Conversion of float32 to the smaller type that checkpoints are published in.
package enum Narrowing {
    /// The nearest float16. Values from 65,520 on become infinite, a NaN stays one.
    package static func half(_ value: Float) -> UInt16 {
        let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16) & 0x8000
        let magnitude = value.bitPattern & 0x7FFF_FFFF
        if magnitude > 0x7F80_0000 { return sign | 0x7E00 }
        // 65,520, halfway between the largest half and what would be the next.
        if magnitude >= 0x477F_F000 { return sign | 0x7C00 }
        if magnitude < 0x3880_0000 {
            // Below 2^-14 halves are 2^-24 apart, as floats are in 0.5 ..< 1: the sum rounds.
            let sum = Float(bitPattern: magnitude) + 0.5
            return sign | UInt16(truncatingIfNeeded: sum.bitPattern - Float(0.5).bitPattern)
        }
        // The exponent's bias falls by 112; half a unit more or, for an even result, just less.
        let odd = magnitude >> 13 & 1
        let rounded = magnitude - (112 << 23) + 0xFFF + odd
        return sign | UInt16(truncatingIfNeeded: rounded >> 13)
    }
}
