// Several segments in the networks at once, with results in the order in which they were put in.

import Foundation
import HTDemucs
import Tensor

/// Threads that each take the next waiting segment and run it through a network.
///
/// One thread uses it from outside: it puts segments in, takes results out, and stops it in the end.
final class SegmentWorkers: @unchecked Sendable {
    private struct Job {
        let number: Int
        let member: Int
        let mix: Tensor
    }

    /// Segments that may be under way: one for each lane, and one that waits so that no lane does.
    let capacity: Int

    // Everything below is only touched while `condition` is locked.
    private let condition = NSCondition()
    private var waiting: [Job] = []
    private var results: [Int: Result<Tensor, any Error>] = [:]
    private var submitted = 0
    private var taken = 0
    private var isStopped = false
    private var runningLanes: Int

    /// - Parameter networks: one for each lane; used by one thread at a time.
    init(_ networks: [TrackPipeline.Network], cancellation: CancellationToken) {
        capacity = networks.count + 1
        runningLanes = networks.count
        for network in networks {
            Thread.detachNewThread {
                self.serve(network, cancellation: cancellation)
            }
        }
    }

    /// Puts a segment in. No more than `capacity` may be under way.
    func submit(member: Int, mix: Tensor) {
        condition.lock()
        defer { condition.unlock() }
        precondition(submitted - taken < capacity && !isStopped)
        waiting.append(Job(number: submitted, member: member, mix: mix))
        submitted += 1
        condition.broadcast()
    }

    /// Waits for the oldest segment's result.
    ///
    /// - Throws: what its network threw, or `CancellationError`.
    func next() throws -> Tensor {
        condition.lock()
        defer { condition.unlock() }
        precondition(taken < submitted)
        while true {
            if let result = results.removeValue(forKey: taken) {
                taken += 1
                return try result.get()
            }
            condition.wait()
        }
    }

    /// Forgets what waits, and returns when no network runs any more.
    func stop() {
        condition.lock()
        defer { condition.unlock() }
        isStopped = true
        waiting.removeAll()
        condition.broadcast()
        while runningLanes > 0 { condition.wait() }
    }

    /// The life of a lane.
    private func serve(_ network: TrackPipeline.Network, cancellation: CancellationToken) {
        while let job = nextJob() {
            let result = Result<Tensor, any Error> {
                try cancellation.check()
                return try network(job.member, job.mix)
            }
            condition.lock()
            results[job.number] = result
            condition.broadcast()
            condition.unlock()
        }
        condition.lock()
        runningLanes -= 1
        condition.broadcast()
        condition.unlock()
    }

    private func nextJob() -> Job? {
        condition.lock()
        defer { condition.unlock() }
        while waiting.isEmpty && !isStopped { condition.wait() }
        return waiting.isEmpty ? nil : waiting.removeFirst()
    }
}
