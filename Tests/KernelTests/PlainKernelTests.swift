// The plain kernels, where neither the goldens of PyTorch with this set of kernels
// (Tests/system/test_kernel_sets) nor the comparison with the other sets (CKernelTester) says what
// is right: closed gates, NaN and quantised rows.

import CKernels
import Foundation
import TestSupport
import Testing

@Suite struct PlainKernelTests {
    private let plain = kernels_plain().pointee

    /// An exponential that overflows closes the gate.
    @Test func aGateOfAHugeNegativeNumberIsClosed() {
        var out: [Float] = [1]
        plain.f32_affine_glu(
            1, 1, [1, 1], [0, 0], [2, -.greatestFiniteMagnitude], 2, &out, 1)
        #expect(out[0] == 0)
    }

    @Test func magnitudesKeepNaN() {
        var largest: [Float] = [1, 1]
        plain.f32_column_magnitudes(2, 2, [.nan, 3, 2, -5], 2, &largest)
        #expect(largest[0].isNaN && largest[1] == 5)
    }

    // MARK: - Quantised rows

    @Test func rowsAreQuantisedToTheNearestStep() {
        var numbers = SplitMix64(seed: 6)
        for cols in [1, 3, 4, 33, 2048] {
            let x = numbers.floats(cols, scale: 3)
            var (quantized, rowScale) = ([Int8](repeating: 99, count: cols + 8), [Float(0)])
            plain.q8_rows(1, cols, x, cols, &quantized, cols, &rowScale)
            let largest = x.map { abs($0) }.max() ?? 0
            #expect(rowScale[0] == largest / 127)
            for (found, value) in zip(quantized, x) {
                #expect(abs(Double(found) - Double(value) / Double(rowScale[0])) <= 0.500_1)
            }
            let padding = (4 - cols % 4) % 4
            #expect(quantized[cols..<cols + padding].allSatisfy { $0 == 0 })
            #expect(quantized[cols + padding] == 99)
        }
    }

    /// The INT8 product of a row of A with a column of ones.
    private func product(of row: [Float]) -> Float {
        product(
            of: row, segments: [row.count], columns: 1, [Int8](repeating: 1, count: row.count),
            by: plain.qd8_qc8w_gemm)[0]
    }

    /// The product of a row of A, in segments, with an INT8 matrix `[row.count, columns]`.
    private func product(
        of row: [Float], segments counts: [Int], columns: Int, _ b: [Int8],
        by gemm: QuantizedGEMM
    ) -> [Float] {
        var (c, b) = ([Float](repeating: .nan, count: columns), b)
        let scales = [Float](repeating: 1, count: columns)
        b.withUnsafeMutableBytes { b in
            let b = packed_matrix(bytes: b.baseAddress!, inner: row.count, columns: columns)
            row.withUnsafeBufferPointer { row in
                var first = 0
                let segments = counts.map { count in
                    defer { first += count }
                    return gemm_segment(a: row.baseAddress! + first, first: first, count: count)
                }
                gemm(
                    1, counts.count, segments, row.count, b, 0, columns, scales, nil, &c, columns,
                    0)
            }
        }
        return c
    }

    private typealias QuantizedGEMM =
        @convention(c) (
            Int, Int, UnsafePointer<gemm_segment>, Int, packed_matrix, Int, Int,
            UnsafePointer<Float>, UnsafePointer<Float>?, UnsafeMutablePointer<Float>, Int, Int32
        ) -> Void

    @Test func eachRowAndSegmentHasItsScale() {
        var numbers = SplitMix64(seed: 7)
        // The row is longer than QD8_SEGMENT, so it has two row scales.
        let row = numbers.floats(2048) + numbers.floats(52, scale: 1000)
        let exact = row.map { Double($0) }.reduce(0, +)
        var bound = 0.0
        for part in [row[..<2048], row[2048...]] {
            let largest = Double(part.map { abs($0) }.max() ?? 0)
            bound += 0.5001 * largest / 127 * Double(part.count)
        }
        #expect(abs(Double(product(of: row)) - exact) <= bound)
    }

    /// With the identity as B, the product is the row as it was quantised.
    @Test func segmentsOfFourteenBitsShareAScale() {
        var numbers = SplitMix64(seed: 9)
        let row = numbers.floats(40) + numbers.floats(60, scale: 1000)
        let identity = row.indices.flatMap { k in row.indices.map { Int8($0 == k ? 1 : 0) } }
        let largest = row.map { abs($0) }.max() ?? 0
        for segments in [[100], [40, 0, 60], [1, 98, 1]] {
            let found = product(
                of: row, segments: segments, columns: row.count, identity,
                by: plain.qd14_qc8w_gemm)
            for (quantized, value) in zip(found, row) {
                #expect(abs(quantized - value) <= 0.501 * largest / 8191)
            }
        }
    }

    @Test func rowsOfFourteenBitsAreDefined() {
        func sum(_ row: [Float]) -> Float {
            product(
                of: row, segments: [row.count], columns: 1,
                [Int8](repeating: 127, count: row.count), by: plain.qd14_qc8w_gemm)[0]
        }
        for value in [Float.nan, .infinity, -.infinity] {
            #expect(sum([1, value, 2]).isNaN)
        }
        #expect(sum([0, 1e-31]) == 0)
        // The largest sum of 32 bits, and a second row scale after it.
        #expect(sum([Float](repeating: 1, count: 2048)) == 127 * 2048)
        #expect(sum([Float](repeating: -1, count: 2048) + [1000]) == -127 * 1048)
    }

    @Test(arguments: [0, 7, 18])
    func rowsThatHaveNoScaleAreDefined(_ index: Int) {
        for value in [Float.nan, .infinity, -.infinity] {
            var row = [Float](repeating: 0.5, count: 19)
            row[index] = value
            #expect(product(of: row).isNaN)
        }
        for tiny in [0, 1e-31, Float.leastNonzeroMagnitude] {
            #expect(product(of: Array(repeating: tiny, count: 19)) == 0)
        }
        let large = [Float](repeating: .greatestFiniteMagnitude / 1e4, count: 19)
        #expect(abs(product(of: large) / (19 * large[0]) - 1) < 1e-5)
    }

    /// Both ways to quantise B, with a quantised A: the error is at most half a step of each
    /// number.
    @Test func quantisedProductsLoseHalfAStepOfEachNumber() {
        var numbers = SplitMix64(seed: 8)
        let (inner, columns, first) = (64, 9, 4)
        let (b, offset) = (Matrix(columns, inner, scale: 1, &numbers), numbers.floats(inner))
        let a = (0..<inner).map { Int8($0 * 37 % 255 - 127) }
        var bytes = [Int8](repeating: 99, count: inner * columns)
        var (scales, c) = ([Float](repeating: 0, count: columns), [Float](repeating: 1, count: 9))
        bytes.withUnsafeMutableBytes { bytes in
            let matrix = packed_matrix(bytes: bytes.baseAddress!, inner: inner, columns: columns)
            plain.qc8w_pack_rows(matrix, 0, columns, b.floats, b.ld, offset, &scales)
            plain.q8_qc8w_gemm(
                1, 0, inner, a, inner, [0.5], matrix, 0, columns, scales, &c, columns, 1)
        }
        for j in 0..<columns {
            let column = (0..<inner).map { b[j, $0] - Double(offset[$0]) }
            var exact = 1.0
            for k in 0..<inner { exact += 0.5 * Double(a[k]) * column[k] }
            let (scale, largest) = (Double(scales[j]), column.map { abs($0) }.max() ?? 0)
            #expect(abs(scale - largest / 127) <= epsilon * scale)
            #expect(abs(Double(c[j]) - exact) <= 0.5 * 127 * 0.501 * scale * 64)
        }
        // Rows 4 ..< 64 of B, with scales that clamp a column, and invalid scales.
        let rows = Matrix(inner, columns, scale: 1, &numbers)
        scales = [0.001, 0, .infinity] + Array(repeating: 1 / 127, count: 6)
        bytes.withUnsafeMutableBytes { bytes in
            let matrix = packed_matrix(bytes: bytes.baseAddress!, inner: inner, columns: columns)
            plain.qc8w_pack_scaled(matrix, 0, inner, rows.floats, rows.ld, scales)
            plain.q8_qc8w_gemm(
                1, first, inner - first, a, inner, [1], matrix, 0, columns,
                scales.map { $0.isFinite ? $0 : 0 }, &c, columns, 0)
        }
        for j in 0..<columns where j != 2 {
            let scale = Double(scales[j])
            var exact = 0.0
            for k in first..<inner {
                exact += Double(a[k - first]) * min(127 * scale, max(-127 * scale, rows[k, j]))
            }
            #expect(abs(Double(c[j]) - exact) <= 127 * 0.501 * scale * 60)
        }
        #expect((0..<inner).allSatisfy { bytes[$0 * columns + 2] == 0 }, "an infinite scale")
    }
}
