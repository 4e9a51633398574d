// All jobs: the queue, their states, and the events about them.

import Synchronization
import System

/// Jobs in memory and in the database. Each change is stored first and then published to clients.
final class JobQueue: @unchecked Sendable {
    // @unchecked: everything that changes is guarded by the condition.

    /// State of a running job that is not stored.
    private struct Run {
        let cancellation: CancellationToken
        let startedUptime = Timestamp.uptime
        /// Whether a client has asked to stop the job.
        var isCancelRequested = false
        var lastReport = 0.0
    }

    let events: EventLog
    private let folder: DataFolder
    private let metrics: Metrics
    private let mostQueued: Int
    private let runClock: RunClock
    /// Held during a change of a job's state, which takes as long as the disk does. Taken before the
    /// condition, which is held for moments only: readers never wait for the disk.
    private let database: Mutex<JobDatabase>
    private let condition = Condition()
    private var jobs = JobIndex()
    /// Running jobs by their sequence numbers.
    private var runs: [Int: Run] = [:]
    /// Jobs whose state is older in the database than here, because its disk was full.
    private var unsaved: Set<Int> = []
    private var lastSequence = 0
    private var isClosing = false

    /// Shortest time between two reports of a job's progress.
    private static let progressSeconds = 0.2

    /// Loads the jobs of an earlier run: those that were running are queued again.
    ///
    /// - Throws: ``ServiceError/database(path:reason:)``.
    init(
        _ database: JobDatabase, folder: DataFolder, events: EventLog, metrics: Metrics,
        mostQueued: Int, clock: ServiceClock
    ) throws(ServiceError) {
        self.database = Mutex(database)
        self.folder = folder
        self.events = events
        self.metrics = metrics
        self.mostQueued = mostQueued
        runClock = RunClock(earlierSeconds: try database.runSeconds(), clock)
        var (waiting, done): (Set<String>, Set<String>) = ([], [])
        for stored in try database.jobs() {
            var job = stored.resumed(in: folder)
            lastSequence = max(lastSequence, job.sequence)
            if job != stored {
                stamp(&job)
                try database.save(job)
            }
            if !job.state.isFinal { waiting.insert(job.id) }
            if job.state == .done { done.insert(job.id) }
            jobs.update(job)
        }
        folder.removeOrphans(waiting: waiting, done: done)
    }

    // MARK: - Reading

    func job(_ id: String) -> Job? { snapshot(id)?.job }

    func snapshot(_ id: String) -> JobSnapshot? { condition.withLock { jobs[id] } }

    /// A job at this moment, and the id of the last event that it includes.
    func state(of id: String) -> (job: JobSnapshot?, lastEvent: Int) {
        condition.withLock { (jobs[id], events.lastID) }
    }

    /// A page of a user's jobs, newest first.
    ///
    /// - Parameter cursor: ``JobPage/next`` of the page before; nil for the newest jobs.
    func page(of owner: String?, limit: Int, after cursor: Int? = nil) -> JobPage {
        condition.withLock { pageUnderLock(of: owner, limit, after: cursor) }
    }

    /// The newest jobs of a user, newest first, and all jobs that are not finished.
    func state(of owner: String?, limit: Int) -> JobPage {
        condition.withLock {
            var page = pageUnderLock(of: owner, limit, after: nil)
            let oldest = page.jobs.last?.job.sequence ?? .max
            page.jobs += jobs.unfinished(of: owner).reversed()
                .filter { $0.job.sequence < oldest }
            return page
        }
    }

    private func pageUnderLock(of owner: String?, _ limit: Int, after cursor: Int?) -> JobPage {
        let (found, hasMore) = jobs.newest(of: owner, limit: limit, before: cursor)
        // A page of no jobs ends where it begins.
        let last = found.last?.job.sequence ?? cursor ?? lastSequence + 1
        return JobPage(
            jobs: found, next: hasMore ? last : nil, total: jobs.count(of: owner),
            lastEvent: events.lastID)
    }

    /// Finished jobs, oldest end first.
    func finished() -> [Job] { condition.withLock { jobs.finishedJobs() } }

    /// The job that ended first, if that was more than `seconds` of the service's running time ago.
    func finished(before seconds: Double) -> Job? {
        condition.withLock {
            jobs.oldestFinished.flatMap {
                runClock.now - ($0.finishedRunSeconds ?? 0) > seconds ? $0 : nil
            }
        }
    }

    /// A job to remove while there are more than `limit` finished jobs.
    func finishedBeyond(_ limit: Int) -> Job? {
        condition.withLock { jobs.finishedBeyond(limit) }
    }

    func counts() -> [Job.State: Int] { condition.withLock { jobs.counts } }

    /// - Throws: `Problem` if no job would be accepted now.
    func checkRoom() throws(Problem) {
        try condition.withLock { () throws(Problem) in
            if isClosing { throw Problem(.busy, "The service is ending. Try again later.") }
            guard jobs.queue.count < mostQueued else {
                throw Problem(
                    .queueFull, "\(mostQueued) jobs are waiting. Try again when some are done.")
            }
        }
    }

    /// A finished job of a user with the same key, and so with equal results.
    func done(key: String, owner: String?) -> Job? {
        condition.withLock { jobs.done(key: key, owner: owner) }
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

    // MARK: - Changes by clients

    /// Adds a job, which is stored when this returns.
    ///
    /// - Parameter make: returns the job for its number in the queue.
    /// - Throws: `Problem`; ``ServiceError``.
    func accept(_ make: (_ sequence: Int) -> Job) throws -> Job {
        try database.withLock { database in
            try checkRoom()
            var job = make(condition.withLock { lastSequence } + 1)
            stamp(&job)
            try database.save(job)
            condition.withLock {
                lastSequence = job.sequence
                show(job)
            }
            return job
        }
    }

    /// Ends a job that is queued or running; removes one that is final.
    ///
    /// - Returns: whether the job was removed; nil if there is no such job.
    func cancelOrRemove(_ id: String) throws -> Bool? {
        let change = try database.withLock { database -> (wasQueued: Bool, isRemoved: Bool)? in
            guard var job = job(id) else { return nil }
            switch job.state {
            case .queued:
                job.state = .cancelled
                job.finished = Timestamp.now
                stamp(&job)
                try database.save(job)
                condition.withLock { show(job) }
                return (true, false)
            case .running:
                condition.withLock {
                    runs[job.sequence]?.isCancelRequested = true
                    runs[job.sequence]?.cancellation.cancel()
                }
                return (false, false)
            case .done, .failed, .cancelled:
                try removeFinal(job, database)
                return (false, true)
            }
        }
        guard let change else { return nil }
        if change.wasQueued || change.isRemoved { folder.removeFiles(of: id) }
        return change.isRemoved
    }

    /// Removes a final job and its files.
    func remove(_ id: String) throws {
        let isRemoved = try database.withLock { database in
            guard let job = job(id), job.state.isFinal else { return false }
            try removeFinal(job, database)
            return true
        }
        if isRemoved { folder.removeFiles(of: id) }
    }

    private func removeFinal(_ job: Job, _ database: JobDatabase) throws {
        // The row first: a row without files would be wrong, while files without a row are removed
        // at the next start.
        try database.remove(job.id)
        condition.withLock {
            jobs.remove(job)
            unsaved.remove(job.sequence)
            events.publish(.removed(job.id), of: job)
            condition.broadcast()
        }
    }

    // MARK: - Changes by runners

    /// Waits for the next job and starts it.
    ///
    /// - Parameter isReady: whether jobs may start; called at every change.
    /// - Returns: nil once the queue is closed.
    func startNext(isReady: () -> Bool) -> (job: Job, cancellation: CancellationToken)? {
        while true {
            let isOpen = condition.withLock {
                while !isClosing, jobs.queue.isEmpty || !isReady() { condition.wait() }
                return !isClosing
            }
            guard isOpen else { return nil }
            // Another runner may have taken the job.
            if let started = database.withLock({ startFirst($0) }) { return started }
        }
    }

    private func startFirst(_ database: JobDatabase) -> (Job, CancellationToken)? {
        let first = condition.withLock { isClosing ? nil : jobs.queue.first.flatMap { jobs[$0] } }
        guard var job = first?.job else { return nil }
        job.state = .running
        job.started = Timestamp.now
        let run = Run(cancellation: CancellationToken())
        store(job, database)
        condition.withLock {
            runs[job.sequence] = run
            if isClosing { run.cancellation.cancel() }
            show(job)
        }
        return (job, run.cancellation)
    }

    func progress(_ id: String, done: Int, total: Int) {
        condition.withLock {
            guard let job = jobs[id]?.job, var run = runs[job.sequence] else { return }
            let fraction = total > 0 ? Double(done) / Double(total) : 0
            let now = Timestamp.uptime
            let elapsed = now - run.startedUptime
            let snapshot = JobSnapshot(
                job,
                JobProgress(
                    fraction: fraction,
                    secondsLeft: done > 0 ? elapsed / fraction * (1 - fraction) : nil))
            jobs.set(snapshot)
            guard now - run.lastReport >= JobQueue.progressSeconds else { return }
            run.lastReport = now
            runs[job.sequence] = run
            events.publish(.job(snapshot), of: job)
        }
    }

    /// Stores the end of a running job, unless it was cancelled.
    func finish(_ job: Job) {
        end(job) { job in
            job.state = .cancelled
            job.stems = []
            job.stemRateHz = nil
            job.error = nil
        }
    }

    /// Puts a running job back into the queue when the service ends.
    func putBack(_ job: Job) {
        var waiting = job
        waiting.state = .queued
        waiting.started = nil
        end(waiting) { cancelled in
            cancelled = job
            cancelled.state = .cancelled
            cancelled.finished = Timestamp.now
        }
    }

    /// Stores the state of a job that ran.
    ///
    /// - Parameter cancel: changes the state, if a client has cancelled the job.
    private func end(_ job: Job, ifCancelled cancel: (inout Job) -> Void) {
        let stored = database.withLock { database -> Job? in
            var job = job
            if condition.withLock({ runs[job.sequence]?.isCancelRequested == true }) {
                cancel(&job)
            }
            stamp(&job)
            let isStored = store(job, database)
            condition.withLock {
                runs[job.sequence] = nil
                show(job)
            }
            return isStored ? job : nil
        }
        if let stored { removeUnneededFiles(of: stored) }
    }

    /// Starts no more jobs, and cancels the running ones.
    func close() {
        condition.withLock {
            isClosing = true
            for run in runs.values { run.cancellation.cancel() }
            condition.broadcast()
        }
    }

    /// Stores changes whose storing failed before.
    func saveAgain() {
        guard condition.withLock({ !unsaved.isEmpty }) else { return }
        let stored = database.withLock { database in
            condition.withLock { unsaved.compactMap { jobs[$0]?.job } }
                .filter { store($0, database) }
        }
        for job in stored { removeUnneededFiles(of: job) }
    }

    /// Stores a job.
    ///
    /// - Returns: false if that failed: the disk may be full. After a restart the job runs again,
    ///   and needs its sound.
    @discardableResult
    private func store(_ job: Job, _ database: JobDatabase) -> Bool {
        let isStored = (try? database.save(job)) != nil
        condition.withLock {
            if isStored { unsaved.remove(job.sequence) } else { unsaved.insert(job.sequence) }
        }
        return isStored
    }

    /// Removes the files that a job no longer needs once its state is stored.
    private func removeUnneededFiles(of job: Job) {
        if job.state == .done {
            DataFolder.remove(folder.input(job.id))
        } else if job.state.isFinal {
            folder.removeFiles(of: job.id)
        }
    }

    /// Notes the end of a job on the ``RunClock``.
    private func stamp(_ job: inout Job) {
        if job.state.isFinal, job.finishedRunSeconds == nil {
            job.finishedRunSeconds = runClock.now
        }
    }

    /// Stores the ``RunClock``, so that jobs age over several runs.
    func saveClock() { try? database.withLock { try $0.save(runSeconds: runClock.now) } }

    // MARK: - Under the lock

    /// Shows a job's new state to clients, and the new positions of waiting jobs.
    private func show(_ job: Job) {
        let former = jobs[job.sequence]?.job.state
        for changed in jobs.update(job) { events.publish(.job(changed), of: changed.job) }
        if job.state.isFinal, former?.isFinal != true { metrics.count(job) }
        condition.broadcast()
    }
}
