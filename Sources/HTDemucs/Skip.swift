// Also Embedded Swift: typed throws, no key paths, no casts.
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
        self.init(of: x, on: backend)
        // Tiles of even length: see `take`.
        backend.forEachTile(of: x.count, longest: Self.tileElements, unit: 2) { range in
            take(range, of: x, on: backend)
        }
    }

    /// A skip of a tensor that isn't computed yet: `take` must get all of its elements.
    init(of x: Tensor, on backend: Backend) {
        count = x.count
        isRounded = backend.precision != .float32
        values = isRounded ? backend.tensor(Shape((x.count + 1) / 2)) : x
    }

    /// Rounds the elements `range` of x, on the calling thread. Only the last range may have an odd
    /// length: the kernel writes a zero after it.
    func take(_ range: Range<Int>, of x: Tensor, on backend: Backend) {
        guard isRounded else { return }
        withExtendedLifetime((values, x)) {
            backend.kernels.bf16_round(
                1, range.count, x.pointer + range.lowerBound, range.count,
                Self.elements(values) + range.lowerBound, range.count)
        }
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
