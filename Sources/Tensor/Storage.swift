// Pooled, aligned float32 memory: the one place that keeps a raw pointer.

import LibC
import Synchronization

/// A block of 64-byte aligned float32 memory, a part of a region.
///
/// Invariant: `base` addresses `capacity` floats of `region` that belong to no other block. The pool
/// changes the capacity, and only of a block that it alone refers to.
package final class Storage: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    fileprivate(set) var capacity: Int
    /// Keeps the memory, even when the pool is gone.
    fileprivate let region: Region

    fileprivate init(base: UnsafeMutablePointer<Float>, capacity: Int, region: Region) {
        self.base = base
        self.capacity = capacity
        self.region = region
    }
}

/// Address space whose pages become memory when they are first written.
private final class Region: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let capacity: Int

    /// More than most networks need at once, so that one region holds everything.
    private static let usualBytes = 1 << 30

    /// - Parameter floats: at least as many; only these where the system has no room for more.
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

/// Cuts blocks out of regions and joins them again, because a fresh activation costs page faults for
/// every 4 KiB: 22 ms for 33 MB, against 0.9 ms for memory that has been touched before.
///
/// A block is free when only the pool refers to it. So a forward pass, which asks for the same blocks
/// each time, takes no memory from the system after the first but for small objects.
package final class StoragePool: Sendable {
    fileprivate struct State {
        /// All memory of all regions, in the order of addresses within each.
        var blocks: [Storage] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// A block of at least `count` floats, uninitialised.
    func allocate(_ count: Int) -> Storage {
        // Whole cache lines, so that two tensors never share one.
        let needed = (max(count, 1) + 15) / 16 * 16
        return state.withLock { state in
            let index = state.smallestFree(atLeast: needed) ?? state.addRegion(atLeast: needed)
            return state.cut(index, to: needed)
        }
    }
}

extension StoragePool.State {
    /// The smallest free block that is large enough, once free neighbours are joined.
    fileprivate mutating func smallestFree(atLeast needed: Int) -> Int? {
        var best: Int?
        var index = 0
        while index < blocks.count {
            if isKnownUniquelyReferenced(&blocks[index]) {
                joinFree(after: index)
                let capacity = blocks[index].capacity
                if capacity >= needed, best.map({ capacity < blocks[$0].capacity }) ?? true {
                    best = index
                }
            }
            index += 1
        }
        return best
    }

    /// Joins the free blocks that follow a free one.
    private mutating func joinFree(after index: Int) {
        while index + 1 < blocks.count, isKnownUniquelyReferenced(&blocks[index + 1]),
            blocks[index + 1].region === blocks[index].region
        {
            blocks[index].capacity += blocks.remove(at: index + 1).capacity
        }
    }

    /// - Returns: the index of a free block that is the new region.
    fileprivate mutating func addRegion(atLeast needed: Int) -> Int {
        let region = Region(atLeast: needed)
        blocks.append(
            Storage(base: region.base, capacity: region.capacity, region: region))
        return blocks.count - 1
    }

    /// The first `needed` floats of a free block, the rest becoming a block of its own.
    fileprivate mutating func cut(_ index: Int, to needed: Int) -> Storage {
        let block = blocks[index]
        guard block.capacity > needed else { return block }
        blocks.insert(
            Storage(
                base: block.base + needed, capacity: block.capacity - needed, region: block.region),
            at: index + 1)
        block.capacity = needed
        return block
    }
}
