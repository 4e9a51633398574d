// Also Embedded Swift: typed throws, no key paths, no casts.
// Sums of tensors.

import Tensor

extension Backend {
    /// x += y for all elements.
    package func add(_ y: Tensor, to x: Tensor) {
        precondition(x.count == y.count)
        forEachTile(of: x.count, longest: 1 << 16) { range in add(y, to: x, range) }
    }

    /// x += y for the elements `range`, on the calling thread.
    package func add(_ y: Tensor, to x: Tensor, _ range: Range<Int>) {
        withExtendedLifetime((x, y)) {
            let (target, count) = (x.pointer + range.lowerBound, range.count)
            kernels.f32_add(
                1, count, target, count, y.pointer + range.lowerBound, count, target, count)
        }
    }
}
