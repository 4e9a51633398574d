// Sums of whole tensors.

import Tensor

extension Backend {
    /// x += y, all elements.
    package func add(_ y: Tensor, to x: Tensor) {
        precondition(x.count == y.count)
        let tiling = Tiling(x.count, longest: 1 << 16)
        parallelFor(tiling.tiles) { tile in
            let (start, count) = (tiling[tile].lowerBound, tiling[tile].count)
            let target = x.pointer + start
            kernels.f32_add(1, count, target, count, y.pointer + start, count, target, count)
        }
    }
}
