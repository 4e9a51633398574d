// The backend's matrix products against a loop in double, with our kernels and with BLAS.

import CKernels
import Foundation
import Tensor
import TestSupport
import Testing

@Suite struct MatrixProductTests {
    @Test(arguments: InstructionSet.available)
    func theBackendsProductsAgreeWithALoopInDouble(_ set: InstructionSet) throws {
        Self.expectProducts(
            of: try Backend(
                threads: 1, precision: .float32, instructions: set, products: .packed))
    }

    /// On Linux `tools/setup` installs a BLAS; the engine alone needs none.
    private static let hasBLAS: Bool = {
        #if canImport(Darwin)
            true
        #else
            dlopen("libopenblas.so.0", RTLD_LAZY) != nil
        #endif
    }()

    /// In a process of its own, because the environment selects BLAS.
    @Test(.enabled(if: hasBLAS)) func theBackendsProductsByBLASAgreeToo() async {
        await #expect(processExitsWith: .success) {
            setenv("SWIFT_DEMUCS_PRODUCTS", "blas", 1)
            let backend = try Backend(threads: 1)
            #expect(backend.productsDescription != "packed")
            MatrixProductTests.expectProducts(of: backend)
        }
    }

    @Test func unknownProductsAreRefused() async {
        await #expect(processExitsWith: .success) {
            setenv("SWIFT_DEMUCS_PRODUCTS", "abacus", 1)
            #expect(throws: BackendError.unknownProducts(value: "abacus")) {
                _ = try Backend(threads: 1)
            }
        }
    }

    // MARK: - The comparison

    /// Checks products with A in separate segments, as in convolutions, B packed in two parts, and
    /// C in ranges of columns.
    private static func expectProducts(of backend: Backend) {
        for rows in [0, 1, 13, 25] {
            for columns in [1, 9, 17, 32, 33, 65] {
                for lengths in [
                    [5], [1, 2, 3], [24, 24], [257], [100, 200, 300], [0], [4, 0, 7],
                ] {
                    for accumulate in [false, true] {
                        expectProduct(of: backend, rows, columns, lengths, accumulate)
                    }
                }
            }
        }
    }

    /// Multiplies, and compares C with a loop in double.
    private static func expectProduct(
        of backend: Backend, _ rows: Int, _ columns: Int, _ lengths: [Int], _ accumulate: Bool
    ) {
        let inner = lengths.reduce(0, +)
        var numbers = SplitMix64(seed: UInt64(rows + 31 * columns + 1009 * inner))
        let lda = (lengths.max() ?? 0) + 2
        let a = lengths.map { _ in numbers.floats(lda * rows + 1, scale: 3) }
        let b = Matrix(inner, columns, &numbers)
        let before = Matrix(rows, columns, gap: 3, &numbers)
        let bias = numbers.floats(columns)
        let layout = PackedLayout(inner: inner, columns: columns, precision: .float32)
        let packed = backend.tensor([backend.packedFloats(layout)])
        b.floats.withUnsafeBufferPointer { floats in
            for part in [0..<inner / 2, inner / 2..<inner] {
                backend.pack(
                    layout, part, 0..<columns, from: floats.baseAddress! + part.lowerBound * b.ld,
                    innerStride: b.ld, columnStride: 1, into: packed.pointer)
            }
        }
        let tensors = a.map { backend.tensor([$0.count], $0) }
        var first = 0
        let segments = zip(tensors, lengths).map { tensor, length in
            defer { first += length }
            return gemm_segment(a: tensor.pointer, first: first, count: length)
        }
        var c = before
        withExtendedLifetime(tensors) {
            c.floats.withUnsafeMutableBufferPointer { c in
                for start in stride(from: 0, to: columns, by: 2 * backend.panelColumns) {
                    let range = start..<min(start + 2 * backend.panelColumns, columns)
                    segments.withUnsafeBufferPointer { segments in
                        bias.withUnsafeBufferPointer { bias in
                            backend.multiply(
                                rows: rows, segments, lda: lda, by: packed.pointer, layout, range,
                                bias: bias.baseAddress! + start, into: c.baseAddress! + start,
                                ldc: before.ld, accumulate: accumulate)
                        }
                    }
                }
            }
        }
        for row in 0..<rows {
            for col in 0..<columns {
                var exact = accumulate ? before[row, col] : Double(bias[col])
                var (size, k) = (abs(exact), 0)
                for (a, length) in zip(a, lengths) {
                    for index in 0..<length {
                        let term = Double(a[row * lda + index]) * b[k, col]
                        (exact, size, k) = (exact + term, size + abs(term), k + 1)
                    }
                }
                // At worst half a unit for each product and each addition. In this form NaN fails.
                guard abs(c[row, col] - exact) <= Double(inner + 4) * epsilon * size else {
                    Issue.record(
                        """
                        \(rows) × \(columns), segments of \(lengths), at (\(row), \(col)): found \
                        \(c[row, col]), exact \(exact)
                        """)
                    return
                }
            }
            let gap = c.floats[(row * c.ld + columns)..<(row + 1) * c.ld]
            #expect(gap.allSatisfy { $0.isNaN }, "memory around C was touched")
        }
    }
}

/// Relative spacing of float32 numbers: twice the largest rounding error.
let epsilon = Double(Float.ulpOfOne)

/// `rows` × `cols` uniform numbers in −scale ..< scale, whose rows start `ld` floats apart.
struct Matrix {
    let ld: Int
    var floats: [Float]

    init(
        _ rows: Int, _ cols: Int, gap: Int = 2, scale: Float = 3, _ numbers: inout SplitMix64
    ) {
        ld = cols + gap
        // One element more, because the pointer of an empty array may be any address.
        floats = Array(repeating: .nan, count: rows * ld + 1)
        for row in 0..<rows {
            for col in 0..<cols { floats[row * ld + col] = scale * numbers.float() }
        }
    }

    subscript(_ row: Int, _ col: Int) -> Double { Double(floats[row * ld + col]) }
}

extension SplitMix64 {
    mutating func floats(_ count: Int, scale: Float) -> [Float] {
        floats(count).map { scale * $0 }
    }
}
