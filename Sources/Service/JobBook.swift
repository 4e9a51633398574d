// All jobs: the queue, their states, and the events about them.

import Files
import HTDemucs
import Tensor

/// Jobs in memory and in the database. Each change is stored first and then published to clients.
final class JobBook: @unchecked Sendable {
    // @unchecked: everything that changes is guarded by the condition.

    private struct Entry {
        var job: Job
        var progress = JobProgress()
        /// Cancellation of a running job.
        var cancellation: CancellationToken?
        /// Whether a client has asked to stop the running job.
        var isUnwanted = false
        var lastTold = 0.0
        /// Whether the database has an older state because its disk was full.
        var isUnsaved = false
    }

    let hub: EventHub
    private let condition = Condition()
    private let database: JobDatabase
    private let folder: DataFolder
    private let mostQueued: Int
    private var entries: [String: Entry] = [:]
    private var lastSequence = 0
    private var isClosing = false
    /// Seconds of work for each second of sound, from the last jobs.
    private var realTimeFactor: Double?

    /// Shortest time between two reports of a job's progress.
    private static let progressSeconds = 0.2

    /// Loads the jobs of an earlier run: those that were running are queued again.
    ///
    /// - Throws: ``ServiceError/database(path:reason:)``.
    init(
        _ database: JobDatabase, folder: DataFolder, hub: EventHub, mostQueued: Int
    ) throws(ServiceError) {
        self.database = database
        self.folder = folder
        self.hub = hub
        self.mostQueued = mostQueued
        for var job in try database.jobs() {
            lastSequence = max(lastSequence, job.sequence)
            if job.state == .running {
                job.state = .queued
                job.started = nil
                try database.save(job)
            }
            if job.state == .queued, !FilePath.isFile(folder.input(job.id)) {
                try fail(&job, "The sound of the job is not in the data folder any more.")
            }
            if job.state == .done, !FilePath.isFolder(folder.results(of: job.id)) {
                try fail(&job, "The results of the job are not in the data folder any more.")
            }
            entries[job.id] = Entry(job: job)
        }
        let jobs = entries.values.map(\.job)
        folder.removeOrphans(
            waiting: Set(jobs.filter { !$0.state.isFinal }.map(\.id)),
            done: Set(jobs.filter { $0.state == .done }.map(\.id)))
    }

    private func fail(_ job: inout Job, _ text: String) throws(ServiceError) {
        job.state = .failed
        job.finished = job.finished ?? Timestamp.now
        job.stems = []
        job.error = Problem(.failed, text + " Upload the sound again.")
        try database.save(job)
    }

    // MARK: - Reading

    func job(_ id: String) -> Job? { condition.withLock { entries[id]?.job } }

    /// A job as JSON for clients, and the id of the last event that it includes.
    func json(_ id: String) -> (job: JSON, lastEvent: Int)? {
        condition.withLock { entries[id].map { (json($0), hub.lastID) } }
    }

    /// All jobs, newest first, and the id of the last event that they include.
    func list() -> (jobs: [JSON], lastEvent: Int) {
        condition.withLock {
            (entries.values.sorted { $0.job.sequence > $1.job.sequence }.map(json), hub.lastID)
        }
    }

    /// Finished jobs, oldest first.
    func finished() -> [Job] {
        condition.withLock {
            entries.values.map(\.job).filter(\.state.isFinal)
                .sorted { ($0.finished ?? 0, $0.sequence) < ($1.finished ?? 0, $1.sequence) }
        }
    }

    func counts() -> [Job.State: Int] {
        condition.withLock {
            entries.values.reduce(into: [:]) { $0[$1.job.state, default: 0] += 1 }
        }
    }

    /// - Throws: `Problem` if no job would be accepted now.
    func checkRoom() throws(Problem) {
        try condition.withLock { () throws(Problem) in
            if isClosing { throw Problem(.busy, "The service is ending. Try again later.") }
            guard queued().count < mostQueued else {
                throw Problem(
                    .queueFull, "\(mostQueued) jobs are waiting. Try again when some are done.")
            }
        }
    }

    /// A finished job with the same key, and so with equal results.
    func done(key: String) -> Job? {
        condition.withLock {
            entries.values.map(\.job).filter { $0.key == key && $0.state == .done }
                .max { $0.sequence < $1.sequence }
        }
    }

    /// Waits until a job is final, or until `isOver`, which is called at every change, returns
    /// true.
    ///
    /// - Returns: nil if the job was removed or is not final.
    func waitForEnd(_ id: String, isOver: () -> Bool) -> Job? {
        condition.withLock {
            while !isClosing, let job = entries[id]?.job {
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
        try checkRoom()
        return try condition.withLock {
            let job = make(lastSequence + 1)
            try database.save(job)
            lastSequence = job.sequence
            entries[job.id] = Entry(job: job)
            tell(job.id)
            condition.broadcast()
            return job
        }
    }

    /// Ends a job that is queued or running; removes one that is final.
    ///
    /// - Returns: whether the job was removed; nil if there is no such job.
    func cancelOrRemove(_ id: String) throws -> Bool? {
        try condition.withLock {
            guard let entry = entries[id] else { return nil }
            switch entry.job.state {
            case .queued:
                var job = entry.job
                job.state = .cancelled
                job.finished = Timestamp.now
                try database.save(job)
                entries[id]?.job = job
                folder.removeFiles(of: id)
                tell(id)
                tellQueue()
                condition.broadcast()
            case .running:
                entries[id]?.isUnwanted = true
                entry.cancellation?.cancel()
            case .done, .failed, .cancelled:
                try removeFinal(id)
                return true
            }
            return false
        }
    }

    /// Removes a final job and its files.
    func remove(_ id: String) throws {
        try condition.withLock {
            if entries[id]?.job.state.isFinal == true { try removeFinal(id) }
        }
    }

    private func removeFinal(_ id: String) throws {
        // The row first: a row without files would be wrong, while files without a row are removed
        // at the next start.
        try database.remove(id)
        entries[id] = nil
        folder.removeFiles(of: id)
        hub.publish("removed", job: id, ["id": .text(id)])
        condition.broadcast()
    }

    // MARK: - Changes by runners

    /// Waits for the next job and starts it.
    ///
    /// - Parameter isReady: whether jobs may start; called at every change.
    /// - Returns: nil once the book is closed.
    func startNext(isReady: () -> Bool) -> (job: Job, cancellation: CancellationToken)? {
        condition.withLock {
            while true {
                if isClosing { return nil }
                if isReady(), var job = queued().first?.job {
                    job.state = .running
                    job.started = Timestamp.now
                    let token = CancellationToken()
                    save(job)
                    entries[job.id]?.cancellation = token
                    tell(job.id)
                    tellQueue()
                    return (job, token)
                }
                condition.wait()
            }
        }
    }

    func progress(_ id: String, done: Int, total: Int) {
        condition.withLock {
            guard var entry = entries[id], let started = entry.job.started else { return }
            let fraction = total > 0 ? Double(done) / Double(total) : 0
            let elapsed = Timestamp.now - started
            entry.progress = JobProgress(
                fraction: fraction,
                secondsLeft: done > 0 ? elapsed / fraction * (1 - fraction) : nil)
            let now = Timestamp.uptime
            let isTold = now - entry.lastTold >= JobBook.progressSeconds
            if isTold { entry.lastTold = now }
            entries[id] = entry
            if isTold { tell(id) }
        }
    }

    /// Stores the end of a running job, unless it was cancelled.
    func finish(_ job: Job) {
        condition.withLock {
            guard let entry = entries[job.id] else { return }
            if let seconds = job.durationSeconds, seconds > 0, job.state == .done, !job.isCached,
                let started = job.started, let finished = job.finished
            {
                let factor = (finished - started) / seconds
                realTimeFactor = realTimeFactor.map { 0.7 * $0 + 0.3 * factor } ?? factor
            }
            var job = job
            if entry.isUnwanted {
                job.state = .cancelled
                job.stems = []
                job.stemRateHz = nil
                job.error = nil
            }
            entries[job.id]?.cancellation = nil
            save(job)
            tell(job.id)
            condition.broadcast()
        }
    }

    /// Puts a running job back into the queue when the service ends.
    func putBack(_ id: String) {
        condition.withLock {
            guard let entry = entries[id] else { return }
            var job = entry.job
            if entry.isUnwanted {
                job.state = .cancelled
                job.finished = Timestamp.now
            } else {
                job.state = .queued
                job.started = nil
            }
            entries[id]?.progress = JobProgress()
            entries[id]?.cancellation = nil
            save(job)
            tell(id)
            condition.broadcast()
        }
    }

    /// Starts no more jobs, and cancels the running ones.
    func close() {
        condition.withLock {
            isClosing = true
            for entry in entries.values { entry.cancellation?.cancel() }
            condition.broadcast()
        }
    }

    /// Stores changes whose storing failed before.
    func saveAgain() {
        condition.withLock {
            for entry in entries.values where entry.isUnsaved { save(entry.job) }
        }
    }

    // MARK: - Under the lock

    private func queued() -> [Entry] {
        entries.values.filter { $0.job.state == .queued }
            .sorted { $0.job.sequence < $1.job.sequence }
    }

    /// Stores a job, and removes the files that it no longer needs once it is stored.
    private func save(_ job: Job) {
        entries[job.id]?.job = job
        do throws(ServiceError) {
            try database.save(job)
            entries[job.id]?.isUnsaved = false
        } catch {
            // The disk may be full. After a restart the job runs again, and needs its sound.
            entries[job.id]?.isUnsaved = true
            return
        }
        if job.state == .done {
            DataFolder.remove(folder.input(job.id))
        } else if job.state.isFinal {
            folder.removeFiles(of: job.id)
        }
    }

    private func json(_ entry: Entry) -> JSON {
        guard entry.job.state == .queued else {
            return entry.job.json(entry.progress, queuePosition: nil)
        }
        let before = entries.values.filter {
            $0.job.state == .queued && $0.job.sequence < entry.job.sequence
        }
        return entry.job.json(entry.progress, queuePosition: before.count + 1)
    }

    private func tell(_ id: String) {
        if let entry = entries[id] { hub.publish("job", job: id, json(entry)) }
    }

    /// Publishes the new positions of waiting jobs.
    private func tellQueue() {
        for entry in queued() { tell(entry.job.id) }
    }
}
