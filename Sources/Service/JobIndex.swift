// All jobs in memory, what clients see of them, and the order in which the waiting ones will run.

import Synchronization
import System

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

/// A job, its progress and its place in the queue. The JSON of a job that can still change is made once, by
/// the first client that asks for it, and shared by all; that of the many others would fill the memory.
final class JobSnapshot: Sendable {
    let job: Job
    let progress: JobProgress
    /// The position in the queue, from 1; nil for a job that does not wait.
    let queuePosition: Int?
    private let text = Mutex<[UInt8]?>(nil)

    init(_ job: Job, _ progress: JobProgress = JobProgress(), queuePosition: Int? = nil) {
        self.job = job
        self.progress = progress
        self.queuePosition = queuePosition
    }

    /// One line of JSON.
    var bytes: [UInt8] {
        text.withLock { text in
            if let text { return text }
            let made = job.json(progress, queuePosition: queuePosition).bytes
            if !job.state.isFinal { text = made }
            return made
        }
    }
}

/// A part of a user's jobs.
struct JobPage {
    var jobs: [JobSnapshot]
    /// The sequence number after which the next older page begins; nil on the last page.
    let next: Int?
    /// Number of all jobs of the user.
    let total: Int
    /// Id of the last event that the jobs include.
    let lastEvent: Int

    /// The cursor of the next page in replies.
    var cursor: JSON { JSON(next.map { "\($0)" }) }

    /// The reply with the page.
    var bytes: [UInt8] {
        var bytes = Array("{\"last_event\":\(lastEvent),\"next\":".utf8)
        bytes += cursor.bytes
        bytes += Array(",\"separations\":[".utf8)
        for (index, job) in jobs.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += job.bytes
        }
        bytes += Array("],\"total\":\(total)}".utf8)
        return bytes
    }

    /// The schema of ``bytes``.
    static let schema = JSONSchema.fields([
        "separations": .list(of: .reference("Job")),
        "next": .string.orNull.about(
            "Send it as `after` for the next older page; null on the last page. It stays valid "
                + "when jobs are removed."),
        "total": .integer.about("Number of all jobs of the user."),
        "last_event": .integer.about("The last event that the page includes, for /v1/events."),
    ])
}
