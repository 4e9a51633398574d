// Also Embedded Swift: typed throws, no key paths, no casts.
// The array type of the engine: a shape over pooled storage.

/// A row-major, contiguous float32 array.
///
/// A `Tensor` is a reference to its storage: copies share the storage, which goes back to its pool
/// with the last copy. The last dimension is the contiguous one; the network keeps its activations
/// as `[freq, time, channel]` and `[time, channel]`.
package struct Tensor: @unchecked Sendable {
    /// Lengths of the dimensions, outermost first.
    package let shape: Shape

    /// The number of elements.
    package let count: Int

    private let storage: Storage

    init(shape: Shape, storage: Storage) {
        self.shape = shape
        self.count = shape.elements
        self.storage = storage
        precondition(count <= storage.capacity)
    }

    /// A pointer to the first element.
    ///
    /// The pointer is valid only while a `Tensor` with this storage is alive: take it inside the
    /// closure that uses it, whose capture keeps the tensor, or inside `withExtendedLifetime`.
    package var pointer: UnsafeMutablePointer<Float> { storage.base }

    /// The same elements under another shape.
    ///
    /// PyTorch: `torch.Tensor.view`.
    package func reshaped(_ shape: Shape) -> Tensor {
        precondition(shape.elements == count)
        return Tensor(shape: shape, storage: storage)
    }

    /// A copy of the elements, for tests and for callers outside the network.
    package var floats: [Float] {
        withExtendedLifetime(storage) {
            Array(UnsafeBufferPointer(start: storage.base, count: count))
        }
    }
}
