// All jobs in memory, with the orders in which the service asks for them.

/// The jobs by their sequence numbers, and sorted sets of these numbers for each question: no
/// question looks at all jobs.
struct JobIndex {
    /// Orders jobs by a number, then by their sequence.
    struct Rank<Number: Comparable>: Comparable {
        let number: Number
        let sequence: Int

        static func < (one: Rank, other: Rank) -> Bool {
            (one.number, one.sequence) < (other.number, other.sequence)
        }
    }

    private struct ResultKey: Hashable {
        let owner: String?
        let key: String
    }

    private var jobs: [Int: JobSnapshot] = [:]
    private var sequences: [String: Int] = [:]
    private var owned: [String?: SortedArray<Int>] = [:]
    private var finished: [String?: SortedArray<Rank<Double>>] = [:]
    /// Jobs with results, by what the results depend on.
    private var results: [ResultKey: SortedArray<Int>] = [:]
    private var waiting: [String?: SortedArray<Rank<Int>>] = [:]
    /// Waiting jobs in the order in which they will run.
    private(set) var queue: [Int] = []
    private(set) var running = SortedArray<Int>()
    private(set) var counts: [Job.State: Int] = [:]
    /// Seconds that pass for each second of waiting sound; nil before a job has ended.
    var workPerSecond: Double?

    subscript(sequence: Int) -> JobSnapshot? { jobs[sequence] }

    subscript(id: String) -> JobSnapshot? { sequences[id].flatMap { jobs[$0] } }

    /// Takes a job's new state.
    ///
    /// - Returns: the snapshots that have changed: the job's own, and those of waiting jobs with
    ///   another position.
    @discardableResult
    mutating func update(_ job: Job) -> [JobSnapshot] {
        let former = jobs[job.sequence]
        let progress = job.state == .queued ? nil : former?.progress
        let snapshot = JobSnapshot(job, progress ?? JobProgress())
        set(snapshot)
        // A job that has ended moves nobody, of which a start loads thousands.
        if job.state.isFinal, former?.job.state.isFinal ?? true { return [snapshot] }
        queue = turns()
        let changed = estimate().filter { $0.job.sequence != job.sequence }
        return (jobs[job.sequence].map { [$0] } ?? []) + changed
    }

    /// Gives the waiting jobs their positions, and the time until each will have ended.
    ///
    /// - Returns: the snapshots with another position.
    @discardableResult
    mutating func estimate() -> [JobSnapshot] {
        func seconds(_ job: Job) -> Double? {
            workPerSecond.map { $0 * (job.durationSeconds ?? 0) }
        }
        let busy = running.elements.compactMap { jobs[$0] }
            .map { $0.progress.secondsLeft ?? seconds($0.job) ?? 0 }
        var left = busy.reduce(0, +) / Double(max(1, busy.count))
        var changed: [JobSnapshot] = []
        for (index, sequence) in queue.enumerated() {
            guard let former = jobs[sequence] else { continue }
            let own = seconds(former.job)
            left += own ?? 0
            let progress = JobProgress(secondsLeft: own.map { _ in left })
            let isMoved = former.queuePosition != index + 1
            guard isMoved || former.progress != progress else { continue }
            let snapshot = JobSnapshot(former.job, progress, queuePosition: index + 1)
            jobs[sequence] = snapshot
            if isMoved { changed.append(snapshot) }
        }
        return changed
    }

    /// The order in which jobs will run. Users take turns: the first job of each, then the second of
    /// each, and so on, where running jobs count. Jobs of the same turn keep their places.
    private func turns() -> [Int] {
        let owners = running.elements.compactMap { jobs[$0]?.job }.map(\.owner)
        var turns: [(number: Int, place: Rank<Int>)] = []
        for (owner, places) in waiting {
            let first = owners.count { $0 == owner }
            for (index, place) in places.elements.enumerated() {
                turns.append((first + index, place))
            }
        }
        if waiting.count > 1 { turns.sort { ($0.number, $0.place) < ($1.number, $1.place) } }
        return turns.map(\.place.sequence)
    }

    /// Adds a job, or replaces its earlier snapshot.
    mutating func set(_ snapshot: JobSnapshot) {
        let job = snapshot.job
        let former = jobs.updateValue(snapshot, forKey: job.sequence)?.job
        if let former, former.state == job.state, former.place == job.place,
            former.finishedRunSeconds == job.finishedRunSeconds
        {
            return
        }
        if let former {
            leave(former)
        } else {
            sequences[job.id] = job.sequence
            owned[job.owner, default: SortedArray()].insert(job.sequence)
        }
        counts[job.state, default: 0] += 1
        switch job.state {
        case .queued: waiting[job.owner, default: SortedArray()].insert(JobIndex.place(of: job))
        case .running: running.insert(job.sequence)
        case .done, .failed, .cancelled:
            finished[job.owner, default: SortedArray()].insert(JobIndex.end(of: job))
            if job.state == .done {
                results[ResultKey(owner: job.owner, key: job.key), default: SortedArray()]
                    .insert(job.sequence)
            }
        }
    }

    mutating func remove(_ job: Job) {
        guard jobs.removeValue(forKey: job.sequence) != nil else { return }
        sequences[job.id] = nil
        owned[job.owner]?.remove(job.sequence)
        if owned[job.owner]?.isEmpty == true { owned[job.owner] = nil }
        leave(job)
    }

    /// Removes a job from the orders of its state.
    private mutating func leave(_ job: Job) {
        counts[job.state, default: 0] -= 1
        waiting[job.owner]?.remove(JobIndex.place(of: job))
        if waiting[job.owner]?.isEmpty == true { waiting[job.owner] = nil }
        running.remove(job.sequence)
        finished[job.owner]?.remove(JobIndex.end(of: job))
        if finished[job.owner]?.isEmpty == true { finished[job.owner] = nil }
        let key = ResultKey(owner: job.owner, key: job.key)
        results[key]?.remove(job.sequence)
        if results[key]?.isEmpty == true { results[key] = nil }
    }

    private static func end(of job: Job) -> Rank<Double> {
        Rank(number: job.finishedRunSeconds ?? 0, sequence: job.sequence)
    }

    private static func place(of job: Job) -> Rank<Int> {
        Rank(number: job.place ?? job.sequence, sequence: job.sequence)
    }

    // MARK: - Questions

    func count(of owner: String?) -> Int { owned[owner]?.count ?? 0 }

    /// Jobs of a user, newest first.
    ///
    /// - Parameter cursor: only jobs with lower sequence numbers; nil for the newest.
    func newest(
        of owner: String?, limit: Int, before cursor: Int?
    ) -> (jobs: [JobSnapshot], hasMore: Bool) {
        guard let owned = owned[owner] else { return ([], false) }
        let end = cursor.map { owned.index(atLeast: $0) } ?? owned.count
        let begin = limit < end ? end - limit : 0
        return (owned.elements[begin..<end].reversed().compactMap { jobs[$0] }, begin > 0)
    }

    /// Queued and running jobs of a user, oldest first.
    func unfinished(of owner: String?) -> [JobSnapshot] {
        (running.elements + queue).sorted().compactMap { jobs[$0] }
            .filter { $0.job.owner == owner }
    }

    /// Waiting jobs of a user in the order in which they will run.
    func waiting(of owner: String?) -> [Job] {
        (waiting[owner]?.elements ?? []).compactMap { jobs[$0.sequence]?.job }
    }

    func countWaiting(of owner: String?) -> Int { waiting[owner]?.count ?? 0 }

    /// The newest job of a user with these results.
    func done(key: String, owner: String?) -> Job? {
        results[ResultKey(owner: owner, key: key)]?.elements.last.flatMap { jobs[$0]?.job }
    }

    /// Finished jobs, oldest end first.
    func finishedJobs() -> [Job] {
        finished.values.flatMap(\.elements).sorted().compactMap { jobs[$0.sequence]?.job }
    }

    var oldestFinished: Job? {
        finished.values.compactMap(\.first).min().flatMap { jobs[$0.sequence]?.job }
    }

    /// The job that ended first among those of the user with the most finished jobs, if there are
    /// more than `limit` finished jobs: a user's jobs don't push out those of the others.
    func finishedBeyond(_ limit: Int) -> Job? {
        guard finished.values.reduce(0, { $0 + $1.count }) > limit else { return nil }
        return finished.values.max { $0.count < $1.count }?.first
            .flatMap { jobs[$0.sequence]?.job }
    }
}

/// Unique elements in ascending order. Adding at the end takes constant time; searches take
/// logarithmic time.
struct SortedArray<Element: Comparable> {
    private(set) var elements: [Element] = []

    var first: Element? { elements.first }
    var count: Int { elements.count }
    var isEmpty: Bool { elements.isEmpty }

    /// The index of the first element that is not less than `element`.
    func index(atLeast element: Element) -> Int {
        var (low, high) = (0, elements.count)
        if let last = elements.last, last < element { return high }
        while low < high {
            let middle = (low + high) / 2
            if elements[middle] < element { low = middle + 1 } else { high = middle }
        }
        return low
    }

    mutating func insert(_ element: Element) {
        let index = index(atLeast: element)
        if index == elements.count || elements[index] != element {
            elements.insert(element, at: index)
        }
    }

    mutating func remove(_ element: Element) {
        let index = index(atLeast: element)
        if index < elements.count, elements[index] == element { elements.remove(at: index) }
    }
}
