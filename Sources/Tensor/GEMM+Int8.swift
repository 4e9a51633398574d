// Products with INT8 weights: integers from -127 to 127 and a scale for each column.

import CKernels

extension Backend {
    /// Floats of memory that packed INT8 values of `[inner, columns]` take.
    package func packedInt8Floats(inner: Int, columns: Int) -> Int {
        (kernels.qc8w_packed_bytes(inner, columns) + 3) / 4
    }

    /// Packs the quantized columns `range`, which starts at a multiple of `panelColumns`.
    ///
    /// - Parameter quantized: `[inner, columns]`, row-major, from the first of these columns on.
    package func packInt8(
        inner: Int, columns: Int, _ range: Range<Int>, from quantized: UnsafePointer<Int8>,
        into packed: UnsafeMutablePointer<Float>
    ) {
        kernels.qc8w_pack(
            packed_matrix(bytes: packed, inner: inner, columns: columns), range.lowerBound,
            range.count, quantized, columns)
    }

    /// Quantises and packs the columns `range` of a B whose columns are rows of floats, less an offset.
    ///
    /// - Parameters:
    ///   - b: the first of these columns, `[range.count, inner]`, `ldb` floats apart.
    ///   - range: from a multiple of `panelColumns` on.
    ///   - offset: `[inner]`
    ///   - packed: of all columns.
    ///   - scales: of all columns; those of the range are written.
    package func packInt8(
        inner: Int, columns: Int, _ range: Range<Int>, quantizing b: UnsafePointer<Float>,
        ldb: Int, less offset: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>,
        scales: UnsafeMutablePointer<Float>
    ) {
        kernels.qc8w_pack_rows(
            packed_matrix(bytes: packed, inner: inner, columns: columns), range.lowerBound,
            range.count, b, ldb, offset, scales + range.lowerBound)
    }

    /// Quantises and packs the rows `range` of a `[inner, columns]` matrix with given scales.
    ///
    /// - Parameters:
    ///   - b: `[range.count, columns]`, rows `ldb` floats apart.
    ///   - range: from a multiple of 4 on, as long as one but for the last.
    ///   - scales: `[columns]`
    package func packInt8(
        inner: Int, _ range: Range<Int>, columns: Int, quantizing b: UnsafePointer<Float>,
        ldb: Int, scales: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>
    ) {
        kernels.qc8w_pack_scaled(
            packed_matrix(bytes: packed, inner: inner, columns: columns), range.lowerBound,
            range.count, b, ldb, scales)
    }

    /// C = A·B, or C += A·B, on the calling thread, for a quantized A that belongs to the rows `part`
    /// of a packed B.
    ///
    /// - Parameters:
    ///   - a: `[rows, part.count]`, rows `lda` bytes apart.
    ///   - rowScales: `[rows]`, the value of one step of each row of A.
    ///   - part: from a multiple of 4 on.
    package func multiply(
        rows: Int, quantized a: UnsafePointer<Int8>, lda: Int, rowScales: UnsafePointer<Float>,
        by packed: UnsafePointer<Float>, scales: UnsafePointer<Float>, inner: Int,
        _ part: Range<Int>, columns: Int, into c: UnsafeMutablePointer<Float>, ldc: Int,
        accumulate: Bool
    ) {
        let matrix = packed_matrix(
            bytes: UnsafeMutableRawPointer(mutating: packed), inner: inner, columns: columns)
        kernels.q8_qc8w_gemm(
            rows, part.lowerBound, part.count, a, lda, rowScales, matrix, 0, columns, scales, c,
            ldc,
            accumulate ? 1 : 0)
    }

    /// C = A·B, on the calling thread, for a quantized A and the columns `range` of a packed B.
    ///
    /// - Parameters:
    ///   - a: `[rows, inner]`, rows `lda` bytes apart.
    ///   - rowScales: `[rows]`, the value of one step of each row of A.
    ///   - range: from a multiple of `panelColumns` on.
    ///   - c: `[rows, range.count]`, rows `ldc` floats apart.
    package func multiply(
        rows: Int, quantized a: UnsafePointer<Int8>, lda: Int, rowScales: UnsafePointer<Float>,
        by packed: UnsafePointer<Float>, scales: UnsafePointer<Float>, inner: Int, columns: Int,
        _ range: Range<Int>, into c: UnsafeMutablePointer<Float>, ldc: Int
    ) {
        let matrix = packed_matrix(
            bytes: UnsafeMutableRawPointer(mutating: packed), inner: inner, columns: columns)
        kernels.q8_qc8w_gemm(
            rows, 0, inner, a, lda, rowScales, matrix, range.lowerBound, range.count,
            scales + range.lowerBound, c, ldc, 0)
    }

    /// C = A·B + bias, or C += A·B, on the calling thread.
    ///
    /// - Parameters:
    ///   - activations: what A is rounded to; with int8 each row of each segment gets a scale of its
    ///     own.
    ///   - packed: B in INT8, `[inner, columns]`.
    ///   - scales: `[columns]`
    ///   - segments: as in the product with floats.
    package func multiply(
        rows: Int, _ segments: UnsafeBufferPointer<gemm_segment>, lda: Int,
        in activations: Precision, by packed: UnsafePointer<Float>, scales: UnsafePointer<Float>,
        inner: Int, columns: Int, bias: UnsafePointer<Float>?,
        into c: UnsafeMutablePointer<Float>, ldc: Int, accumulate: Bool
    ) {
        let product =
            switch activations {
            case .float32: kernels.f32_qc8w_gemm
            case .bfloat16: kernels.bf16_qc8w_gemm
            case .int8: kernels.qd8_qc8w_gemm
            }
        let matrix = packed_matrix(
            bytes: UnsafeMutableRawPointer(mutating: packed), inner: inner, columns: columns)
        product(
            rows, segments.count, segments.baseAddress!, lda, matrix, 0, columns, scales, bias, c,
            ldc, accumulate ? 1 : 0)
    }
}
