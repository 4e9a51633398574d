/// Repeatable test signals: uniform noise in −1 ..< 1 (SplitMix64).
struct Noise {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func sample() -> Float {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        return Float(Int32(truncatingIfNeeded: z >> 40) - (1 << 23)) / Float(1 << 23)
    }

    mutating func signal(_ count: Int) -> [Float] {
        (0..<count).map { _ in sample() }
    }
}
