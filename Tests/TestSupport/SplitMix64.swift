/// The random generator of all tests: Steele, Lea and Flood's, the same on every machine and with
/// every version of Swift, so that a failure can be repeated.
///
/// Its floats are those of `reference/draw.py`, bit for bit.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    /// The generator of one tensor, seeded with the seed XOR the 64-bit FNV-1a hash of the name.
    package init(seed: UInt64, name: String) {
        let hash = name.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01B3
        }
        state = seed ^ hash
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Uniform in 0 ..< 1, a multiple of 2⁻²⁴.
    package mutating func unit() -> Double {
        Double(next() >> 40) * 0x1p-24
    }

    /// Mean 0, variance 1, magnitude at most 3.47: the sum of four uniform numbers, which needs no
    /// logarithm, whose last bit differs between libraries.
    package mutating func normal() -> Double {
        let word = next()
        let sum = (word & 0xFFFF) + (word >> 16 & 0xFFFF) + (word >> 32 & 0xFFFF) + (word >> 48)
        return (Double(sum) - 131_070) * (3.0.squareRoot() / 65_536)
    }

    /// Uniform in −1 ..< 1.
    package mutating func float() -> Float {
        Float(2 * unit() - 1)
    }

    /// Floats that are uniform in −1 ..< 1.
    package mutating func floats(_ count: Int) -> [Float] {
        (0..<count).map { _ in float() }
    }

    /// An index into `count` elements.
    package mutating func index(below count: Int) -> Int {
        Int(next() % UInt64(count))
    }
}
