// A matrix product and its check against a loop in double, for the plain kernels and for the
// backend.

import CKernels
import TestSupport
import Testing

/// C = A·B + bias or C += A·B, with A in separate segments, for the columns from `column` on of a
/// packed B.
struct Product {
    let (rows, columns, column, first): (Int, Int, Int, Int)
    let lengths: [Int]
    /// Distance of the rows of a segment: less than its length if windows overlap.
    let lda: Int
    let accumulate: Bool
    let (a, bias): ([Float], [Float])
    let (b, before): (Matrix, Matrix)

    init(
        _ rows: Int, _ columns: Int, _ lengths: [Int], column: Int = 0, lda: Int, first: Int = 0,
        accumulate: Bool = false
    ) {
        (self.rows, self.columns, self.column, self.first) = (rows, columns, column, first)
        (self.lengths, self.lda, self.accumulate) = (lengths, lda, accumulate)
        let inner = lengths.reduce(first, +)
        var numbers = SplitMix64(seed: UInt64(rows + 31 * columns + 1009 * inner))
        let span = lda * max(0, rows - 1) + 5
        a = numbers.floats(lengths.reduce(8) { $0 + $1 + span }, scale: 3)
        b = Matrix(inner, column + columns, &numbers)
        before = Matrix(rows, columns, gap: 3, &numbers)
        bias = numbers.floats(max(1, columns))
    }

    /// Multiplies, and compares C with a loop in double over the rounded operands.
    ///
    /// - Parameters:
    ///   - a: A in the type of the kernel, in place of the product's own A.
    ///   - valueOfA: the value of an element of `a`.
    ///   - valueOfB: the value in a row and column of the packed B.
    func expect<Element>(
        _ a: [Element], _ valueOfA: (Element) -> Double,
        _ valueOfB: (_ k: Int, _ j: Int) -> Double,
        sourceLocation: SourceLocation = #_sourceLocation,
        multiply: (
            _ segments: [gemm_segment], _ c: UnsafeMutablePointer<Float>, _ ldc: Int
        ) -> Void
    ) {
        let span = lda * max(0, rows - 1) + 3
        let places = lengths.indices.map { lengths[..<$0].reduce(0) { $0 + $1 + span } / 2 * 2 }
        var c = before
        a.withUnsafeBufferPointer { a in
            var first = first
            let segments = zip(places, lengths).map { place, length in
                defer { first += length }
                return gemm_segment(a: a.baseAddress! + place, first: first, count: length)
            }
            c.floats.withUnsafeMutableBufferPointer {
                // One segment more, because the pointer of an empty array may be any address.
                multiply(
                    segments + [gemm_segment(a: a.baseAddress!, first: 0, count: 0)],
                    $0.baseAddress!, before.ld)
            }
        }
        c.expect(sourceLocation: sourceLocation) { row, col in
            var exact = accumulate ? before[row, col] : Double(bias[col])
            var (size, k) = (abs(exact), first)
            for (place, length) in zip(places, lengths) {
                for index in 0..<length {
                    let term = valueOfA(a[place + row * lda + index]) * valueOfB(k, column + col)
                    (exact, size, k) = (exact + term, size + abs(term), k + 1)
                }
            }
            // At worst half a unit for each product and each addition.
            return (exact, Double(b.rows + 4) * epsilon * size)
        }
        let isIntact = (0..<rows).allSatisfy { row in
            c.floats[(row * c.ld + columns)..<(row + 1) * c.ld].allSatisfy(\.isNaN)
        }
        #expect(isIntact, "memory around C was touched", sourceLocation: sourceLocation)
    }
}
