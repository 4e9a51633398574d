// What attention in INT8 multiplies: softmax in codes, and codes times codes.

import CKernels
import Tensor
import Testing

@Suite struct CodeOperandTests {
    /// Codes are those of `f32_softmax_step` below the tile's own maximum, at most one step off, and
    /// sums and steps fit them.
    @Test(arguments: KernelCase.sets)
    func softmaxInCodesIsTheOtherInSteps(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) where test.rows > 0 {
            let (rows, cols) = (test.rows, test.cols)
            let scores = test.matrix()
            var (wide, coded) = (scores, scores)
            let ld = wide.ld
            let slope: Float = 0.37
            // The maxima of an earlier tile, below and above this one's.
            let earlier = (0..<rows).map { $0 % 2 == 0 ? -1e30 : slope * 1e30 } as [Float]
            var own = [Float](repeating: -.infinity, count: rows)
            var (unused, total) = (own, [Float](repeating: 0, count: rows))
            wide.withMutablePointer {
                test.kernels.f32_softmax_step(rows, cols, slope, $0, ld, &own, &total, &unused)
            }
            var maxima = earlier
            var sums = [Float](repeating: 2, count: rows)
            var (correction, steps) = (unused, unused)
            let codes = coded.withMutablePointer { pointer in
                test.kernels.q8_softmax_step(
                    rows, cols, slope, pointer, ld, &maxima, &sums, &correction, &steps)
                let bytes = UnsafeRawPointer(pointer).assumingMemoryBound(to: Int8.self)
                return (0..<rows).map { row in
                    (0..<(cols + 3) / 4 * 4).map { Int(bytes[4 * row * ld + $0]) }
                }
            }
            for row in 0..<rows {
                // Scores of 1e15 are told apart no better than by a factor of 2.
                let isNear = (0..<cols).allSatisfy { col in
                    let exact = 127 * wide[row, col]
                    return test.magnitude == .special
                        ? (0...127).contains(codes[row][col])
                        : abs(Float(codes[row][col]) - exact) <= 0.52
                }
                #expect(isNear, "\(test): row \(row)")
                #expect(codes[row][cols...].allSatisfy { $0 == 0 }, "\(test): row \(row)")
                let share = earlier[row] > own[row] ? Float(0) : 1
                #expect(abs(127 * steps[row] - share) <= 1e-6, "\(test): row \(row)")
                let sum = 2 * correction[row] + steps[row] * Float(codes[row].reduce(0, +))
                #expect(abs(sums[row] - sum) <= 1e-6 * sum, "\(test): row \(row)")
            }
            #expect(coded.isIntactOutside, "\(test)")
        }
    }

    /// One product of codes: A of `rows` × `count`, that belongs to B's rows from `first` on.
    private struct Product {
        let (rows, columns, first, count): (Int, Int, Int, Int)
    }

    @Test(arguments: KernelCase.sets)
    func productsOfCodesAreExact(_ set: InstructionSet) {
        for rows in [1, 5, 13, 50] {
            for columns in [1, 16, 33, 64] {
                for (first, count) in [(0, 1), (0, 64), (4, 7), (32, 449), (8, 2_100)] {
                    for accumulate in [0, 1] as [Int32] {
                        let product = Product(
                            rows: rows, columns: columns, first: first, count: count)
                        let found = result(set.kernels, product, accumulate)
                        let plain = result(kernels_plain().pointee, product, accumulate)
                        #expect(
                            found.map(\.bitPattern) == plain.map(\.bitPattern),
                            "\(set.rawValue): \(product)")
                    }
                }
            }
        }
    }

    private func result(
        _ kernels: kernel_table, _ product: Product, _ accumulate: Int32
    ) -> [Float] {
        let (rows, columns, count) = (product.rows, product.columns, product.count)
        var numbers = SeededNumbers(seed: rows + 31 * columns + 1009 * count)
        let inner = product.first + count
        let b = numbers.floats(inner * columns)
        var scales = [Float](repeating: 0, count: columns)
        kernels.f32_column_magnitudes(inner, columns, b, columns, &scales)
        for column in 0..<columns { scales[column] /= 127 }
        var packed = [UInt8](repeating: 0xFF, count: kernels.qc8w_packed_bytes(inner, columns))
        packed.withUnsafeMutableBytes { packed in
            // In two parts, as attention packs its values.
            b.withUnsafeBufferPointer { b in
                for part in [0..<product.first, product.first..<inner] {
                    kernels.qc8w_pack_scaled(
                        inner, part.lowerBound, part.count, columns,
                        b.baseAddress! + part.lowerBound * columns, columns, scales,
                        packed.baseAddress!)
                }
            }
        }
        let lda = (count + 3) / 4 * 4
        var a = [Int8](repeating: 0, count: rows * lda)
        for row in 0..<rows {
            for k in 0..<count { a[row * lda + k] = Int8((row * 37 + k * 11) % 255 - 127) }
        }
        let steps = (0..<rows).map { 0.01 * Float($0 + 1) }
        var c = numbers.floats(rows * columns)
        kernels.q8_qc8w_gemm(
            rows, columns, product.first, count, a, lda, steps, packed, inner, scales, &c, columns,
            accumulate)
        return c
    }

    /// The plain kernel's bits, which `productsOfCodesAreExact` compares with, against double.
    @Test func plainProductsOfCodesAreProducts() {
        let product = Product(rows: 3, columns: 5, first: 4, count: 30)
        let found = result(kernels_plain().pointee, product, 0)
        var numbers = SeededNumbers(seed: 3 + 31 * 5 + 1009 * 30)
        let b = numbers.floats(34 * 5)
        for row in 0..<3 {
            for column in 0..<5 {
                let exact = (0..<30).reduce(0.0) { sum, k in
                    let code = Double((row * 37 + k * 11) % 255 - 127)
                    return sum + 0.01 * Double(row + 1) * code * Double(b[(4 + k) * 5 + column])
                }
                // Half a step of each of 30 values below 1, times codes of up to 127.
                let bound = 0.01 * Double(row + 1) * 30 * 127 * 0.51 / 127
                #expect(abs(Double(found[row * 5 + column]) - exact) <= bound)
            }
        }
    }

    @Test(arguments: KernelCase.sets)
    func codesOfRowsAreNearestSteps(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) where test.cols <= QD8_SEGMENT {
            let x = test.matrix()
            let stride = (x.cols + 3) / 4 * 4 + 4
            var codes = [Int8](repeating: 99, count: x.rows * stride)
            var steps = [Float](repeating: 7, count: x.rows)
            x.withPointer {
                test.kernels.q8_rows(x.rows, x.cols, $0, x.ld, &codes, stride, &steps)
            }
            for row in 0..<x.rows {
                let values = (0..<x.cols).map { x[row, $0] }
                let largest = values.map(abs).max() ?? 0
                let counts = largest.isFinite && largest >= 0x1p-100
                let step = largest.isFinite ? (counts ? largest / 127 : 0) : .nan
                #expect(
                    steps[row] == step || (steps[row].isNaN && step.isNaN), "\(test): row \(row)")
                for (col, value) in values.enumerated() {
                    let code = codes[row * stride + col]
                    let exact = counts ? Double(value) / Double(step) : 0
                    #expect(abs(Double(code) - exact) <= 0.500_1, "\(test): \(row), \(col)")
                }
                let end = row * stride + x.cols
                #expect(codes[end..<end + (4 - x.cols % 4) % 4].allSatisfy { $0 == 0 })
                #expect(codes[(row + 1) * stride - 4..<(row + 1) * stride].allSatisfy { $0 == 99 })
            }
        }
    }

    @Test(arguments: KernelCase.sets)
    func magnitudesAreThoseOfColumns(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) where test.rows > 0 {
            let x = test.matrix()
            var found = [Float](repeating: 0.25, count: x.cols)
            x.withPointer {
                test.kernels.f32_column_magnitudes(x.rows, x.cols, $0, x.ld, &found)
            }
            let expected = (0..<x.cols).map { col in
                (0..<x.rows).reduce(Float(0.25)) { max($0, abs(x[$1, col])) }
            }
            #expect(found == expected, "\(test)")
        }
    }
}
