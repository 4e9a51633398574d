// Removes finished jobs that are too old or too many. While results and copies are over their limits,
// it removes copies, which can be recreated, and then the oldest jobs.

/// When the parts of the cleanup are due.
struct CleanupTimes {
    fileprivate var measurement = 0.0
    fileprivate var clockSave = 0.0
    fileprivate var sizeReport = 0.0
    fileprivate var estimate = 0.0

    /// Time after which the age of jobs is stored.
    fileprivate static let clockSeconds = 60.0
    /// Largest share of the time that is spent on measuring the folder for the metrics, and for the
    /// limits.
    fileprivate static let measureShare = 0.02
    /// Shortest time between two measurements of the folder.
    fileprivate static let measureSeconds = 2.0
}

extension Service {
    /// Does what is due: stores the age of jobs, estimates those that wait, measures the folder for the metrics and
    /// the limits, and removes what is beyond them.
    func cleanUp(_ next: inout CleanupTimes) {
        let now = settings.clock.now()
        if now >= next.clockSave {
            queue.saveClock()
            next.clockSave = now + CleanupTimes.clockSeconds
        }
        if now >= next.estimate {
            queue.estimate()
            next.estimate = now + CleanupTimes.measureSeconds
        }
        if now >= next.sizeReport {
            let start = Timestamp.uptime
            metrics.measured(dataBytes: folder.countBytes())
            next.sizeReport = repetition(of: start)
        }
        if let keep = settings.keepSeconds {
            for job in queue.finished(before: keep) {
                guard remove(job) else { break }
            }
        }
        let finished = queue.finished()
        shrink(finished, of: finished.count, to: settings.limits.finished) { _ in 1 }
        guard now >= next.measurement else { return }
        let start = Timestamp.uptime
        defer { next.measurement = repetition(of: start) }
        guard let quota = settings.quotaBytes else {
            return derivedFiles.shrinkCache(toBytes: settings.cacheBytes)
        }
        let sizes = folder.resultBytes()
        let bytes = sizes.values.reduce(0, +)
        derivedFiles.shrinkCache(toBytes: min(settings.cacheBytes, max(0, quota - bytes)))
        shrink(queue.finished().filter { !$0.job.stems.isEmpty }, of: bytes, to: quota) {
            sizes[$0.job.id, default: 0]
        }
    }

    /// When a measurement that began at a time may be repeated.
    private func repetition(of start: Double) -> Double {
        let seconds = Timestamp.uptime - start
        return settings.clock.now()
            + max(CleanupTimes.measureSeconds, seconds / CleanupTimes.measureShare)
    }

    /// Removes jobs while a total is over a limit: the oldest of the user who has the most, so that nobody
    /// loses any who has at most his share. The last job stays, whatever its size.
    private func shrink(
        _ jobs: [JobSnapshot], of total: Int, to limit: Int, size: (JobSnapshot) -> Int
    ) {
        var (total, count) = (total, jobs.count)
        guard total > limit else { return }
        var owned = Dictionary(grouping: jobs) { $0.job.owner }.mapValues { jobs in
            (jobs: jobs[...], size: jobs.reduce(0) { $0 + size($1) })
        }
        while total > limit, count > 1,
            case (let owner, var own)? = owned.max(by: { $0.value.size < $1.value.size })
        {
            let job = own.jobs.removeFirst()
            own.size -= size(job)
            owned[owner] = own.jobs.isEmpty ? nil : own
            count -= 1
            guard remove(job.job) else { return }
            total -= size(job)
        }
    }

    /// - Returns: false if the folder can't be changed now.
    private func remove(_ job: Job) -> Bool {
        guard (try? queue.remove(job.id)) != nil else { return false }
        metrics.countEvicted()
        return true
    }
}
