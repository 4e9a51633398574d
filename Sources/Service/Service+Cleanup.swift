// Removes finished jobs that are too old or too many. While results and copies are over their limits,
// it removes copies, which can be recreated, and then the oldest jobs.

/// When the parts of the cleanup are due.
struct CleanupTimes {
    fileprivate var measurement = 0.0
    fileprivate var clockSave = 0.0

    /// Time after which the age of jobs is stored.
    fileprivate static let clockSeconds = 60.0
    /// Largest share of the time that is spent on measuring the folder.
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
        queue.estimate()
        var finished = queue.finished()
        if let keep = settings.keepSeconds {
            let least = queue.runSeconds - keep
            for old in finished.prefix(while: { $0.job.finishedRunSeconds ?? 0 < least }) {
                guard remove(old.job) else { break }
            }
            finished = queue.finished()
        }
        shrink(finished, of: finished.count, to: settings.limits.finished) { _ in 1 }
        guard now >= next.measurement else { return }
        let start = Timestamp.uptime
        defer {
            let seconds = Timestamp.uptime - start
            next.measurement =
                settings.clock.now()
                + max(CleanupTimes.measureSeconds, seconds / CleanupTimes.measureShare)
        }
        metrics.measured(dataBytes: folder.countBytes())
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
