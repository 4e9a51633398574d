// Common to the tests of the plain kernels. The plain version of a kernel defines its result, so it
// is tested against a formula in double; CKernelTester compares all other sets with the plain
// version.

import CKernels
import TestSupport
import Testing

var plain: kernel_table { kernels_plain().pointee }

/// Relative spacing of float32 numbers: twice the largest rounding error.
let epsilon = Double(Float.ulpOfOne)

/// `rows` × `cols` floats whose rows start `ld` floats apart.
struct Matrix {
    let rows: Int
    let cols: Int
    let ld: Int
    var floats: [Float]

    init(_ rows: Int, _ cols: Int, gap: Int = 2, _ value: (_ row: Int, _ col: Int) -> Float) {
        (self.rows, self.cols, ld) = (rows, cols, cols + gap)
        // One element more, because the pointer of an empty array may be any address.
        floats = Array(repeating: .nan, count: rows * ld + 1)
        for row in 0..<rows {
            for col in 0..<cols { floats[row * ld + col] = value(row, col) }
        }
    }

    /// Uniform numbers in −scale ..< scale around an offset.
    init(
        _ rows: Int, _ cols: Int, gap: Int = 2, scale: Float = 3, offset: Float = 0,
        _ numbers: inout SplitMix64
    ) {
        var drawn = numbers
        self.init(rows, cols, gap: gap) { _, _ in offset + scale * drawn.float() }
        numbers = drawn
    }

    subscript(_ row: Int, _ col: Int) -> Double { Double(floats[row * ld + col]) }

    /// Checks each element against a formula's value, within its tolerance for float32.
    func expect(
        sourceLocation: SourceLocation = #_sourceLocation,
        _ formula: (_ row: Int, _ col: Int) -> (value: Double, tolerance: Double)
    ) {
        for row in 0..<rows {
            for col in 0..<cols {
                let (value, tolerance) = formula(row, col)
                // In this form NaN fails.
                guard abs(self[row, col] - value) <= tolerance else {
                    Issue.record(
                        """
                        \(rows) × \(cols), at (\(row), \(col)): found \(self[row, col]), exact \
                        \(value) ± \(tolerance)
                        """, sourceLocation: sourceLocation)
                    return
                }
            }
        }
    }

    static let sizes = [(0, 3), (1, 1), (3, 7), (2, 16), (5, 33), (2, 129), (1, 1023)]
}

/// x rounded to bfloat16, to nearest, ties to even.
func bfloat16(_ x: Float) -> UInt16 {
    let (low, high) = (x.bitPattern & 0xFFFF_0000, (x.bitPattern &+ 0x1_0000) & 0xFFFF_0000)
    let (below, above) = (x - Float(bitPattern: low), Float(bitPattern: high) - x)
    let isLow = abs(below) < abs(above) || abs(below) == abs(above) && low & 0x1_0000 == 0
    return UInt16((isLow ? low : high) >> 16)
}

func widened(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

extension SplitMix64 {
    mutating func floats(_ count: Int, scale: Float, offset: Float = 0) -> [Float] {
        floats(count).map { offset + scale * $0 }
    }
}
