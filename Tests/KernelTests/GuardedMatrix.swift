// A matrix in the middle of memory that must stay as it is.

import Tensor

/// `rows` × `cols` floats whose rows start `cols + gap` floats apart. Everything around them is NaN
/// with a known pattern: it spoils whatever reads it, and shows whatever writes to it.
struct GuardedMatrix {
    let rows: Int
    let cols: Int
    let ld: Int
    private var memory: [Float]

    /// Floats before the first row and behind the last: more than a vector of any instruction set.
    private static let margin = 40
    private static let guardPattern: UInt32 = 0x7FC1_2345

    init(rows: Int, cols: Int, gap: Int, _ value: (_ row: Int, _ col: Int) -> Float) {
        self.rows = rows
        self.cols = cols
        ld = cols + gap
        memory = Array(
            repeating: Float(bitPattern: Self.guardPattern), count: 2 * Self.margin + rows * ld)
        for row in 0..<rows {
            for col in 0..<cols { memory[offset(row, col)] = value(row, col) }
        }
    }

    private func offset(_ row: Int, _ col: Int) -> Int { Self.margin + row * ld + col }

    subscript(_ row: Int, _ col: Int) -> Float { memory[offset(row, col)] }

    /// Hands out the first element.
    mutating func withMutablePointer<Result>(
        _ body: (UnsafeMutablePointer<Float>) -> Result
    ) -> Result {
        memory.withUnsafeMutableBufferPointer { body($0.baseAddress! + Self.margin) }
    }

    /// Hands out the first element for reading.
    func withPointer<Result>(_ body: (UnsafePointer<Float>) -> Result) -> Result {
        memory.withUnsafeBufferPointer { body($0.baseAddress! + Self.margin) }
    }

    /// Whether all memory around the elements is as it was.
    var isIntactOutside: Bool {
        memory.indices.allSatisfy { index in
            let offset = index - Self.margin
            let isInside = offset >= 0 && offset < rows * ld && offset % ld < cols
            return isInside || memory[index].bitPattern == Self.guardPattern
        }
    }
}

/// Deterministic numbers (SplitMix64), so that a failure can be looked at again.
struct SeededNumbers {
    private var state: UInt64

    init(seed: Int) {
        state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15
    }

    private mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Uniform in −1 ..< 1.
    mutating func unit() -> Float {
        Float(Int64(bitPattern: next()) >> 40) / Float(1 << 23)
    }

    mutating func floats(_ count: Int, scale: Float = 1, offset: Float = 0) -> [Float] {
        (0..<count).map { _ in offset + scale * unit() }
    }

    mutating func element(of values: [Float]) -> Float {
        values[Int(next() % UInt64(values.count))]
    }
}
