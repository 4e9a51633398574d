// The front door of matrix products against a loop in double, with our kernels and with BLAS.

import CKernels
import Foundation
import Tensor
import Testing

@Suite struct MatrixProductTests {
    @Test func theBackendsProductsAgreeWithALoopInDouble() throws {
        Self.expectProducts(of: try Backend(threads: 1))
    }

    /// In a process of its own, because the environment chooses.
    @Test func theBackendsProductsByBLASAgreeToo() async {
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
            #expect(throws: GEMMBackendError.self) { _ = try Backend(threads: 1) }
        }
    }

    // MARK: - The comparison

    /// A in segments that lie apart, as convolutions use it; B packed in two parts; C in ranges of
    /// columns.
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

    private static func expectProduct(
        of backend: Backend, _ rows: Int, _ columns: Int, _ lengths: [Int], _ accumulate: Bool
    ) {
        let inner = lengths.reduce(0, +)
        var numbers = SeededNumbers(seed: rows + 31 * columns + 1009 * inner)
        let a = Matrix(rows * lengths.count, (lengths.max() ?? 0), &numbers)
        let (b, before) = (Matrix(inner, columns, &numbers), Matrix(rows, columns, &numbers))
        let bias = numbers.floats(columns)
        var c = before
        let layout = PackedLayout(inner: inner, columns: columns, precision: .float32)
        let packed = backend.tensor([backend.packedFloats(layout)])
        b.floats.withUnsafeBufferPointer { floats in
            for part in [0..<inner / 2, inner / 2..<inner] {
                backend.pack(
                    layout, part, 0..<columns, from: floats.baseAddress! + part.lowerBound * b.ld,
                    innerStride: b.ld, columnStride: 1, into: packed.pointer)
            }
        }
        let ldc = c.ld
        withExtendedLifetime(packed) {
            a.floats.withUnsafeBufferPointer { floats in
                var first = 0
                let segments = lengths.enumerated().map { index, length in
                    defer { first += length }
                    return gemm_segment(
                        a: floats.baseAddress! + index * rows * a.ld, first: first, count: length)
                }
                for start in stride(from: 0, to: columns, by: 2 * backend.panelColumns) {
                    let range = start..<min(start + 2 * backend.panelColumns, columns)
                    segments.withUnsafeBufferPointer { segments in
                        c.floats.withUnsafeMutableBufferPointer { c in
                            bias.withUnsafeBufferPointer { bias in
                                backend.multiply(
                                    rows: rows, segments, lda: a.ld, by: packed.pointer, layout,
                                    range, bias: bias.baseAddress! + start,
                                    into: c.baseAddress! + start, ldc: ldc, accumulate: accumulate)
                            }
                        }
                    }
                }
            }
        }
        c.expect { row, col in
            var exact = accumulate ? before[row, col] : Double(bias[col])
            var (size, k) = (abs(exact), 0)
            for (index, length) in lengths.enumerated() {
                for place in 0..<length {
                    let term = a[index * rows + row, place] * b[k, col]
                    (exact, size, k) = (exact + term, size + abs(term), k + 1)
                }
            }
            // Half a unit for each product and each addition at the worst.
            return (exact, Double(inner + 2) * epsilon * size)
        }
        let isIntact = (0..<rows).allSatisfy { row in
            c.floats[(row * ldc + columns)..<(row + 1) * ldc].allSatisfy(\.isNaN)
        }
        #expect(isIntact, "memory around C was touched")
    }
}
