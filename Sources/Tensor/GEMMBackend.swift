// Also Embedded Swift: typed throws, no key paths, no casts.
// Matrix products (GEMM) for the layers: packing of weights and multiplication, with our own
// kernels or BLAS.

import CKernels
import System

/// The code that computes float32 matrix products.
///
/// Our own kernels on packed weights are chosen where the CPU has vector instructions that they
/// use: they reach the CPU's peak rate at this model's shapes, faster than OpenBLAS (docs/speed.md), take
/// the taps of a convolution in one call and need no library. BLAS is chosen where our kernels are
/// plain C, if there is one, and on Apple platforms, whose matrix unit only Accelerate can use.
package enum GEMMBackend: Sendable, CustomStringConvertible {
    package enum Kind: String, CaseIterable, Sendable {
        case packed, blas
    }

    case packed
    case blas(BLAS)

    /// Forces `packed` or `blas`, for tests and measurements.
    static let environmentVariable = "SWIFT_DEMUCS_PRODUCTS"

    static func selected(for instructions: InstructionSet) throws(BackendError) -> GEMMBackend {
        guard let value = InstructionSet.forced(by: environmentVariable) else {
            let blas = BLAS.isFaster(than: instructions) ? try? of(.blas, for: instructions) : nil
            return blas ?? .packed
        }
        guard let kind = Kind(rawValue: value) else { throw .unknownProducts(value: value) }
        return try of(kind, for: instructions)
    }

    static func of(
        _ kind: Kind, for instructions: InstructionSet
    ) throws(BackendError) -> GEMMBackend {
        switch kind {
        case .packed: .packed
        case .blas: .blas(try BLAS(isa: instructions))
        }
    }

    package var description: String {
        switch self {
        case .packed: "packed"
        case .blas(let blas): "\(blas.name) \(blas.core)"
        }
    }
}

/// Sizes and precision of a packed matrix, the right operand of products.
package struct PackedLayout: Sendable {
    /// Rows: the inner dimension of the product.
    package let inner: Int
    package let columns: Int
    /// Type of the packed values: float32 or bfloat16, of a backend's `precisionOfFloats`.
    package let precision: Precision

    package init(inner: Int, columns: Int, precision: Precision) {
        self.inner = inner
        self.columns = columns
        self.precision = precision
    }

    func matrix(at packed: UnsafePointer<Float>) -> packed_matrix {
        packed_matrix(
            bytes: UnsafeMutableRawPointer(mutating: packed), inner: inner, columns: columns)
    }
}

extension Backend {
    /// Columns of a panel. Column ranges of a packed matrix start at a multiple of it, and end at a
    /// multiple of it or with the matrix.
    package var panelColumns: Int { kernels.panel_columns }

    /// Floats of memory that a packed matrix takes.
    package func packedFloats(_ layout: PackedLayout) -> Int {
        switch (products, layout.precision) {
        case (.blas, .float32): layout.inner * layout.columns
        case (.packed, .float32): kernels.f32_packed_bytes(layout.inner, layout.columns) / 4
        case (_, .bfloat16), (_, .int8):
            (kernels.bf16_packed_bytes(layout.inner, layout.columns) + 3) / 4
        }
    }

    /// Floats of memory that packed INT8 values of `[inner, columns]` take.
    package func packedInt8Floats(inner: Int, columns: Int) -> Int {
        (kernels.qc8w_packed_bytes(inner, columns) + 3) / 4
    }

    /// Packs the part `[innerRange, columnRange]` of a matrix, in which element (k, j) of the part
    /// is `b[k · innerStride + j · columnStride]`.
    ///
    /// - Parameter innerRange: begins at an even row.
    package func pack(
        _ layout: PackedLayout, _ innerRange: Range<Int>, _ columnRange: Range<Int>,
        from b: UnsafePointer<Float>, innerStride: Int, columnStride: Int,
        into packed: UnsafeMutablePointer<Float>
    ) {
        switch (products, layout.precision) {
        case (.blas, .float32):
            for k in 0..<innerRange.count {
                let row =
                    packed + (innerRange.lowerBound + k) * layout.columns + columnRange.lowerBound
                for j in 0..<columnRange.count {
                    row[j] = b[k * innerStride + j * columnStride]
                }
            }
        case (.packed, .float32):
            kernels.f32_pack(
                layout.matrix(at: packed), innerRange.lowerBound, innerRange.count,
                columnRange.lowerBound, columnRange.count, b, innerStride, columnStride)
        case (_, .bfloat16), (_, .int8):
            kernels.bf16_pack(
                layout.matrix(at: packed), innerRange.lowerBound, innerRange.count,
                columnRange.lowerBound, columnRange.count, b, innerStride, columnStride)
        }
    }

    /// C = A·B + bias, or C += A·B, on the calling thread, for the columns `columnRange` of a packed
    /// B.
    ///
    /// - Parameters:
    ///   - rows: number of rows of A and C.
    ///   - segments: the inner dimension of A in pieces that follow each other in B; rows of A are
    ///     `lda` floats apart, at least as many as a segment has elements.
    ///   - bias: `[columnRange.count]` or nil; not used if `accumulate`.
    ///   - c: `[rows, columnRange.count]`, rows `ldc` floats apart.
    package func multiply(
        rows: Int, _ segments: UnsafeBufferPointer<gemm_segment>, lda: Int,
        by packed: UnsafePointer<Float>, _ layout: PackedLayout, _ columnRange: Range<Int>,
        bias: UnsafePointer<Float>? = nil, into c: UnsafeMutablePointer<Float>, ldc: Int,
        accumulate: Bool
    ) {
        switch (products, layout.precision) {
        case (.blas(let blas), .float32):
            var accumulate = accumulate
            if let bias, !accumulate {
                for row in 0..<rows {
                    (c + row * ldc).update(from: bias, count: columnRange.count)
                }
                accumulate = true
            }
            for (index, segment) in segments.enumerated() {
                blas.sgemm(
                    m: rows, n: columnRange.count, k: segment.count,
                    a: segment.a.assumingMemoryBound(to: Float.self), lda: lda,
                    b: packed + segment.first * layout.columns + columnRange.lowerBound,
                    ldb: layout.columns, accumulate: accumulate || index > 0, c: c, ldc: ldc)
            }
        case (.packed, .float32):
            kernels.f32_gemm(
                rows, segments.count, segments.baseAddress!, lda, layout.matrix(at: packed),
                columnRange.lowerBound, columnRange.count, bias, c, ldc, accumulate ? 1 : 0)
        case (_, .bfloat16), (_, .int8):
            kernels.f32_bf16w_gemm(
                rows, segments.count, segments.baseAddress!, lda, layout.matrix(at: packed),
                columnRange.lowerBound, columnRange.count, bias, c, ldc, accumulate ? 1 : 0)
        }
    }

    /// C = A·B, or C += A·B, on the calling thread, for a part of a packed B in bfloat16 and rows of
    /// A that are already rounded to bfloat16.
    ///
    /// - Parameters:
    ///   - a: `[rows, innerRange.count]`, rows `lda` elements apart, an even number; a zero follows
    ///     each row of odd length.
    ///   - innerRange: begins at an even row; its length may be odd only if it ends at the last
    ///     row.
    package func multiply(
        rows: Int, bfloat16 a: UnsafePointer<UInt16>, lda: Int,
        by packed: UnsafePointer<Float>, _ layout: PackedLayout, _ innerRange: Range<Int>,
        _ columnRange: Range<Int>, bias: UnsafePointer<Float>? = nil,
        into c: UnsafeMutablePointer<Float>, ldc: Int, accumulate: Bool
    ) {
        precondition(layout.precision == .bfloat16)
        withUnsafePointer(
            to: gemm_segment(a: a, first: innerRange.lowerBound, count: innerRange.count)
        ) {
            kernels.bf16_gemm(
                rows, 1, $0, lda, layout.matrix(at: packed), columnRange.lowerBound,
                columnRange.count, bias, c, ldc, accumulate ? 1 : 0)
        }
    }
}
