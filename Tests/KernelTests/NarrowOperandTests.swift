// Operands that are rounded to bfloat16 before a product sees them: the same bits as when it rounds
// them itself.

import CKernels
import Tensor
import TestSupport
import Testing

@Suite struct NarrowOperandTests {
    /// x rounded to bfloat16, to nearest, ties to even: its upper half.
    private static func half(_ x: Float) -> UInt16 {
        guard !x.isNaN else { return UInt16(truncatingIfNeeded: (x.bitPattern | 0x40_0000) >> 16) }
        let bits = x.bitPattern
        return UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
    }

    /// What a kernel may make of x: the conversion of AVX512-BF16 takes subnormal numbers for zero.
    private static func isHalf(_ found: UInt16, of x: Float) -> Bool {
        found == half(x) || x.isSubnormal && found & 0x7FFF == 0
    }

    @Test(arguments: KernelCase.sets)
    func roundingIsToNearestAndEven(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) {
            let x = test.matrix()
            let (stride, untouched): (Int, UInt16) = (test.cols + test.cols % 2 + 2, 0xABCD)
            var out = [UInt16](repeating: untouched, count: test.rows * stride + 1)
            x.withPointer {
                test.kernels.bf16_round(test.rows, test.cols, $0, x.ld, &out, stride)
            }
            for row in 0..<test.rows {
                let found = out[row * stride..<(row + 1) * stride]
                let isRight = zip(0..<stride, found).allSatisfy { col, half in
                    if col < test.cols { return Self.isHalf(half, of: x[row, col]) }
                    return half == (col == test.cols && col % 2 == 1 ? 0 : untouched)
                }
                #expect(isRight, "\(test): row \(row)")
            }
            #expect(out.last == untouched)
        }
    }

    /// Within the 2⁻¹³ of coarse exponentials and, where they are written, the 2⁻⁸ of rounding.
    @Test(arguments: KernelCase.sets)
    func narrowSoftmaxIsTheOtherRounded(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) where test.rows > 0 {
            let (rows, cols) = (test.rows, test.cols)
            var (wide, narrow) = (test.matrix(), test.matrix())
            let ld = wide.ld
            // Maxima, sums and corrections, after another tile.
            let before = (0..<rows).map { Float($0) } + Array(repeating: 2, count: 2 * rows)
            var (state, narrowState) = (before, before)
            state.withUnsafeMutableBufferPointer { state in
                let first = state.baseAddress!
                wide.withMutablePointer {
                    test.kernels.f32_softmax_step(
                        rows, cols, 0.37, $0, ld, first, first + rows, first + 2 * rows)
                }
            }
            narrowState.withUnsafeMutableBufferPointer { state in
                let first = state.baseAddress!
                narrow.withMutablePointer {
                    test.kernels.bf16_softmax_step(
                        rows, cols, 0.37, $0, ld, first, first + rows, first + 2 * rows)
                }
            }
            for (found, expected) in zip(narrowState, state) {
                #expect(abs(found - expected) <= 0x1p-13 * abs(expected), "\(test)")
            }
            narrow.withPointer { pointer in
                for row in 0..<rows {
                    let halves = UnsafeRawPointer(pointer + row * ld)
                        .assumingMemoryBound(to: UInt16.self)
                    let isRight = (0..<cols).allSatisfy { col in
                        let found = Float(bitPattern: UInt32(halves[col]) << 16)
                        return abs(found - wide[row, col]) <= 0x1.1p-8 * wide[row, col] + 1.2e-38
                    }
                    #expect(isRight, "\(test): row \(row)")
                    #expect(cols % 2 == 0 || halves[cols] == 0, "\(test): row \(row)")
                }
            }
            #expect(narrow.isIntactOutside, "\(test)")
        }
    }

    @Test(arguments: KernelCase.sets)
    func productsOfRoundedRowsAreThoseOfFloats(_ set: InstructionSet) {
        let kernels = set.kernels
        for rows in [1, 2, 7, 13, 50] {
            for columns in [1, 16, 33, 64] {
                for (segments, offset) in [
                    ([64], 0), ([30], 0), ([31], 0), ([600, 513], 0), ([40, 7], 6),
                ] {
                    for accumulate in [0, 1] as [Int32] {
                        let products = products(
                            kernels, rows: rows, columns: columns, segments, from: offset,
                            accumulate: accumulate)
                        #expect(
                            products.ofRounded == products.ofFloats,
                            "\(set.rawValue): \(rows) × \(segments) × \(columns)")
                    }
                }
            }
        }
    }

    /// The product of the segments, from B's row `first` on, by both kernels.
    private func products(
        _ kernels: kernel_table, rows: Int, columns: Int, _ lengths: [Int], from first: Int,
        accumulate: Int32
    ) -> (ofFloats: [UInt32], ofRounded: [UInt32]) {
        var numbers = SeededNumbers(seed: rows + 31 * columns + 1009 * lengths.count)
        let inner = first + lengths.reduce(0, +)
        let b = numbers.floats(inner * columns)
        var packed = [UInt8](repeating: 0xFF, count: kernels.bf16_packed_bytes(inner, columns))
        packed.withUnsafeMutableBytes {
            kernels.bf16_pack(inner, 0, inner, columns, b, columns, 1, $0.baseAddress!)
        }
        let lda = (lengths.max() ?? 0) + 3
        let stride = lda + lda % 2
        let start = numbers.floats(rows * columns)
        var (ofFloats, ofRounded) = (start, start)
        // A segment after the other, each a matrix of its own.
        let wide = lengths.map { _ in numbers.floats(rows * lda) }
        let narrow = zip(wide, lengths).map { values, length in
            var rounded = [UInt16](repeating: 0x7FC0, count: rows * stride)
            kernels.bf16_round(rows, length, values, lda, &rounded, stride)
            return rounded
        }
        func run(
            _ addresses: [UnsafeRawPointer], _ lda: Int,
            _ product: (UnsafePointer<gemm_segment>) -> Void
        ) {
            var place = first
            let segments = zip(addresses, lengths).map { address, length in
                defer { place += length }
                return gemm_segment(a: address, first: place, count: length)
            }
            product(segments)
        }
        withAddresses(wide) { addresses in
            run(addresses, lda) {
                kernels.bf16_gemm(
                    rows, columns, lengths.count, $0, lda, packed, inner, nil, &ofFloats, columns,
                    accumulate)
            }
        }
        withAddresses(narrow) { addresses in
            run(addresses, stride) {
                kernels.bf16_gemm_of_bf16(
                    rows, columns, lengths.count, $0, stride, packed, inner, nil, &ofRounded,
                    columns, accumulate)
            }
        }
        return (ofFloats.map(\.bitPattern), ofRounded.map(\.bitPattern))
    }

    private func withAddresses<Element>(
        _ arrays: [[Element]], _ body: ([UnsafeRawPointer]) -> Void
    ) {
        let copies = arrays.map { array in
            let copy = UnsafeMutablePointer<Element>.allocate(capacity: array.count)
            copy.initialize(from: array, count: array.count)
            return copy
        }
        body(copies.map { UnsafeRawPointer($0) })
        for copy in copies { copy.deallocate() }
    }
}
