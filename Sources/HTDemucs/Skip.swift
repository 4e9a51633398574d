// The skip from an encoder layer to the decoder layer of its level.

import Layers
import Tensor

/// A skip: in float32 the encoder layer's output itself, in lower precisions a copy in bfloat16,
/// which takes half the memory. The skips of the published htdemucs take 93 MB.
package struct Skip: Sendable {
    /// The elements in float32, or in bfloat16, two in the memory of each float.
    private let values: Tensor
    private let count: Int
    private let isRounded: Bool

    /// Elements of a tile.
    private static let tileElements = 1 << 16

    /// - Parameter x: any shape; shared in float32, so it may not change while the skip is in use.
    package init(_ x: Tensor, on backend: Backend) {
        count = x.count
        isRounded = backend.precision != .float32
        guard isRounded else {
            values = x
            return
        }
        let rounded = backend.tensor(Shape((x.count + 1) / 2))
        // Tiles of even length: `bf16_round` writes a zero after an odd row, into the next tile.
        backend.forEachTile(of: x.count, longest: Self.tileElements, unit: 2) { range in
            backend.kernels.bf16_round(
                1, range.count, x.pointer + range.lowerBound, range.count,
                Self.elements(rounded) + range.lowerBound, range.count)
        }
        values = rounded
    }

    /// target += skip for all elements.
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
