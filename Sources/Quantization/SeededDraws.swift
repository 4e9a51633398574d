// Noise that is the same in every run and on every machine.

/// Uniform random numbers: SplitMix64 (Steele, Lea, Flood 2014), seeded with a text.
package struct SeededDraws {
    private var state: UInt64

    package init(_ seed: String) { state = fnv1a(seed.utf8) }

    package mutating func next(_ count: Int, in range: ClosedRange<Float>) -> [Float] {
        (0..<count).map { _ in
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            let unit = Float((z ^ (z >> 31)) >> 40) * 0x1p-24
            return range.lowerBound + unit * (range.upperBound - range.lowerBound)
        }
    }
}

/// The 64-bit FNV-1a hash (Fowler, Noll, Vo 1991), only for seeds and fingerprints.
package func fnv1a(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}
