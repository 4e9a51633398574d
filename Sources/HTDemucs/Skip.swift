// What an encoder layer hands to the decoder layer of its level.

import Layers
import Tensor

/// An activation that waits: in float32 the tensor itself, in lower precisions a copy in bfloat16,
/// so that the pass holds half as much meanwhile. The published htdemucs has 93 MB of them.
package struct Skip: Sendable {
    /// The elements, or two of them in bfloat16 in the place of each float.
    private let values: Tensor
    private let count: Int
    private let isRounded: Bool

    /// Elements of a tile.
    private static let tileElements = 1 << 16

    /// - Parameter x: any shape; shared in float32, so it may not change as long as this waits.
    package init(_ x: Tensor, on backend: Backend) {
        count = x.count
        isRounded = backend.precision != .float32
        guard isRounded else {
            values = x
            return
        }
        let rounded = backend.tensor(Shape((x.count + 1) / 2))
        // `bf16_round` ends an odd row with a zero, which belongs to the next tile.
        backend.forEachTile(of: x.count, longest: Self.tileElements, unit: 2) { range in
            backend.kernels.bf16_round(
                1, range.count, x.pointer + range.lowerBound, range.count,
                Self.elements(rounded) + range.lowerBound, range.count)
        }
        values = rounded
    }

    /// target += skip, all elements.
    package func add(to target: Tensor, on backend: Backend) {
        precondition(count == target.count)
        backend.forEachTile(of: count, longest: Self.tileElements) { range in
            add(to: target, range, on: backend)
        }
    }

    /// target += skip for the elements `range`, on the calling thread.
    func add(to target: Tensor, _ range: Range<Int>, on backend: Backend) {
        guard isRounded else { return backend.add(values, to: target, range) }
        withExtendedLifetime((values, target)) {
            backend.kernels.bf16_add(
                1, range.count, Self.elements(values) + range.lowerBound, range.count,
                target.pointer + range.lowerBound, range.count)
        }
    }

    private static func elements(_ values: Tensor) -> UnsafeMutablePointer<UInt16> {
        UnsafeMutableRawPointer(values.pointer).assumingMemoryBound(to: UInt16.self)
    }
}
