// Products with INT8 weights in every instruction set: with INT8 activations all give the plain
// kernel's bits, with float activations they agree within rounding.

import CKernels
import Foundation
import Tensor
import Testing

@Suite struct CodeProductTests {
    /// A product with weights of INT8.
    private struct Case: CustomStringConvertible {
        let rows: Int
        let columns: Int
        /// Lengths of the segments of A's rows, one behind the other in B.
        let segments: [Int]
        /// B's rows before the first segment: products begin within a group of rows too.
        let first: Int
        let accumulate: Bool

        var inner: Int { first + segments.reduce(0, +) }

        var description: String {
            "\(rows) × \(columns), segments \(segments) from \(first) on, "
                + (accumulate ? "added" : "set")
        }

        /// Rows on both sides of a tile and of a block, columns on both sides of a panel, segments
        /// on both sides of a chunk and of the longest that has one step.
        static let all: [Case] = {
            var cases: [Case] = []
            for rows in [0, 1, 2, 7, 12, 13, 49] {
                for columns in [1, 3, 8, 9, 16, 17, 31, 32, 33, 65] {
                    for (index, segments) in [[5], [1, 2, 3], [24, 24]].enumerated() {
                        cases.append(
                            Case(
                                rows: rows, columns: columns, segments: segments, first: index,
                                accumulate: (rows + columns + index).isMultiple(of: 2)))
                    }
                }
            }
            for segments in [
                [255], [256], [257], [2047], [2048], [2049], [4100], [100, 200, 3], [0], [4, 0, 7],
                [],
            ] {
                for accumulate in [false, true] {
                    cases.append(
                        Case(
                            rows: 14, columns: 37, segments: segments, first: segments.count,
                            accumulate: accumulate))
                }
            }
            cases.append(
                Case(rows: 193, columns: 33, segments: [60], first: 3, accumulate: true))
            return cases
        }()
    }

    private typealias Product =
        @convention(c) (
            Int, Int, Int, UnsafePointer<gemm_segment>, Int, UnsafeRawPointer, Int,
            UnsafePointer<Float>, UnsafePointer<Float>?, UnsafeMutablePointer<Float>, Int, Int32
        ) -> Void

    /// Operands of a case, the same in every set.
    private struct Operands {
        let a: [Float]
        let codes: [Int8]
        let scales: [Float]
        let bias: [Float]
        let c: GuardedMatrix
        private let product: Case
        private let lda: Int

        init(_ product: Case) {
            var numbers = SeededNumbers(
                seed: product.rows + 31 * product.columns + 1009 * product.inner)
            self.product = product
            lda = (product.segments.max() ?? 0) + 2
            a = numbers.floats(max(1, product.segments.count) * max(1, product.rows) * lda + 1)
            // One more, so that there is an address even without rows.
            codes = (0...product.inner * product.columns).map { _ in Int8(127 * numbers.unit()) }
            scales = numbers.floats(product.columns, scale: 0.004, offset: 0.01)
            bias = numbers.floats(product.columns)
            c = GuardedMatrix(rows: product.rows, cols: product.columns, gap: 3) { _, _ in
                numbers.unit()
            }
        }

        func result(_ kernels: kernel_table, _ multiply: Product) -> GuardedMatrix {
            let bytes = kernels.qc8w_packed_bytes(product.inner, product.columns)
            var packed = [UInt8](repeating: 0x55, count: max(1, bytes))
            // Panel by panel, as the engine does on several threads.
            for first in stride(from: 0, to: product.columns, by: kernels.panel_columns) {
                let count = min(kernels.panel_columns, product.columns - first)
                codes.withUnsafeBufferPointer { codes in
                    packed.withUnsafeMutableBytes { packed in
                        kernels.qc8w_pack(
                            product.inner, count, codes.baseAddress! + first, product.columns,
                            packed.baseAddress! + kernels.qc8w_packed_bytes(product.inner, first))
                    }
                }
            }
            var result = c
            let ldc = c.ld
            a.withUnsafeBufferPointer { a in
                var first = product.first
                var segments = product.segments.enumerated().map { index, length in
                    defer { first += length }
                    return gemm_segment(
                        a: a.baseAddress! + index * product.rows * lda, first: first, count: length)
                }
                // Room behind them, so that there is an address even without segments.
                segments.append(gemm_segment(a: a.baseAddress!, first: 0, count: 0))
                result.withMutablePointer { c in
                    multiply(
                        product.rows, product.columns, product.segments.count, segments, lda,
                        packed, product.inner, scales, bias, c, ldc, product.accumulate ? 1 : 0)
                }
            }
            return result
        }
    }

    @Test(arguments: KernelCase.sets)
    func quantisedActivationsGiveThePlainKernelsBits(_ set: InstructionSet) {
        let (kernels, plain) = (set.kernels, InstructionSet.plain.kernels)
        for product in Case.all {
            let operands = Operands(product)
            let found = operands.result(kernels, kernels.qd8_qc8w_gemm)
            let expected = operands.result(plain, plain.qd8_qc8w_gemm)
            #expect(found.isIntactOutside, "\(set.rawValue): \(product)")
            let isEqual = (0..<product.rows).allSatisfy { row in
                (0..<product.columns).allSatisfy {
                    found[row, $0].bitPattern == expected[row, $0].bitPattern
                }
            }
            #expect(isEqual, "\(set.rawValue): \(product)")
        }
    }

    /// Against the formula in double, A as it is or rounded to bfloat16.
    @Test(arguments: KernelCase.sets)
    func floatActivationsAgreeWithALoopInDouble(_ set: InstructionSet) {
        let kernels = set.kernels
        for product in Case.all {
            let operands = Operands(product)
            for rounds in [false, true] {
                let found = operands.result(
                    kernels, rounds ? kernels.bf16_qc8w_gemm : kernels.f32_qc8w_gemm)
                let wrong = firstError(found, product, operands, rounds: rounds)
                if let wrong {
                    Issue.record(
                        "\(set.rawValue): \(product), \(rounds ? "bfloat16" : "float32"): \(wrong)")
                }
            }
        }
    }

    private func firstError(
        _ found: GuardedMatrix, _ product: Case, _ operands: Operands, rounds: Bool
    ) -> String? {
        guard found.isIntactOutside else { return "memory around C was touched" }
        let lda = (product.segments.max() ?? 0) + 2
        for row in 0..<product.rows {
            for column in 0..<product.columns {
                let start = product.accumulate ? operands.c[row, column] : operands.bias[column]
                var exact = Double(start)
                var absolute = abs(exact)
                var position = product.first
                for (index, length) in product.segments.enumerated() {
                    for k in 0..<length {
                        let x = operands.a[(index * product.rows + row) * lda + k]
                        let code = operands.codes[position * product.columns + column]
                        let term =
                            Double(rounds ? roundedToBFloat16(x) : x) * Double(code)
                            * Double(operands.scales[column])
                        exact += term
                        absolute += abs(term)
                        position += 1
                    }
                }
                // Half a unit for each addition at the worst, and the scale's product.
                let tolerance =
                    Double(product.inner + 4) * Double(Float.ulpOfOne) / 2 * absolute
                guard abs(Double(found[row, column]) - exact) <= tolerance else {
                    return "\(found[row, column]) at (\(row), \(column)), expected \(exact)"
                }
            }
        }
        return nil
    }

    private func roundedToBFloat16(_ x: Float) -> Float {
        let bits = x.bitPattern
        return Float(bitPattern: (bits + 0x7FFF + (bits >> 16) & 1) & 0xFFFF_0000)
    }

    /// The step of a row is a 127th of its largest element, so rounding loses half of one at most.
    @Test(arguments: KernelCase.sets)
    func aRowLosesHalfAStepAtMost(_ set: InstructionSet) {
        let kernels = set.kernels
        var numbers = SeededNumbers(seed: 5)
        let inner = 77
        let a = numbers.floats(inner, scale: 3)
        // The identity, so that C shows what A became.
        let codes = (0..<inner * inner).map { Int8($0 % (inner + 1) == 0 ? 1 : 0) }
        let c = products(kernels, a: a, inner: inner, codes: codes, columns: inner)
        let step = (a.map(\.magnitude).max() ?? 0) / 127
        for (found, exact) in zip(c, a) {
            #expect(abs(found - exact) <= 0.5001 * step, "\(set.rawValue)")
        }
    }

    @Test(arguments: KernelCase.sets)
    func rowsThatHaveNoStepAreDefined(_ set: InstructionSet) {
        let kernels = set.kernels
        let codes = [Int8](repeating: 100, count: 19)
        func row(_ value: Float, at index: Int) -> [Float] {
            var row = [Float](repeating: 0.5, count: 19)
            row[index] = value
            return row
        }
        for index in [0, 7, 18] {
            for value in [Float.nan, .infinity, -.infinity] {
                let c = products(
                    kernels, a: row(value, at: index), inner: 19, codes: codes, columns: 1)
                #expect(c[0].isNaN, "\(set.rawValue)")
            }
        }
        for tiny in [0, 1e-31, Float.leastNonzeroMagnitude] {
            let a = [Float](repeating: tiny, count: 19)
            #expect(products(kernels, a: a, inner: 19, codes: codes, columns: 1) == [0])
        }
        let large = [Float](repeating: .greatestFiniteMagnitude / 1e4, count: 19)
        let c = products(kernels, a: large, inner: 19, codes: codes, columns: 1)
        #expect(abs(c[0] / (1900 * large[0]) - 1) < 1e-5, "\(set.rawValue)")
    }

    /// Rows that are quantised and packed as the columns of B: the plain kernels' bits, and the
    /// product of the floats within what two steps of 127 leave.
    @Test(arguments: KernelCase.sets)
    func rowsBecomeColumnsOfCodes(_ set: InstructionSet) {
        for (inner, columns) in [(1, 1), (5, 7), (24, 33), (64, 17), (64, 100), (67, 48)] {
            var numbers = SeededNumbers(seed: inner + 31 * columns)
            let ldb = inner + 3
            let b = numbers.floats(columns * ldb)
            let offset = numbers.floats(inner)
            let a = numbers.floats(inner)
            let found = quantisedProducts(
                set.kernels, a, b, ldb, less: offset, columns: columns)
            let plain = quantisedProducts(
                kernels_plain().pointee, a, b, ldb, less: offset, columns: columns)
            #expect(
                found.map(\.bitPattern) == plain.map(\.bitPattern),
                "\(set.rawValue): \(inner) × \(columns)")
            for column in 0..<columns {
                let exact = (0..<inner).reduce(0.0) {
                    $0 + Double(a[$1]) * (Double(b[column * ldb + $1]) - Double(offset[$1]))
                }
                // Elements below 1 and 2: half a step of each, times the other.
                let error = abs(Double(found[column]) - exact)
                #expect(error <= Double(inner) * 2.1 / 127, "\(set.rawValue): column \(column)")
            }
        }
    }

    /// a times B, whose columns are the rows of b less the offset, both quantised.
    private func quantisedProducts(
        _ kernels: kernel_table, _ a: [Float], _ b: [Float], _ ldb: Int, less offset: [Float],
        columns: Int
    ) -> [Float] {
        let inner = a.count
        var packed = [UInt8](repeating: 0xFF, count: kernels.qc8w_packed_bytes(inner, columns))
        var scales = [Float](repeating: .nan, count: columns)
        // In two parts, as attention packs its keys.
        let half = columns / 2 / kernels.panel_columns * kernels.panel_columns
        packed.withUnsafeMutableBytes { packed in
            for part in [0..<half, half..<columns] {
                b.withUnsafeBufferPointer { b in
                    scales.withUnsafeMutableBufferPointer { scales in
                        kernels.qc8w_pack_rows(
                            inner, part.count, b.baseAddress! + part.lowerBound * ldb, ldb,
                            offset,
                            packed.baseAddress!
                                + kernels.qc8w_packed_bytes(inner, part.lowerBound),
                            scales.baseAddress! + part.lowerBound)
                    }
                }
            }
        }
        return products(kernels, a: a, packed, scales: scales)
    }

    /// One row of A times codes with a scale of 1.
    private func products(
        _ kernels: kernel_table, a: [Float], inner: Int, codes: [Int8], columns: Int
    ) -> [Float] {
        var packed = [UInt8](repeating: 0, count: kernels.qc8w_packed_bytes(inner, columns))
        kernels.qc8w_pack(inner, columns, codes, columns, &packed)
        return products(kernels, a: a, packed, scales: Array(repeating: 1, count: columns))
    }

    /// One row of A times packed codes.
    private func products(
        _ kernels: kernel_table, a: [Float], _ packed: [UInt8], scales: [Float]
    ) -> [Float] {
        let (inner, columns) = (a.count, scales.count)
        var c = [Float](repeating: .nan, count: columns)
        a.withUnsafeBufferPointer { a in
            var segment = gemm_segment(a: a.baseAddress!, first: 0, count: inner)
            kernels.qd8_qc8w_gemm(
                1, columns, 1, &segment, inner, packed, inner, scales, nil, &c, columns, 0)
        }
        return c
    }
}
