// All jobs in memory, and the order in which the waiting ones will run.

struct JobIndex {
    /// In the order of their sequence numbers.
    private(set) var all: [JobSnapshot] = []
    private var sequences: [String: Int] = [:]
    /// Waiting jobs in the order in which they will run.
    private(set) var queue: [Int] = []
    /// Seconds that pass for each second of waiting sound; nil before a job has ended.
    var workPerSecond: Double?

    subscript(sequence: Int) -> JobSnapshot? { index(of: sequence).found }

    subscript(id: String) -> JobSnapshot? { sequences[id].flatMap { self[$0] } }

    private func index(of sequence: Int) -> (index: Int, found: JobSnapshot?) {
        var (low, high) = (0, all.count)
        while low < high {
            let middle = (low + high) / 2
            if all[middle].job.sequence < sequence { low = middle + 1 } else { high = middle }
        }
        let isFound = low < all.count && all[low].job.sequence == sequence
        return (low, isFound ? all[low] : nil)
    }

    /// Takes a job's new state.
    ///
    /// - Returns: the snapshots that have changed: the job's own, and those of waiting jobs with
    ///   another position.
    mutating func update(_ job: Job) -> [JobSnapshot] {
        let progress = job.state == .queued ? nil : self[job.sequence]?.progress
        set(JobSnapshot(job, progress ?? JobProgress()))
        let changed = order().filter { $0.job.sequence != job.sequence }
        return (self[job.sequence].map { [$0] } ?? []) + changed
    }

    /// Puts the waiting jobs in the order in which they will run. Users take turns: the first job of each,
    /// then the second of each, and so on, where running jobs count. Jobs of the same turn keep their
    /// places.
    ///
    /// - Returns: the snapshots with another position.
    @discardableResult
    mutating func order() -> [JobSnapshot] {
        var turns = Dictionary(grouping: running) { $0.job.owner }.mapValues(\.count)
        let waiting = all.filter { $0.job.state == .queued }
            .sorted { JobIndex.place(of: $0.job) < JobIndex.place(of: $1.job) }
        var ranks: [(turn: Int, index: Int)] = []
        for (index, snapshot) in waiting.enumerated() {
            ranks.append((turns[snapshot.job.owner, default: 0], index))
            turns[snapshot.job.owner, default: 0] += 1
        }
        queue = ranks.sorted(by: <).map { waiting[$0.index].job.sequence }
        return estimate()
    }

    /// Gives the waiting jobs their positions, and the time until each will have ended.
    ///
    /// - Returns: the snapshots with another position.
    @discardableResult
    mutating func estimate() -> [JobSnapshot] {
        func seconds(_ job: Job) -> Double? {
            workPerSecond.map { $0 * (job.durationSeconds ?? 0) }
        }
        let busy = running.map { $0.progress.secondsLeft ?? seconds($0.job) ?? 0 }
        var left = busy.reduce(0, +) / Double(max(1, busy.count))
        var changed: [JobSnapshot] = []
        for (index, sequence) in queue.enumerated() {
            guard let former = self[sequence] else { continue }
            let own = seconds(former.job)
            left += own ?? 0
            let progress = JobProgress(secondsLeft: own.map { _ in left })
            let isMoved = former.queuePosition != index + 1
            guard isMoved || former.progress != progress else { continue }
            let snapshot = JobSnapshot(former.job, progress, queuePosition: index + 1)
            set(snapshot)
            if isMoved { changed.append(snapshot) }
        }
        return changed
    }

    /// Adds a job, or replaces its earlier snapshot.
    mutating func set(_ snapshot: JobSnapshot) {
        let (index, former) = index(of: snapshot.job.sequence)
        all.replaceSubrange(index..<(former == nil ? index : index + 1), with: [snapshot])
        sequences[snapshot.job.id] = snapshot.job.sequence
    }

    mutating func remove(_ job: Job) {
        let (index, found) = index(of: job.sequence)
        if found != nil { all.remove(at: index) }
        sequences[job.id] = nil
    }

    private var running: [JobSnapshot] { all.filter { $0.job.state == .running } }

    private static func place(of job: Job) -> (Int, Int) {
        (job.place ?? job.sequence, job.sequence)
    }

    /// A user's waiting jobs in the order in which they will run.
    func waiting(of owner: String?) -> [Job] {
        queue.compactMap { self[$0]?.job }.filter { $0.owner == owner }
    }
}
