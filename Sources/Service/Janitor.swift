// Removes finished jobs: those that are too old, and the oldest ones while the folder is over its
// limit.

struct Janitor {
    let book: JobBook
    let folder: DataFolder
    let metrics: Metrics
    let settings: ServiceSettings
    private var lastMeasured = 0.0

    /// Shortest time between two measurements of the folder.
    private static let measureSeconds = 2.0

    init(book: JobBook, folder: DataFolder, metrics: Metrics, settings: ServiceSettings) {
        self.book = book
        self.folder = folder
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
        guard folder.countBytes() > quota else { return }
        for job in book.finished() where job.state == .done {
            if folder.countBytes() <= quota { return }
            remove(job)
        }
    }

    private func remove(_ job: Job) {
        guard (try? book.remove(job.id)) != nil else { return }
        metrics.countEvicted()
    }
}
