// Questions about jobs, which never wait for the disk.

import Runs
import System

extension JobQueue {
    func job(_ id: String) -> Job? { snapshot(id)?.job }

    func snapshot(_ id: String) -> JobSnapshot? { condition.withLock { jobs[id] } }

    /// A job that a user may read at this moment, and the id of the last event that it includes.
    func state(of id: String, _ user: String?) -> (job: JobSnapshot?, lastEvent: Int) {
        condition.withLock {
            (jobs[id].flatMap { $0.job.isVisible(to: user) ? $0 : nil }, events.lastID(of: user))
        }
    }

    /// A page of a user's jobs, newest first.
    ///
    /// - Parameters:
    ///   - isShared: whether the page has the jobs that others have opened for all in place of the user's own.
    ///   - cursor: ``JobPage/next`` of the page before; nil for the newest jobs.
    ///   - hasUnfinished: whether the page also has all older jobs that are not finished.
    func page(
        of owner: String?, isShared: Bool = false, limit: Int = .max, after cursor: Int? = nil,
        hasUnfinished: Bool = false
    ) -> JobPage {
        condition.withLock {
            let all = jobs.all.reversed().filter {
                isShared ? $0.job.isShared && $0.job.owner != owner : $0.job.owner == owner
            }
            let older = all.drop { $0.job.sequence >= cursor ?? .max }
            let (found, rest) = (older.prefix(limit), older.dropFirst(limit))
            // A page of no jobs ends where it begins.
            let last = found.last?.job.sequence ?? cursor ?? lastSequence + 1
            return JobPage(
                jobs: found + rest.filter { hasUnfinished && !$0.job.state.isFinal },
                next: rest.isEmpty ? nil : last, total: all.count,
                lastEvent: events.lastID(of: owner))
        }
    }

    /// Finished jobs, oldest end first.
    func finished() -> [JobSnapshot] {
        func end(_ job: Job) -> (Double, Int) { (job.finishedRunSeconds ?? 0, job.sequence) }
        return condition.withLock { jobs.all }.filter { $0.job.state.isFinal }
            .sorted { end($0.job) < end($1.job) }
    }

    /// The numbers of the waiting jobs that may start, in their order. The condition's lock is held.
    var startable: [Int] { jobs.queue.filter { !held.contains($0) } }

    var hasUnfinished: Bool { condition.withLock { !jobs.queue.isEmpty || !runs.isEmpty } }

    var sharedCount: Int { condition.withLock { jobs.all }.count { $0.job.isShared } }

    func counts() -> [TrackState: Int] {
        condition.withLock { jobs.all }.reduce(into: [:]) { $0[$1.job.state, default: 0] += 1 }
    }

    /// - Throws: `Problem` if no job of a user would be accepted now. A user always has his share of
    ///   the places, whatever the others have.
    func checkRoom(for owner: String?) throws(Problem) {
        try condition.withLock { () throws(Problem) in
            if isClosing { throw Problem(.busy, "The service is ending. Try again later.") }
            let (count, own) = (jobs.queue.count, jobs.waiting(of: owner).count)
            let mostQueued = settings.limits.queue
            guard count < mostQueued || own < ownPlaces else {
                let share = "\(own) of them are yours, and your share is \(ownPlaces). "
                throw Problem(
                    .queueFull,
                    "\(count) jobs are waiting, and the queue takes \(mostQueued). "
                        + (ownPlaces < mostQueued ? share : "") + "Try again when some are done.")
            }
        }
    }

    /// The stems of a running job; nil for other jobs, and before the separation begins.
    func growing(_ job: Job) -> GrowingStems? {
        condition.withLock { runs[job.sequence]?.growing }
    }

    /// Whether a client has asked to stop a running job.
    func isCancelRequested(_ job: Job) -> Bool {
        condition.withLock { runs[job.sequence]?.isCancelRequested == true }
    }

    /// A finished job of the same user with the results that a job would have.
    func done(like job: Job) -> Job? {
        condition.withLock { jobs.all }.last {
            $0.job.key == job.key && $0.job.owner == job.owner && $0.job.state == .done
                && ($0.job.options.analyzes || !job.options.analyzes)
        }?.job
    }

    /// Waits until a job is final, or until `isOver`, which is called at every change, returns
    /// true.
    ///
    /// - Returns: nil if the job was removed or is not final.
    func waitForEnd(_ id: String, isOver: () -> Bool) -> Job? {
        condition.withLock {
            while !isClosing, let job = jobs[id]?.job {
                if job.state.isFinal { return job }
                if isOver() { return nil }
                condition.wait()
            }
            return nil
        }
    }

    /// Wakes waiting requests and runners, so that they check whether their clients are connected
    /// and whether jobs may start.
    func tick() { condition.withLock { condition.broadcast() } }

    /// Estimates anew when the waiting jobs will have ended.
    func estimate() {
        condition.withLock {
            jobs.workPerSecond = metrics.workPerSecond.map { $0 / Double(max(1, settings.jobs)) }
            jobs.estimate()
        }
    }
}
