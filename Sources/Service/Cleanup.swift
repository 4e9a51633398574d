// Removes finished jobs that are too old or too many. While results and copies are over their limits,
// it removes copies, which can be recreated, and then the oldest jobs.

struct Cleanup {
    let queue: JobQueue
    let folder: DataFolder
    let derivedFiles: DerivedFiles
    let metrics: Metrics
    let settings: ServiceSettings
    private var lastMeasured = 0.0
    private var nextClockSave = 0.0
    private var nextSizeReport = 0.0

    /// Time after which the age of jobs is stored.
    private static let clockSeconds = 60.0
    /// Largest share of the time that is spent on measuring the folder for the metrics.
    private static let reportShare = 0.02

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
        if now >= nextSizeReport {
            let start = Timestamp.uptime
            metrics.measured(dataBytes: folder.countBytes())
            let seconds = Timestamp.uptime - start
            nextSizeReport =
                settings.clock.now() + max(Cleanup.measureSeconds, seconds / Cleanup.reportShare)
        }
        if let keep = settings.keepSeconds {
            while let job = queue.finished(before: keep), remove(job) {}
        }
        while let job = queue.finishedBeyond(settings.limits.finished), remove(job) {}
        guard now - lastMeasured >= Cleanup.measureSeconds else { return }
        lastMeasured = now
        guard let quota = settings.quotaBytes else {
            return derivedFiles.shrinkCache(toBytes: settings.cacheBytes)
        }
        let resultBytes = folder.countResultBytes()
        derivedFiles.shrinkCache(toBytes: min(settings.cacheBytes, max(0, quota - resultBytes)))
        guard resultBytes > quota else { return }
        // The newest result stays, whatever its size.
        for job in queue.finished().filter({ !$0.stems.isEmpty }).dropLast() {
            if folder.countResultBytes() <= quota { return }
            remove(job)
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
