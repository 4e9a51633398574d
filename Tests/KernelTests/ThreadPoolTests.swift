// Parallel loops: every index once, whatever the number of threads, callers and loops.

import Dispatch
import Foundation
import Synchronization
import System
import Tensor
import Testing

@Suite struct ThreadPoolTests {
    private static let counts = [0, 1, 2, 3, 7, 64, 1000]

    /// The number of times that each index of a loop ran.
    private func visits(_ count: Int, on backend: Backend) -> [Int] {
        // Each index has its own counter, so an index that ran twice is found, on any thread.
        let visits = UnsafeMutableBufferPointer<Int>.allocate(capacity: count)
        defer { visits.deallocate() }
        visits.initialize(repeating: 0)
        backend.parallelFor(count) { visits[$0] += 1 }
        return Array(visits)
    }

    @Test(arguments: [1, 2, 3, 8])
    func loopsRunEveryIndexOnce(_ threads: Int) throws {
        let backend = try Backend(threads: threads)
        #expect(backend.threads == threads)
        for count in Self.counts {
            #expect(visits(count, on: backend).allSatisfy { $0 == 1 }, "\(count) indices")
        }
    }

    @Test(arguments: [0, -1])
    func fewerThanOneThreadIsOne(_ threads: Int) throws {
        let backend = try Backend(threads: threads)
        #expect(backend.threads == 1)
        #expect(visits(7, on: backend) == Array(repeating: 1, count: 7))
    }

    /// A loop must not begin before all threads have left the previous loop.
    @Test(arguments: [2, 3, 8])
    func manyShortLoopsFollowEachOther(_ threads: Int) throws {
        let backend = try Backend(threads: threads)
        for round in 0..<1000 {
            let count = round % 9
            guard visits(count, on: backend).allSatisfy({ $0 == 1 }) else {
                Issue.record("round \(round)")
                return
            }
        }
    }

    @Test(arguments: [1, 3]) func aCancelledLoopLeavesOutTheRest(_ threads: Int) throws {
        let token = CancellationToken()
        let backend = try Backend(threads: threads)
        let visited = Mutex(0)
        backend.until(token).parallelFor(1_000) { _ in
            visited.withLock { $0 += 1 }
            token.cancel()
        }
        #expect((1...threads).contains(visited.withLock { $0 }))
        #expect(visits(7, on: backend) == Array(repeating: 1, count: 7))
    }

    @Test func aDryBackendTakesMemoryAndComputesNothing() throws {
        let dry = try Backend(threads: 2).dry()
        dry.parallelFor(9, scratch: 16) { _, _ in Issue.record("the loop ran") }
        let first = dry.tensor([16, 4])
        #expect(dry.peakBytes == (2 * 16 + 64) * 4)
        _ = consume first
        // The same room again, and a kept tensor.
        let (second, kept) = (dry.zeros([16, 2]), dry.keptTensor([32]))
        let peakBytes = withExtendedLifetime((second, kept)) { dry.peakBytes }
        #expect(peakBytes == (2 * 16 + 64 + 32) * 4)
    }

    @Test func loopsOfSeveralCallersWaitForEachOther() throws {
        let backend = try Backend(threads: 3)
        let wrong = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 4) { caller in
            for round in 0..<300 {
                let right = visits(1 + (round + caller) % 40, on: backend).allSatisfy { $0 == 1 }
                if !right { wrong.withLock { $0 += 1 } }
            }
        }
        #expect(wrong.withLock { $0 } == 0)
    }

    @Test(arguments: [1, 2, 3, 8])
    func scratchBelongsToOneIndexAtATime(_ threads: Int) throws {
        let backend = try Backend(threads: threads)
        for floats in [1, 17, 5000, 64] {
            let wrong = Mutex(0)
            backend.parallelFor(64, scratch: floats) { index, scratch in
                let aligned = UInt(bitPattern: scratch) % 64 == 0
                scratch.update(repeating: Float(index), count: floats)
                let kept = (0..<floats).allSatisfy { scratch[$0] == Float(index) }
                if !aligned || !kept { wrong.withLock { $0 += 1 } }
            }
            #expect(wrong.withLock { $0 } == 0, "\(floats) floats")
        }
    }

    /// Every thread's block must be large enough, even if the first one comes from the pool.
    @Test func everyThreadGetsAllTheScratchAskedFor() throws {
        let backend = try Backend(threads: 3)
        do { _ = backend.tensor([1000]) }
        // The first of these blocks is the pooled one of 1,000, the others have 704.
        for floats in [700, 1000] {
            let blocks = Mutex<Set<UInt>>([])
            backend.parallelFor(64, scratch: floats) { index, scratch in
                scratch.update(repeating: Float(index), count: floats)
                blocks.withLock { _ = $0.insert(UInt(bitPattern: scratch)) }
                usleep(100)
            }
            let starts = blocks.withLock { $0.sorted() }
            for (first, second) in zip(starts, starts.dropFirst()) {
                #expect(second - first >= UInt(floats * MemoryLayout<Float>.stride))
            }
        }
    }

    @Test func scratchOfSeveralCallersStaysApart() throws {
        let backend = try Backend(threads: 2)
        let wrong = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 3) { caller in
            for round in 0..<200 {
                // Some callers need larger blocks while others use the old ones.
                let floats = 16 * (1 + (round * (caller + 1)) % 50)
                backend.parallelFor(5, scratch: floats) { index, scratch in
                    let mark = Float(caller * 1000 + index)
                    scratch.update(repeating: mark, count: floats)
                    if !(0..<floats).allSatisfy({ scratch[$0] == mark }) {
                        wrong.withLock { $0 += 1 }
                    }
                }
            }
        }
        #expect(wrong.withLock { $0 } == 0)
    }

    #if os(Linux)
        /// In a process of its own, whose memory is limited so that not all stacks fit.
        @Test func asManyThreadsRunAsTheSystemAllows() async {
            await #expect(processExitsWith: .success) {
                let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
                    .split(separator: " ").first.flatMap { UInt($0) }
                let usedBytes = try #require(pages) * UInt(getpagesize())
                var limit = rlimit(rlim_cur: usedBytes + 128 << 20, rlim_max: rlim_t.max)
                #expect(setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0)
                let backend = try Backend(threads: 1000)
                #expect((1..<1000).contains(backend.threads))
                let visits = Mutex(0)
                backend.parallelFor(500) { _ in visits.withLock { $0 += 1 } }
                #expect(visits.withLock { $0 } == 500)
            }
        }

        /// In a process of its own, so that no other threads are counted.
        @Test func droppedBackendsEndTheirThreads() async {
            await #expect(processExitsWith: .success) {
                func threads() throws -> Int {
                    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
                }
                // Threads that are started once, for example when BLAS is loaded, stay.
                _ = try Backend(threads: 2)
                let before = try threads()
                for count in 0..<100 {
                    let backend = try Backend(threads: 1 + count % 5)
                    if count % 2 == 0 { backend.parallelFor(10) { _ in } }
                }
                let after = try threads()
                exit(after <= before ? EXIT_SUCCESS : EXIT_FAILURE)
            }
        }
    #endif
}
