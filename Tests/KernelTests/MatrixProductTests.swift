// The backend's matrix products against a loop in double, with our kernels and with BLAS.

import Foundation
import Tensor
import Testing

@Suite struct MatrixProductTests {
    @Test func theBackendsProductsAgreeWithALoopInDouble() throws {
        Self.expectProducts(of: try Backend(threads: 1))
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

    private static func expectProduct(
        of backend: Backend, _ rows: Int, _ columns: Int, _ lengths: [Int], _ accumulate: Bool
    ) {
        let product = Product(
            rows, columns, lengths, lda: (lengths.max() ?? 0) + 2, accumulate: accumulate)
        let (b, bias) = (product.b, product.bias)
        let layout = PackedLayout(inner: b.rows, columns: columns, precision: .float32)
        let packed = backend.tensor([backend.packedFloats(layout)])
        b.floats.withUnsafeBufferPointer { floats in
            for part in [0..<b.rows / 2, b.rows / 2..<b.rows] {
                backend.pack(
                    layout, part, 0..<columns, from: floats.baseAddress! + part.lowerBound * b.ld,
                    innerStride: b.ld, columnStride: 1, into: packed.pointer)
            }
        }
        let valueOfB = { (k: Int, j: Int) in b[k, j] }
        product.expect(product.a, Double.init, valueOfB) { segments, c, ldc in
            for start in stride(from: 0, to: columns, by: 2 * backend.panelColumns) {
                let range = start..<min(start + 2 * backend.panelColumns, columns)
                segments.dropLast().withUnsafeBufferPointer { segments in
                    bias.withUnsafeBufferPointer { bias in
                        backend.multiply(
                            rows: rows, segments, lda: product.lda, by: packed.pointer, layout,
                            range, bias: bias.baseAddress! + start, into: c + start, ldc: ldc,
                            accumulate: accumulate)
                    }
                }
            }
        }
    }
}
