// Also Embedded Swift: typed throws, no key paths, no casts.
// The lengths of a tensor's dimensions.

/// The lengths of up to four dimensions, outermost first.
package struct Shape: Hashable, Sendable, RandomAccessCollection, ExpressibleByArrayLiteral {
    /// The largest number of dimensions; activations have fewer.
    private static let most = 4

    /// Lengths of the first `count` dimensions, then ones.
    private var lengths: SIMD4<Int>
    package let count: Int

    package var startIndex: Int { 0 }
    package var endIndex: Int { count }

    /// The number of elements: the product of the lengths.
    package var elements: Int { lengths[0] * lengths[1] * lengths[2] * lengths[3] }

    /// One to three dimensions, without an array on the heap.
    package init(_ a: Int, _ b: Int? = nil, _ c: Int? = nil) {
        lengths = SIMD4(a, b ?? 1, c ?? 1, 1)
        count = c != nil ? 3 : b != nil ? 2 : 1
    }

    package init(arrayLiteral lengths: Int...) {
        self.init(lengths)
    }

    /// - Parameter lengths: at most four.
    package init(_ lengths: some Collection<Int>) {
        precondition(lengths.count <= Self.most)
        self.lengths = .one
        count = lengths.count
        for (index, length) in lengths.enumerated() { self.lengths[index] = length }
    }

    package subscript(_ index: Int) -> Int {
        precondition(index < count)
        return lengths[index]
    }

    /// The shape with another innermost length.
    package func replacingLast(with length: Int) -> Shape {
        var result = self
        result.lengths[count - 1] = length
        return result
    }
}
