// Removes finished jobs that are too old. While results and copies are over their limit, it removes
// copies, which can be recreated, and then the oldest jobs.

struct Janitor {
    let book: JobBook
    let folder: DataFolder
    let workshop: Workshop
    let metrics: Metrics
    let settings: ServiceSettings
    private var lastMeasured = 0.0

    /// Shortest time between two measurements of the folder.
    private static let measureSeconds = 2.0

    init(
        book: JobBook, folder: DataFolder, workshop: Workshop, metrics: Metrics,
        settings: ServiceSettings
    ) {
        self.book = book
        self.folder = folder
        self.workshop = workshop
        self.metrics = metrics
        self.settings = settings
    }

    mutating func cleanUp() {
        if let keep = settings.keepSeconds {
            let now = Timestamp.now
            for job in book.finished() where (job.finished ?? job.created) + keep < now {
                remove(job)
            }
        }
        guard let quota = settings.quotaBytes,
            Timestamp.uptime - lastMeasured >= Janitor.measureSeconds
        else { return }
        lastMeasured = Timestamp.uptime
        var bytes = folder.countRemovableBytes()
        guard bytes > quota else { return }
        for id in folder.cachedJobs() {
            let cached = folder.countCacheBytes(of: id)
            if workshop.removeCache(of: id) { bytes -= cached }
            if bytes <= quota { return }
        }
        for job in book.finished() where job.state == .done {
            if folder.countRemovableBytes() <= quota { return }
            remove(job)
        }
    }

    private func remove(_ job: Job) {
        guard (try? book.remove(job.id)) != nil else { return }
        metrics.countEvicted()
    }
}
