// Memory of the system for the pools.

import System

/// A mapping of address space whose pages take memory only when they are first written.
final class Region: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let capacity: Int

    /// Usual size in bytes: more than most networks need at once, so that one region is enough.
    private static let usualBytes = 1 << 30

    private let isMapped: Bool

    private static func map(bytes: Int) -> UnsafeMutableRawPointer? {
        let memory = mmap(
            nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        return memory == MAP_FAILED ? nil : memory
    }

    /// Maps memory; nil if the system refuses.
    ///
    /// - Parameters:
    ///   - floats: the least capacity. The region is larger where the system has room.
    ///   - isReal: false for the memory of a pass that computes nothing.
    init?(atLeast floats: Int, isReal: Bool) {
        let needed = floats * MemoryLayout<Float>.stride
        // A process with a limit needs its addresses for other things, too.
        let usual = min(Self.usualBytes, (bytesBelowLimits() ?? .max) / 16)
        for bytes in [max(needed, usual), needed] {
            guard let memory = Self.map(bytes: bytes) else { continue }
            capacity = bytes / MemoryLayout<Float>.stride
            base = memory.bindMemory(to: Float.self, capacity: capacity)
            isMapped = true
            return
        }
        // A pass that computes nothing writes to small tensors only.
        if isReal { return nil }
        (base, capacity, isMapped) = (placeholder_memory(), floats, false)
    }

    deinit {
        if isMapped { munmap(base, capacity * MemoryLayout<Float>.stride) }
    }
}
