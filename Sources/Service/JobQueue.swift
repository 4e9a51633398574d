// All jobs: the queue, their states, and the events about them.

import Runs
import Synchronization
import System

/// An index of the jobs in the ledger. Each change is stored there first and then published to clients.
final class JobQueue: @unchecked Sendable {
    // @unchecked: everything that changes is guarded by the condition.

    /// State of a running job that is not stored.
    struct Run {
        let cancellation: CancellationToken
        /// Tells other programs that the track is being separated.
        let claim: LedgerEntry.Claim?
        let startedUptime = Timestamp.uptime
        /// Whether a client has asked to stop the job.
        var isCancelRequested = false
        /// Nil before the separation begins.
        var growing: GrowingStems?
        var lastReport = 0.0
        /// The finished seconds of the last report.
        var reportedSeconds: Double?
    }

    let events: EventLog
    private let folder: DataFolder
    let metrics: Metrics
    private let machine: MachineState
    private let log: ServiceSettings.Log
    let mostQueued: Int
    let runners: Int
    /// A user's share of the queue's places.
    let ownPlaces: Int
    let runClock: RunClock
    /// The tracks that can't be used, each with the reason.
    let unusable: [String]
    /// Held during a change of a job's state, which takes as long as the disk does. Taken before the
    /// condition, which is held for moments only: readers never wait for the disk.
    private let changes = Mutex(())
    let condition = Condition()
    var jobs = JobIndex()
    /// Running jobs by their sequence numbers.
    var runs: [Int: Run] = [:]
    /// Jobs whose state is older in the ledger than here, because its disk was full.
    private var unsaved: Set<Int> = []
    /// Waiting jobs that the machine has ended. The others come first: one that only this job lacks
    /// something for would keep all of them waiting.
    private var turnsOver: Set<Int> = []
    /// How often the machine has ended a job, by its sequence number, and how many jobs were done then.
    private var machineEnds: [Int: (count: Int, doneCount: Int)] = [:]
    private var doneCount = 0
    var lastSequence = 0
    var isClosing = false

    /// Shortest time between two reports of a job's progress.
    private static let progressSeconds = 0.2
    /// Loads the jobs of an earlier run: those that were running are queued again. Nothing is stored: files
    /// that are missing now may be back at the next start, as those of a disk that was not mounted.
    ///
    /// - Throws: ``ServiceError/folderUnusable(path:reason:)``.
    init(
        _ folder: DataFolder, events: EventLog, metrics: Metrics,
        machine: MachineState, ownPlaces: Int, _ settings: ServiceSettings
    ) throws(ServiceError) {
        self.folder = folder
        self.events = events
        self.metrics = metrics
        self.machine = machine
        log = settings.log
        mostQueued = settings.limits.queue
        runners = settings.jobs
        self.ownPlaces = ownPlaces
        runClock = RunClock(earlierSeconds: folder.runSeconds(), settings.clock)
        let found = try folder.jobs()
        unusable = found.unusable
        for stored in found.jobs {
            var job = stored.resumed(in: folder)
            lastSequence = max(lastSequence, job.sequence)
            if job != stored {
                stamp(&job)
                logFailure(of: job)
            }
            self.jobs.set(JobSnapshot(job))
        }
        self.jobs.order()
    }

    // MARK: - Changes by clients

    /// Adds a job, which is stored when this returns.
    ///
    /// - Parameters:
    ///   - make: returns the job for its number in the queue.
    ///   - addFiles: moves the sound or the stems into the folder of the job's track.
    /// - Throws: `Problem`; `SystemError`; the errors of `addFiles`.
    func accept(
        _ make: (_ sequence: Int) -> Job, _ addFiles: (LedgerEntry) throws -> Void
    ) throws -> Job {
        try changes.withLock { _ in
            var job = make(condition.withLock { lastSequence } + 1)
            try checkRoom(for: job.owner)
            stamp(&job)
            try folder.add(job, addFiles)
            condition.withLock {
                lastSequence = job.sequence
                show(job)
            }
            return job
        }
    }

    /// Moves a waiting job of a user before another one, or to the end of the user's jobs. The places of
    /// other users' jobs stay.
    ///
    /// - Returns: false if one of the jobs doesn't wait.
    func move(_ id: String, of owner: String?, before other: String?) throws -> Bool {
        try changes.withLock { _ in
            var waiting = condition.withLock { jobs.waiting(of: owner) }
            let places = waiting.map { $0.place ?? $0.sequence }
            guard let index = waiting.firstIndex(where: { $0.id == id }) else { return false }
            let job = waiting.remove(at: index)
            var target = waiting.endIndex
            if let other {
                guard let found = waiting.firstIndex(where: { $0.id == other }) else {
                    return false
                }
                target = found
            }
            waiting.insert(job, at: target)
            for index in waiting.indices
            where waiting[index].place ?? waiting[index].sequence != places[index] {
                waiting[index].place = places[index]
                try save(waiting[index])
                condition.withLock { show(waiting[index]) }
            }
            return true
        }
    }

    /// Ends a job that is queued or running; removes one that is final.
    ///
    /// - Returns: whether the job was removed; nil if there is no such job.
    func cancelOrRemove(_ id: String) throws -> Bool? {
        let change = try changes.withLock { _ -> (wasQueued: Bool, isRemoved: Bool)? in
            guard var job = job(id) else { return nil }
            switch job.state {
            case .queued:
                job.state = .cancelled
                job.finished = Timestamp.now
                stamp(&job)
                try save(job)
                condition.withLock { show(job) }
                return (true, false)
            case .running:
                condition.withLock {
                    runs[job.sequence]?.isCancelRequested = true
                    runs[job.sequence]?.cancellation.cancel()
                }
                return (false, false)
            case .done, .failed, .cancelled:
                try removeFinal(job)
                return (false, true)
            }
        }
        guard let change else { return nil }
        if change.isRemoved { folder.removeFiles(of: id) }
        if change.wasQueued { job(id).map(folder.removeUnneeded) }
        return change.isRemoved
    }

    /// Removes a final job and its files.
    func remove(_ id: String) throws {
        let isRemoved = try changes.withLock { _ in
            guard let job = job(id), job.state.isFinal else { return false }
            try removeFinal(job)
            return true
        }
        if isRemoved { folder.removeFiles(of: id) }
    }

    private func removeFinal(_ job: Job) throws {
        try folder.takeOut(job.id)
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
            if let started = changes.withLock({ _ in startFirst() }) { return started }
        }
    }

    private func startFirst() -> (Job, CancellationToken)? {
        let first = condition.withLock { () -> JobSnapshot? in
            if isClosing { return nil }
            if turnsOver.isSuperset(of: jobs.queue) { turnsOver = [] }
            return jobs.queue.first { !turnsOver.contains($0) }.flatMap { jobs[$0] }
        }
        guard var job = first?.job else { return nil }
        job.state = .running
        job.started = Timestamp.now
        // Counted before it begins: the job may end the process.
        job.tries += 1
        let run = Run(cancellation: CancellationToken(), claim: folder.ledger[job.id].claim())
        store(job)
        condition.withLock {
            runs[job.sequence] = run
            if isClosing { run.cancellation.cancel() }
            show(job)
        }
        return (job, run.cancellation)
    }

    /// Publishes the stems of a running job from now on.
    func grow(_ job: Job, _ stems: GrowingStems) {
        condition.withLock { runs[job.sequence]?.growing = stems }
    }

    func progress(_ id: String, done: Int, total: Int) {
        condition.withLock {
            guard var job = jobs[id]?.job, var run = runs[job.sequence] else { return }
            let part = run.growing?.part
            let readySeconds = part.flatMap { $0.readySamples > 0 ? $0.readySeconds : nil }
            if let part, readySeconds != nil {
                job.stems = run.growing?.stems(part) ?? []
                job.stemRateHz = part.header.sampleRateHz
            }
            let fraction = total > 0 ? Double(done) / Double(total) : 0
            let now = Timestamp.uptime
            let elapsed = now - run.startedUptime
            let snapshot = JobSnapshot(
                job,
                JobProgress(
                    fraction: fraction,
                    secondsLeft: done > 0 ? elapsed / fraction * (1 - fraction) : nil,
                    readySeconds: readySeconds))
            jobs.set(snapshot)
            // A player may wait for these stems.
            guard
                readySeconds != run.reportedSeconds
                    || now - run.lastReport >= JobQueue.progressSeconds
            else { return }
            run.lastReport = now
            run.reportedSeconds = readySeconds
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
            job.failure = nil
        }
    }

    /// Ends a running job that a client has cancelled, or puts it back into the queue if the service
    /// ends or the machine is at fault.
    ///
    /// - Parameters:
    ///   - job: with the stems that were finished before a client cancelled it.
    ///   - isTurnOver: whether the other waiting jobs come first.
    func putBack(_ job: Job, isTurnOver: Bool = false) {
        if isTurnOver { condition.withLock { _ = turnsOver.insert(job.sequence) } }
        var waiting = job
        waiting.state = .queued
        waiting.started = nil
        waiting.tries -= 1
        waiting.stems = []
        end(waiting) { cancelled in
            cancelled = job
            cancelled.state = .cancelled
            cancelled.finished = Timestamp.now
        }
    }

    /// Notes that the machine has ended a job, and returns whether it has done so again and again, with
    /// other jobs done in between: then the job needs more than the machine has.
    func isTooMuchForMachine(_ job: Job) -> Bool {
        condition.withLock {
            let (count, earlier) = machineEnds[job.sequence] ?? (0, -1)
            guard earlier != doneCount else { return false }
            machineEnds[job.sequence] = (count + 1, doneCount)
            return count + 1 >= Job.mostTries
        }
    }

    /// Stores the state of a job that ran.
    ///
    /// - Parameter cancel: changes the state, if a client has cancelled the job.
    private func end(_ job: Job, ifCancelled cancel: (inout Job) -> Void) {
        let stored = changes.withLock { _ -> Job? in
            var job = job
            if condition.withLock({ runs[job.sequence]?.isCancelRequested == true }) {
                cancel(&job)
            }
            stamp(&job)
            let isStored = store(job)
            condition.withLock {
                runs.removeValue(forKey: job.sequence)?.claim?.end()
                if job.state == .done { doneCount += 1 }
                if job.state.isFinal { machineEnds[job.sequence] = nil }
                show(job)
            }
            return isStored ? job : nil
        }
        if let stored { folder.removeUnneeded(of: stored) }
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
        let stored = changes.withLock { _ in
            condition.withLock { unsaved.compactMap { jobs[$0]?.job } }.filter { store($0) }
        }
        for job in stored { folder.removeUnneeded(of: job) }
    }

    /// Stores a job.
    ///
    /// - Returns: false if that failed: the disk may be full. After a restart the job runs again,
    ///   and needs its sound.
    @discardableResult
    private func store(_ job: Job) -> Bool {
        do {
            try save(job)
            condition.withLock { _ = unsaved.remove(job.sequence) }
            return true
        } catch {
            condition.withLock { _ = unsaved.insert(job.sequence) }
            machine.requestFailed(Problem(error))
            return false
        }
    }

    private func save(_ job: Job) throws(SystemError) {
        try folder.ledger[job.id].write(job, isDurable: true)
    }

    /// Notes the end of a job on the ``RunClock``.
    private func stamp(_ job: inout Job) {
        if job.state.isFinal, job.finishedRunSeconds == nil {
            job.finishedRunSeconds = runClock.now
        }
    }

    /// Stores the ``RunClock``, so that jobs age over several runs.
    func saveClock() { folder.save(runSeconds: runClock.now) }

    // MARK: - Under the lock

    /// Shows a job's new state to clients, and the new positions of waiting jobs.
    private func show(_ job: Job) {
        let former = jobs[job.sequence]?.job.state
        for changed in jobs.update(job) { events.publish(.job(changed), of: changed.job) }
        if job.state.isFinal, former?.isFinal != true {
            metrics.count(job)
            logFailure(of: job)
        }
        condition.broadcast()
    }

    private func logFailure(of job: Job) {
        guard job.state == .failed, let failure = job.failure else { return }
        log("Job \(job.id) has failed (\(failure.kind.rawValue)): \(failure.detail)")
    }
}
