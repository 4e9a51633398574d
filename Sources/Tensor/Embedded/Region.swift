// Memory of the C library for the pools.

import System

/// A part of the heap.
final class Region: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let capacity: Int

    /// - Parameters:
    ///   - floats: the capacity.
    ///   - isReal: without effect here.
    init?(atLeast floats: Int, isReal: Bool) {
        let bytes = floats * MemoryLayout<Float>.stride
        // The size of aligned memory has to be a multiple of the alignment.
        guard let memory = aligned_alloc(64, (bytes + 63) / 64 * 64) else { return nil }
        capacity = floats
        base = memory.bindMemory(to: Float.self, capacity: floats)
    }

    deinit { free(base) }
}
