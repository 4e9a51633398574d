// Runs several segments at once, with results in the order of submission.

import System
import Tensor

/// Threads that each take the next waiting segment and run it through a network.
///
/// One thread submits segments, takes their results, and stops the workers in the end.
final class SegmentWorkers: @unchecked Sendable {
    private struct Job {
        let number: Int
        let member: Int
        let mix: Tensor
    }

    /// Number of workers: the most segments that run at once.
    let count: Int
    /// Segments that may be under way: one for each worker, and one more queued, so that workers
    /// never idle.
    var capacity: Int { count + 1 }

    // Everything below is only touched while `condition` is locked.
    private let condition = Condition()
    private var waiting: [Job] = []
    private var results: [Int: Result<Tensor, any Error>] = [:]
    private var submitted = 0
    private var taken = 0
    private var isStopped = false
    private var runningWorkers = 0

    /// Runs the segments on the caller's thread, because no other could be started.
    private var ownNetwork: TrackPipeline.Network?
    private let cancellation: CancellationToken

    /// Starts the workers; fewer if the system refuses to start as many threads.
    ///
    /// - Parameter networks: one for each worker; each is used by one thread at a time.
    init(_ networks: [TrackPipeline.Network], cancellation: CancellationToken) {
        count = networks.count
        self.cancellation = cancellation
        for network in networks {
            condition.withLock { runningWorkers += 1 }
            let thread = SystemThread { self.serve(network, cancellation: cancellation) }
            guard let thread else {
                condition.withLock {
                    runningWorkers -= 1
                    if runningWorkers == 0 { ownNetwork = network }
                }
                return
            }
            thread.detach()
        }
    }

    /// Submits a segment. No more than `capacity` may be under way.
    func submit(member: Int, mix: Tensor) {
        condition.withLock {
            precondition(submitted - taken < capacity && !isStopped)
            waiting.append(Job(number: submitted, member: member, mix: mix))
            submitted += 1
            condition.broadcast()
        }
    }

    /// Waits for the oldest segment's result.
    ///
    /// - Throws: the network's error, or `CancellationError`.
    func next() throws(AnyError) -> Tensor {
        if let ownNetwork, let job = nextJob() {
            taken += 1
            do {
                try cancellation.check()
                return try ownNetwork(job.member, job.mix)
            } catch {
                throw error.erased
            }
        }
        return try condition.withLock {
            precondition(taken < submitted)
            while true {
                if let result = results.removeValue(forKey: taken) {
                    taken += 1
                    return try result.get()
                }
                condition.wait()
            }
        }
    }

    /// Drops the queued segments, and waits until no network runs.
    func stop() {
        condition.withLock {
            isStopped = true
            waiting.removeAll()
            condition.broadcast()
            while runningWorkers > 0 { condition.wait() }
        }
    }

    /// Runs a worker until it is stopped.
    private func serve(_ network: TrackPipeline.Network, cancellation: CancellationToken) {
        while let job = nextJob() {
            let result = Result<Tensor, any Error> {
                try cancellation.check()
                return try network(job.member, job.mix)
            }
            condition.withLock {
                results[job.number] = result
                condition.broadcast()
            }
        }
        condition.withLock {
            runningWorkers -= 1
            condition.broadcast()
        }
    }

    private func nextJob() -> Job? {
        condition.withLock {
            while waiting.isEmpty && !isStopped { condition.wait() }
            return waiting.isEmpty ? nil : waiting.removeFirst()
        }
    }
}
