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
    let folder: DataFolder
    let metrics: Metrics
    private let machine: MachineState
    let settings: ServiceSettings
    /// A user's share of the queue's places.
    let ownPlaces: Int
    /// When, on the clock since the start of the machine, all runs of the service would have begun as one.
    private let runsBegan: Double
    /// Held during a change of a job's state, which takes as long as the disk does. Taken before the
    /// condition, which is held for moments only: readers never wait for the disk.
    let changes = Mutex(())
    let condition = Condition()
    var jobs = JobIndex()
    /// Running jobs by their sequence numbers.
    var runs: [Int: Run] = [:]
    /// Jobs whose state is older in the ledger than here, because its disk was full.
    private var unsaved: Set<Int> = []
    /// How often the machine has ended a job, by its sequence number; how often after other jobs were done;
    /// and how many were done then.
    private var machineEnds: [Int: (all: Int, afterOthers: Int, doneCount: Int)] = [:]
    private var doneCount = 0
    /// The numbers of jobs that don't start before the service does again.
    private(set) var held: Set<Int> = []
    var lastSequence = 0
    var isClosing = false

    /// Shortest time between two reports of a job's progress.
    private static let progressSeconds = 0.2

    /// Takes the jobs of an earlier run: those that were running are queued again. Nothing is stored: files
    /// that are missing now may be back at the next start, as those of a disk that was not mounted.
    init(
        _ folder: DataFolder, _ jobs: [Job], held: Set<String>, events: EventLog, metrics: Metrics,
        machine: MachineState, ownPlaces: Int, _ settings: ServiceSettings
    ) {
        self.folder = folder
        self.events = events
        self.metrics = metrics
        self.machine = machine
        self.settings = settings
        self.ownPlaces = ownPlaces
        runsBegan = settings.clock.sinceBoot() - folder.runSeconds()
        for stored in jobs {
            var job = stored.resumed(in: folder)
            lastSequence = max(lastSequence, job.sequence)
            if job != stored {
                stamp(&job)
                logFailure(of: job)
            }
            self.jobs.set(JobSnapshot(job))
            if held.contains(job.id) { self.held.insert(job.sequence) }
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
            var places = waiting.map { $0.place ?? $0.sequence }
            // Copies of a track have equal places.
            for index in places.indices.dropFirst() {
                places[index] = max(places[index], places[index - 1] + 1)
            }
            guard let index = waiting.firstIndex(where: { $0.id == id }) else { return false }
            let job = waiting.remove(at: index)
            let target =
                other == nil ? waiting.endIndex : waiting.firstIndex(where: { $0.id == other })
            guard let target else { return false }
            waiting.insert(job, at: target)
            for index in waiting.indices
            where waiting[index].place ?? waiting[index].sequence != places[index] {
                waiting[index].place = places[index]
                try folder.save(waiting[index])
                condition.withLock { show(waiting[index]) }
            }
            return true
        }
    }

    /// Ends a job that is queued or running; removes one that is final.
    ///
    /// - Returns: whether the job was removed; nil if there is no such job.
    func cancelOrRemove(_ id: String) throws -> Bool? {
        try changes.withLock { _ -> Bool? in
            guard var job = job(id) else { return nil }
            switch job.state {
            case .queued:
                job.state = .cancelled
                stamp(&job)
                try folder.save(job)
                condition.withLock { show(job) }
            case .running:
                condition.withLock {
                    runs[job.sequence]?.isCancelRequested = true
                    runs[job.sequence]?.cancellation.cancel()
                }
            case .done, .failed, .cancelled:
                try removeFinal(job)
                return true
            }
            return false
        }
    }

    /// Removes a final job and its files.
    func remove(_ id: String) throws {
        try changes.withLock { _ in
            if let job = job(id), job.state.isFinal { try removeFinal(job) }
        }
    }

    private func removeFinal(_ job: Job) throws {
        try folder.remove(job.id)
        condition.withLock {
            jobs.remove(job)
            unsaved.remove(job.sequence)
            events.publish(.removed(job.id), of: job)
            if job.isShared { events.publish(.removed(job.id), of: job, toOthers: true) }
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
                while !isClosing, startable.isEmpty || !isReady() { condition.wait() }
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
            // One job that needs what the machine lacks would keep all others waiting.
            func ends(_ sequence: Int) -> Int { machineEnds[sequence]?.all ?? 0 }
            return startable.min { ends($0) < ends($1) }.flatMap { jobs[$0] }
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

    /// Notes that the machine has ended a job, which starts again after the other waiting ones.
    ///
    /// - Returns: false if that has happened again and again, with other jobs done in between: then the job
    ///   needs more than the machine has.
    func startsAgain(_ job: Job) -> Bool {
        condition.withLock {
            var ends = machineEnds[job.sequence] ?? (0, 0, -1)
            ends.all += 1
            if ends.doneCount != doneCount { ends.afterOthers += 1 }
            ends.doneCount = doneCount
            machineEnds[job.sequence] = ends
            return ends.afterOthers < Job.mostTries
        }
    }

    /// Ends a running job. If it is still in the state `running`, it goes back into the queue, or is cancelled
    /// with the stems that were finished if a client has asked for that.
    func end(_ job: Job) {
        changes.withLock { _ in
            var job = job
            // Name and notes may have changed while it ran.
            if let shown = self.job(job.id) { (job.name, job.notes) = (shown.name, shown.notes) }
            if isCancelRequested(job) {
                if job.state != .running { (job.stems, job.stemRateHz) = ([], nil) }
                job.state = .cancelled
                job.failure = nil
            } else if job.state == .running {
                job.state = .queued
                (job.started, job.stems) = (nil, [])
            }
            // The process has not ended meanwhile.
            job.tries -= 1
            stamp(&job)
            // Its record may have no room otherwise.
            DataFolder.remove(folder.unfinishedResults(of: job.id))
            // Before the end is stored: a claim that a kill leaves is removed with those of unended jobs.
            condition.withLock { runs[job.sequence]?.claim }?.end()
            store(job)
            condition.withLock {
                runs[job.sequence] = nil
                if job.state == .done { doneCount += 1 }
                if job.state.isFinal { machineEnds[job.sequence] = nil }
                show(job)
            }
        }
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
        // A change may hold the lock for as long as the disk takes.
        if condition.withLock({ unsaved.isEmpty }) { return }
        changes.withLock { _ in
            condition.withLock { unsaved.compactMap { jobs[$0]?.job } }.forEach(store)
        }
    }

    /// Stores a job. If that fails, as on a full disk, the job runs again after a restart, and needs its sound.
    private func store(_ job: Job) {
        do {
            try folder.save(job)
            condition.withLock { _ = unsaved.remove(job.sequence) }
        } catch {
            condition.withLock { _ = unsaved.insert(job.sequence) }
            machine.requestFailed(Problem(error))
        }
    }

    /// Notes the time of the end of a job.
    private func stamp(_ job: inout Job) {
        guard job.state.isFinal else { return }
        job.finished = job.finished ?? Timestamp.now
        job.finishedRunSeconds = job.finishedRunSeconds ?? runSeconds
    }

    /// Seconds of all runs of the service in its data folder, those in which the machine sleeps included.
    /// The time of day may jump by years, for example on a machine without a clock of its own; then no job
    /// may get old.
    var runSeconds: Double { settings.clock.sinceBoot() - runsBegan }

    /// Stores ``runSeconds``, so that jobs age over several runs.
    func saveClock() { folder.save(runSeconds: runSeconds) }

    // MARK: - Under the lock

    /// Shows a job's new state to clients, and the new positions of waiting jobs.
    func show(_ job: Job) {
        let former = jobs[job.sequence]?.job
        for changed in jobs.update(job) { events.publish(.job(changed), of: changed.job) }
        if job.isShared {
            events.publish(.shared(JobSnapshot(job)), of: job, toOthers: true)
        } else if former?.isShared == true {
            events.publish(.removed(job.id), of: job, toOthers: true)
        }
        if job.state.isFinal, former?.state.isFinal != true {
            metrics.count(job)
            logFailure(of: job)
        }
        condition.broadcast()
    }

    private func logFailure(of job: Job) {
        guard job.state == .failed, let failure = job.failure else { return }
        settings.log("Job \(job.id) has failed (\(failure.kind.rawValue)): \(failure.detail)")
    }
}
