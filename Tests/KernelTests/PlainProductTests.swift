// The plain matrix products against a loop in double, and how rows and weights are quantised.

import CKernels
import Foundation
import Testing

@Suite struct PlainProductTests {
    /// C = A·B + bias or C += A·B with A in three segments that lie apart, for the columns from
    /// `column` on of a B that was packed in two parts.
    private struct Product {
        let (rows, columns, column, first): (Int, Int, Int, Int)
        let lengths: [Int]
        /// From one row of a segment to the next: less than its length where windows overlap.
        let lda: Int
        let accumulate: Bool

        var inner: Int { first + lengths.reduce(0, +) }

        static let all = [
            Product(7, 5, [5], lda: 26), Product(3, 33, [2, 4, 6], lda: 26, first: 2),
            Product(3, 33, [24, 24], column: 16, lda: 8, accumulate: true),
            Product(2, 9, [600, 512], lda: 603, first: 4), Product(3, 4, [], lda: 1),
            Product(0, 4, [3], lda: 3), Product(2, 0, [3], lda: 3),
            Product(2, 3, [4, 0, 2], lda: 6),
            Product(2, 3, [2_100], lda: 2_100, accumulate: true),
        ]

        init(
            _ rows: Int, _ columns: Int, _ lengths: [Int], column: Int = 0, lda: Int,
            first: Int = 0,
            accumulate: Bool = false
        ) {
            (self.rows, self.columns, self.column, self.first) = (rows, columns, column, first)
            (self.lengths, self.lda, self.accumulate) = (lengths, lda, accumulate)
        }
    }

    /// Multiplies with segments that begin where `places` says, in elements of `size` bytes.
    private typealias Multiply = (
        _ segments: [gemm_segment], _ b: packed_matrix, _ bias: UnsafePointer<Float>,
        _ c: UnsafeMutablePointer<Float>, _ ldc: Int
    ) -> Void

    /// Packs B, multiplies, and compares C with a loop over what `roundA` and `roundB` leave.
    ///
    /// - Parameter lost: how much of a term may be lost, beside a rounding for each addition.
    private func expect<Element>(
        _ product: Product, a: [Element], b: Matrix, bytesOfB: Int,
        roundA: (Element) -> Double, roundB: (_ k: Int, _ j: Int) -> Double,
        pack: (_ to: packed_matrix) -> Void, multiply: Multiply,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var numbers = SeededNumbers(seed: 77)
        let (rows, columns) = (product.rows, product.columns)
        let before = Matrix(rows, columns, gap: 3, &numbers)
        let bias = numbers.floats(max(1, columns))
        var c = before
        let span = product.lda * max(0, rows - 1) + 3
        let places = product.lengths.indices.map { index in
            product.lengths[..<index].reduce(0) { $0 + $1 + span } / 2 * 2
        }
        withUnsafeTemporaryAllocation(byteCount: bytesOfB + 1, alignment: 16) { packed in
            let matrix = packed_matrix(
                bytes: packed.baseAddress!, inner: product.inner, columns: b.cols)
            pack(matrix)
            a.withUnsafeBufferPointer { a in
                var first = product.first
                let segments = zip(places, product.lengths).map { place, length in
                    defer { first += length }
                    return gemm_segment(a: a.baseAddress! + place, first: first, count: length)
                }
                c.floats.withUnsafeMutableBufferPointer {
                    multiply(
                        segments + [gemm_segment(a: a.baseAddress!, first: 0, count: 0)], matrix,
                        bias, $0.baseAddress!, before.ld)
                }
            }
        }
        c.expect(sourceLocation: sourceLocation) { row, col in
            var exact = product.accumulate ? before[row, col] : Double(bias[col])
            var size = abs(exact)
            var k = product.first
            for (place, length) in zip(places, product.lengths) {
                for index in 0..<length {
                    let term =
                        roundA(a[place + row * product.lda + index])
                        * roundB(k, product.column + col)
                    (exact, size, k) = (exact + term, size + abs(term), k + 1)
                }
            }
            // Half a unit for each product and each addition at the worst.
            return (exact, Double(product.inner + 4) * epsilon * size)
        }
    }

    private func operands(_ product: Product) -> (a: [Float], b: Matrix) {
        var numbers = SeededNumbers(seed: product.inner)
        let span = product.lda * max(0, product.rows - 1) + 5
        let count = product.lengths.reduce(8) { $0 + $1 + span }
        return (
            numbers.floats(count, scale: 3),
            Matrix(product.inner, product.column + product.columns, &numbers)
        )
    }

    @Test func productsOfFloatsAgreeWithALoopInDouble() {
        for product in Product.all {
            let (a, b) = operands(product)
            let (rows, column, columns) = (product.rows, product.column, product.columns)
            let (count, lda) = (product.lengths.count, product.lda)
            let accumulate: Int32 = product.accumulate ? 1 : 0
            let half = product.inner / 4 * 2
            func pack(_ kernel: Pack, _ to: packed_matrix) {
                b.floats.withUnsafeBufferPointer { floats in
                    let below = floats.baseAddress! + half * b.ld
                    kernel(to, 0, half, 0, b.cols, floats.baseAddress!, b.ld, 1)
                    kernel(to, half, b.rows - half, 0, b.cols, below, b.ld, 1)
                }
            }
            expect(
                product, a: a, b: b, bytesOfB: plain.f32_packed_bytes(b.rows, b.cols),
                roundA: { Double($0) }, roundB: { b[$0, $1] }, pack: { pack(plain.f32_pack, $0) },
                multiply: {
                    plain.f32_gemm(
                        rows, count, $0, lda, $1, column, columns, $2, $3, $4, accumulate)
                })
            let bytes = plain.bf16_packed_bytes(b.rows, b.cols)
            let roundB = { (k: Int, j: Int) in Double(widened(bfloat16(b.floats[k * b.ld + j]))) }
            expect(
                product, a: a, b: b, bytesOfB: bytes, roundA: { Double(widened(bfloat16($0))) },
                roundB: roundB, pack: { pack(plain.bf16_pack, $0) },
                multiply: {
                    plain.f32_bf16w_gemm(
                        rows, count, $0, lda, $1, column, columns, $2, $3, $4, accumulate)
                })
            expect(
                product, a: a.map(bfloat16), b: b, bytesOfB: bytes,
                roundA: { Double(widened($0)) }, roundB: roundB,
                pack: { pack(plain.bf16_pack, $0) },
                multiply: {
                    plain.bf16_gemm(
                        rows, count, $0, lda, $1, column, columns, $2, $3, $4, accumulate)
                })
        }
    }

    private typealias Pack =
        @convention(c) (
            packed_matrix, Int, Int, Int, Int, UnsafePointer<Float>, Int, Int
        ) -> Void

    @Test func productsOfInt8WeightsAgreeWithALoopInDouble() {
        for product in Product.all {
            let (a, b) = operands(product)
            var numbers = SeededNumbers(seed: 5)
            let quantized = b.floats.map { $0.isNaN ? 0 : Int8($0 * 42) }
            let scales = numbers.floats(max(1, b.cols), scale: 0.004, offset: 0.01)
            let (rows, column, columns) = (product.rows, product.column, product.columns)
            let accumulate: Int32 = product.accumulate ? 1 : 0
            for rounds in [false, true] {
                let kernel = rounds ? plain.bf16_qc8w_gemm : plain.f32_qc8w_gemm
                expect(
                    product, a: a, b: b, bytesOfB: plain.qc8w_packed_bytes(b.rows, b.cols),
                    roundA: { Double(rounds ? widened(bfloat16($0)) : $0) },
                    roundB: { Double(quantized[$0 * b.ld + $1]) * Double(scales[$1]) },
                    pack: { plain.qc8w_pack($0, 0, b.cols, quantized, b.ld) },
                    multiply: { segments, matrix, bias, c, ldc in
                        scales.withUnsafeBufferPointer { scales in
                            kernel(
                                rows, product.lengths.count, segments, product.lda, matrix, column,
                                columns, scales.baseAddress! + column, bias, c, ldc, accumulate)
                        }
                    })
            }
        }
    }

    // MARK: - Quantised rows

    @Test func rowsAreQuantisedToTheNearestStep() {
        var numbers = SeededNumbers(seed: 6)
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

    /// A row of A times a column of ones, in INT8.
    private func product(of row: [Float]) -> Float {
        var (c, ones) = ([Float.nan], [Int8](repeating: 1, count: row.count))
        ones.withUnsafeMutableBytes { ones in
            let column = packed_matrix(bytes: ones.baseAddress!, inner: row.count, columns: 1)
            row.withUnsafeBufferPointer { row in
                var segment = gemm_segment(a: row.baseAddress!, first: 0, count: row.count)
                plain.qd8_qc8w_gemm(
                    1, 1, &segment, row.count, column, 0, 1, [1], nil, &c, 1, 0)
            }
        }
        return c[0]
    }

    @Test func eachRowAndSegmentHasItsScale() {
        var numbers = SeededNumbers(seed: 7)
        // Longer than QD8_SEGMENT: two scales.
        let row = numbers.floats(2048) + numbers.floats(52, scale: 1000)
        let exact = row.map { Double($0) }.reduce(0, +)
        var bound = 0.0
        for part in [row[..<2048], row[2048...]] {
            let largest = Double(part.map { abs($0) }.max() ?? 0)
            bound += 0.5001 * largest / 127 * Double(part.count)
        }
        #expect(abs(Double(product(of: row)) - exact) <= bound)
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

    /// Both ways to quantise B, and quantised A: within half a step of each number.
    @Test func quantisedProductsLoseHalfAStepOfEachNumber() {
        var numbers = SeededNumbers(seed: 8)
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
        // Of rows 4 ..< 64 of B, with scales that clamp a column, and none at all.
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
