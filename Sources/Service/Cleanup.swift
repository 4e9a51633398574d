// Removes finished jobs that are too old or too many. While results and copies are over their limits,
// it removes copies, which can be recreated, and then the oldest jobs.

struct Cleanup {
    let queue: JobQueue
    let folder: DataFolder
    let derivedFiles: DerivedFiles
    let metrics: Metrics
    let settings: ServiceSettings
    private var nextMeasurement = 0.0
    private var nextClockSave = 0.0
    private var nextSizeReport = 0.0
    private var nextEstimate = 0.0

    /// Time after which the age of jobs is stored.
    private static let clockSeconds = 60.0
    /// Largest share of the time that is spent on measuring the folder for the metrics, and for the
    /// limits.
    private static let measureShare = 0.02

    /// Shortest time between two measurements of the folder.
    private static let measureSeconds = 2.0

    init(
        queue: JobQueue, folder: DataFolder, derivedFiles: DerivedFiles, metrics: Metrics,
        settings: ServiceSettings
    ) {
        self.queue = queue
        self.folder = folder
        self.derivedFiles = derivedFiles
        self.metrics = metrics
        self.settings = settings
    }

    mutating func run() {
        let now = settings.clock.now()
        if now >= nextClockSave {
            queue.saveClock()
            nextClockSave = now + Cleanup.clockSeconds
        }
        if now >= nextEstimate {
            queue.estimate()
            nextEstimate = now + Cleanup.measureSeconds
        }
        if now >= nextSizeReport {
            let start = Timestamp.uptime
            metrics.measured(dataBytes: folder.countBytes())
            nextSizeReport = repetition(of: start)
        }
        if let keep = settings.keepSeconds {
            while let job = queue.finished(before: keep), remove(job) {}
        }
        while let job = queue.finishedBeyond(settings.limits.finished), remove(job) {}
        guard now >= nextMeasurement else { return }
        let start = Timestamp.uptime
        defer { nextMeasurement = repetition(of: start) }
        guard let quota = settings.quotaBytes else {
            return derivedFiles.shrinkCache(toBytes: settings.cacheBytes)
        }
        let sizes = folder.resultBytes()
        let bytes = sizes.values.reduce(0, +)
        derivedFiles.shrinkCache(toBytes: min(settings.cacheBytes, max(0, quota - bytes)))
        removeResults(sizes, bytes, quota)
    }

    /// When a measurement that began at a time may be repeated.
    private func repetition(of start: Double) -> Double {
        let seconds = Timestamp.uptime - start
        return settings.clock.now() + max(Cleanup.measureSeconds, seconds / Cleanup.measureShare)
    }

    /// Removes results until the others take at most the quota: the oldest of the user with the most
    /// bytes, so that nobody loses any who has at most his share. The last result stays, whatever its
    /// size.
    private func removeResults(_ sizes: [String: Int], _ bytes: Int, _ quota: Int) {
        var bytes = bytes
        guard bytes > quota else { return }
        let jobs = queue.finished().filter { !$0.stems.isEmpty }
        var owned = Dictionary(grouping: jobs, by: \.owner).mapValues { jobs in
            (jobs: jobs[...], bytes: jobs.reduce(0) { $0 + sizes[$1.id, default: 0] })
        }
        var count = jobs.count
        while bytes > quota, count > 1,
            case (let owner, var results)? = owned.max(by: { $0.value.bytes < $1.value.bytes })
        {
            let job = results.jobs.removeFirst()
            let size = sizes[job.id, default: 0]
            results.bytes -= size
            owned[owner] = results.jobs.isEmpty ? nil : results
            count -= 1
            if remove(job) { bytes -= size }
        }
    }

    /// - Returns: false if the database can't be changed now.
    @discardableResult
    private func remove(_ job: Job) -> Bool {
        guard (try? queue.remove(job.id)) != nil else { return false }
        metrics.countEvicted()
        return true
    }
}
