// Memory of the system for the pools.

import System

/// A mapping of address space whose pages take memory only when they are first written.
final class Region: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let capacity: Int

    /// Usual size in bytes: more than most networks need at once, so that one region is enough.
    private static let usualBytes = 1 << 30

    /// - Parameter floats: the least capacity. The region is larger where the system has room.
    init(atLeast floats: Int) {
        let needed = floats * MemoryLayout<Float>.stride
        for bytes in [max(needed, Self.usualBytes), needed] {
            let memory = mmap(
                nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                -1, 0)
            guard let memory, memory != MAP_FAILED else { continue }
            capacity = bytes / MemoryLayout<Float>.stride
            base = memory.bindMemory(to: Float.self, capacity: capacity)
            return
        }
        fatalError("out of memory: \(needed) bytes")
    }

    deinit {
        munmap(base, capacity * MemoryLayout<Float>.stride)
    }
}
