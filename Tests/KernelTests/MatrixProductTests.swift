// The matrix products against a loop in double: our kernels in every instruction set, and the
// backend's front door with our kernels and with BLAS.

import CKernels
import Foundation
import Tensor
import Testing

/// C = A·B or C += A·B with A in segments, as convolutions use it.
struct ProductCase: CustomStringConvertible {
    let rows: Int
    let columns: Int
    /// Lengths of the segments of A's rows, one behind the other in B.
    let segments: [Int]
    /// From one row of a segment to the next: less than its length where windows overlap.
    let lda: Int
    let accumulate: Bool

    /// The rows of B.
    var inner: Int { segments.reduce(0, +) }

    var description: String {
        "\(rows) × \(columns), segments \(segments) \(lda) apart, \(accumulate ? "added" : "set")"
    }

    /// Rows on both sides of a register tile, columns on both sides of a panel, inner dimensions
    /// on both sides of a chunk.
    static let all: [ProductCase] = {
        var cases: [ProductCase] = []
        for rows in [0, 1, 2, 5, 6, 7, 11, 12, 13, 25] {
            for columns in [1, 3, 8, 9, 15, 16, 17, 31, 32, 33, 65] {
                for segments in [[5], [1, 2, 3], [24, 24]] {
                    for accumulate in [false, true] {
                        cases.append(
                            ProductCase(
                                rows: rows, columns: columns, segments: segments, lda: 26,
                                accumulate: accumulate))
                    }
                }
            }
        }
        for segments in [
            [255], [256], [257], [1000], [100, 200, 300], [1, 256, 1],
            Array(repeating: 3, count: 150),
            [0], [4, 0, 7], [],
        ] {
            for accumulate in [false, true] {
                cases.append(
                    ProductCase(
                        rows: 14, columns: 37, segments: segments, lda: 1003,
                        accumulate: accumulate))
            }
        }
        // Windows that overlap: a row begins before the one above has ended, or is the same.
        for lda in [0, 1, 8] {
            cases.append(
                ProductCase(rows: 13, columns: 20, segments: [24, 24], lda: lda, accumulate: true))
        }
        return cases
    }()
}

@Suite struct MatrixProductTests {
    /// Multiplies as a caller of the engine would: packs B, then asks for C.
    private typealias Multiply = (
        _ product: ProductCase, _ segments: UnsafeBufferPointer<gemm_segment>,
        _ b: UnsafePointer<Float>, _ ldb: Int, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
    ) -> Void

    @Test(arguments: KernelCase.sets)
    func packedProductsAgreeWithALoopInDouble(_ set: InstructionSet) {
        let kernels = set.kernels
        for product in ProductCase.all {
            let wrong = Self.firstError(product) { product, segments, b, ldb, c, ldc in
                let (inner, columns) = (product.inner, product.columns)
                // Uninitialised where B has no columns: zeros must come from the packing.
                var packed = [Float](
                    repeating: .nan, count: kernels.f32_packed_bytes(inner, columns) / 4)
                // In two parts, as attention packs its keys.
                for part in [0..<inner / 2, inner / 2..<inner] {
                    kernels.f32_pack(
                        inner, part.lowerBound, part.count, columns, b + part.lowerBound * ldb,
                        ldb, 1, &packed)
                }
                kernels.f32_gemm(
                    product.rows, columns, segments.count, segments.baseAddress!, product.lda,
                    packed, inner, nil, c, ldc, product.accumulate ? 1 : 0)
            }
            if let wrong { Issue.record("\(set.rawValue): \(wrong)") }
        }
    }

    /// Columns from a multiple of the panel's on can be packed and multiplied alone.
    @Test(arguments: KernelCase.sets)
    func panelsOfColumnsStandAlone(_ set: InstructionSet) {
        let kernels = set.kernels
        for product in ProductCase.all {
            let wrong = Self.firstError(product) { product, segments, b, ldb, c, ldc in
                let (inner, columns) = (product.inner, product.columns)
                var packed = [Float](
                    repeating: .nan, count: kernels.f32_packed_bytes(inner, columns) / 4)
                packed.withUnsafeMutableBufferPointer { packed in
                    // An empty buffer has an address only by chance; its floats aren't touched.
                    guard let packed = packed.baseAddress else { return }
                    for first in stride(from: 0, to: columns, by: kernels.panel_columns) {
                        let count = min(kernels.panel_columns, columns - first)
                        kernels.f32_pack(
                            inner, 0, inner, count, b + first, ldb, 1, packed + first * inner)
                        kernels.f32_gemm(
                            product.rows, count, segments.count, segments.baseAddress!,
                            product.lda, packed + first * inner, inner, nil, c + first, ldc,
                            product.accumulate ? 1 : 0)
                    }
                }
            }
            if let wrong { Issue.record("\(set.rawValue): \(wrong)") }
        }
    }

    @Test(arguments: KernelCase.sets)
    func packingTransposes(_ set: InstructionSet) {
        let kernels = set.kernels
        let (inner, columns) = (19, 45)
        var numbers = SeededNumbers(seed: 9)
        let matrix = numbers.floats(inner * columns)
        let transposed = (0..<columns * inner).map { matrix[$0 % inner * columns + $0 / inner] }
        let count = kernels.f32_packed_bytes(inner, columns) / 4
        var (packed, fromTransposed) = (
            [Float](repeating: .nan, count: count), [Float](repeating: 1, count: count)
        )
        kernels.f32_pack(inner, 0, inner, columns, matrix, columns, 1, &packed)
        kernels.f32_pack(inner, 0, inner, columns, transposed, 1, inner, &fromTransposed)
        #expect(packed == fromTransposed)
    }

    /// The bias starts each sum, whole columns of a vector or not, unless the product is added.
    @Test(arguments: KernelCase.sets)
    func theBiasIsAddedOnce(_ set: InstructionSet) {
        let kernels = set.kernels
        var numbers = SeededNumbers(seed: 4)
        for (rows, columns, inner) in [(13, 37, 300), (1, 16, 5), (25, 32, 7), (3, 1, 600)] {
            let a = numbers.floats(rows * inner)
            let b = numbers.floats(inner * columns)
            let bias = numbers.floats(columns)
            var packed = [Float](
                repeating: 0, count: kernels.f32_packed_bytes(inner, columns) / 4)
            kernels.f32_pack(inner, 0, inner, columns, b, columns, 1, &packed)
            var (plain, biased) = (
                [Float](repeating: .nan, count: rows * columns),
                [Float](repeating: .nan, count: rows * columns)
            )
            a.withUnsafeBufferPointer { a in
                var segment = gemm_segment(a: a.baseAddress!, first: 0, count: inner)
                kernels.f32_gemm(
                    rows, columns, 1, &segment, inner, packed, inner, nil, &plain, columns, 0)
                kernels.f32_gemm(
                    rows, columns, 1, &segment, inner, packed, inner, bias, &biased, columns, 0)
                // Added to the plain product once more, the bias has no say.
                kernels.f32_gemm(
                    rows, columns, 1, &segment, inner, packed, inner, bias, &plain, columns, 1)
            }
            for index in biased.indices {
                let expected = 2 * (biased[index] - bias[index % columns])
                #expect(abs(plain[index] - expected) <= 1e-4, "\(set.rawValue), \(index)")
            }
        }
    }

    @Test func theBackendsProductsAgreeWithALoopInDouble() throws {
        let backend = try Backend(threads: 1)
        #expect(Self.firstError(of: backend) == nil)
    }

    /// In a process of its own, because the environment chooses.
    @Test func theBackendsProductsByBLASAgreeToo() async {
        await #expect(processExitsWith: .success) {
            setenv("SWIFT_DEMUCS_PRODUCTS", "blas", 1)
            let backend = try Backend(threads: 1)
            #expect(backend.productsDescription != "packed")
            #expect(MatrixProductTests.firstError(of: backend) == nil)
        }
    }

    @Test func unknownProductsAreRefused() async {
        await #expect(processExitsWith: .success) {
            setenv("SWIFT_DEMUCS_PRODUCTS", "abacus", 1)
            #expect(throws: GEMMBackendError.self) { _ = try Backend(threads: 1) }
        }
    }

    // MARK: - The comparison

    static func firstError(of backend: Backend) -> String? {
        // BLAS refuses rows that overlap, so the layers don't ask for them.
        for product in ProductCase.all
        where product.lda >= product.segments.max() ?? 0 && !product.segments.isEmpty {
            let wrong = firstError(product) { product, segments, b, ldb, c, ldc in
                let (inner, columns) = (product.inner, product.columns)
                let layout = PackedLayout(inner: inner, columns: columns, precision: .float32)
                let packed = backend.tensor([backend.packedFloats(layout)])
                withExtendedLifetime(packed) {
                    for part in [0..<inner / 2, inner / 2..<inner] {
                        backend.pack(
                            layout, part, 0..<columns,
                            from: b + part.lowerBound * ldb, innerStride: ldb, columnStride: 1,
                            into: packed.pointer)
                    }
                    for first in stride(from: 0, to: columns, by: 2 * backend.panelColumns) {
                        let range = first..<min(first + 2 * backend.panelColumns, columns)
                        backend.multiply(
                            rows: product.rows, segments, lda: product.lda, by: packed.pointer,
                            layout, range, into: c + first, ldc: ldc,
                            accumulate: product.accumulate)
                    }
                }
            }
            if let wrong { return "\(backend.productsDescription): \(wrong)" }
        }
        return nil
    }

    /// The first element of C that is not what a loop in double says, or memory that was touched.
    private static func firstError(_ product: ProductCase, _ multiply: Multiply) -> String? {
        let (rows, columns, inner) = (product.rows, product.columns, product.inner)
        var numbers = SeededNumbers(seed: rows + 31 * columns + 1009 * inner)
        // Segments lie apart in A, each with all of its rows.
        let places = product.segments.indices.map { index in
            product.segments[..<index].reduce(0) { $0 + $1 + max(0, rows - 1) * product.lda + 3 }
        }
        let count = product.segments.reduce(8) { $0 + $1 + max(0, rows - 1) * product.lda + 3 }
        let a = numbers.floats(count)
        let b = GuardedMatrix(rows: inner, cols: columns, gap: 2) { _, _ in numbers.unit() }
        let before = GuardedMatrix(rows: rows, cols: columns, gap: 3) { _, _ in numbers.unit() }
        var c = before
        let ldc = c.ld
        a.withUnsafeBufferPointer { a in
            var first = 0
            var segments = product.segments.indices.map { index in
                defer { first += product.segments[index] }
                return gemm_segment(
                    a: a.baseAddress! + places[index], first: first,
                    count: product.segments[index])
            }
            let used = segments.count
            // Room behind it, so that there is an address even without segments.
            segments.append(gemm_segment(a: a.baseAddress!, first: 0, count: 0))
            segments.withUnsafeBufferPointer { segments in
                b.withPointer { b in
                    c.withMutablePointer { c in
                        multiply(
                            product, UnsafeBufferPointer(rebasing: segments[..<used]), b,
                            columns + 2, c, ldc)
                    }
                }
            }
        }

        guard c.isIntactOutside else { return "\(product): memory around C was touched" }
        for row in 0..<rows {
            for column in 0..<columns {
                var exact = product.accumulate ? Double(before[row, column]) : 0
                var absolute = abs(exact)
                var position = 0
                for (place, length) in zip(places, product.segments) {
                    for k in 0..<length {
                        let x = Double(a[place + row * product.lda + k])
                        let term = x * Double(b[position, column])
                        exact += term
                        absolute += abs(term)
                        position += 1
                    }
                }
                // Half a unit for each addition at the worst; random signs stay far below.
                let tolerance = Double(inner + 2) * Double(Float.ulpOfOne) / 2 * absolute
                guard abs(Double(c[row, column]) - exact) <= tolerance else {
                    return
                        "\(product): \(c[row, column]) at (\(row), \(column)), expected \(exact)"
                }
            }
        }
        return nil
    }
}
