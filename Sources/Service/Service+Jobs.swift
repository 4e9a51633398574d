// Requests about the list of jobs: pages, search, order, removal.

import Runs
import System

extension Service {
    /// Jobs in a page of the list, by default and at most.
    static let pageJobs = 100
    static let mostPageJobs = 1000

    /// Orders of the list, besides newest first.
    private enum Order: String, CaseIterable {
        case created
        case name
        case duration
    }

    static let orders = Order.allCases.map(\.rawValue)

    func listJobs(_ request: Request) throws(Problem) -> Reply {
        let limit = try pageLimit(request, in: 1...Service.mostPageJobs)
        let cursor = try number(
            request, "after", in: .min ... .max, "the 'next' of an earlier reply")
        if let value = request.query("shared"), value != "true" {
            throw .option("shared", value: value, expected: "true")
        }
        let isWhole = ["search", "state", "sort"].allSatisfy { request.query($0) == nil }
        if isWhole {
            return .json(page(of: request, limit: limit, after: cursor).bytes)
        }
        return .json(try selection(request, limit, from: cursor ?? 0).bytes)
    }

    /// A page of the user's jobs, or of those that others have opened.
    private func page(of request: Request, limit: Int = .max, after cursor: Int? = nil) -> JobPage {
        let isShared = request.query("shared") != nil
        return queue.page(of: request.user, isShared: isShared, limit: limit, after: cursor)
    }

    /// A page of the jobs that a request selects.
    ///
    /// - Parameter first: the number of jobs on the pages before.
    private func selection(
        _ request: Request, _ limit: Int, from first: Int
    ) throws(Problem) -> JobPage {
        var page = page(of: request)
        if let words = request.query("search")?.lowercased().split(separator: " ") {
            page.jobs.removeAll { snapshot in
                let name = snapshot.job.name.lowercased()
                return !words.allSatisfy { name.contains($0) }
            }
        }
        let states = try states(request, of: TrackState.allCases)
        page.jobs.removeAll { !states.contains($0.job.state) }
        try sort(&page.jobs, request)
        let found = page.jobs.count
        let part = page.jobs.dropFirst(max(0, first)).prefix(limit)
        return JobPage(
            jobs: Array(part), next: part.endIndex < found ? part.endIndex : nil, total: found,
            lastEvent: page.lastEvent)
    }

    private func sort(_ jobs: inout [JobSnapshot], _ request: Request) throws(Problem) {
        guard let text = request.query("sort") else { return }
        let isDescending = text.hasPrefix("-")
        guard let order = Order(rawValue: String(text.dropFirst(isDescending ? 1 : 0))) else {
            throw .option(
                "sort", value: text,
                expected: "one of " + Service.orders.joined(separator: ", ")
                    + ", or with a - before it for the opposite order")
        }
        switch order {
        case .created: jobs.reverse()
        case .name:
            // Each name is folded once.
            let names = jobs.map { $0.job.name.lowercased() }
            jobs = jobs.indices.sorted { (names[$0], $0) < (names[$1], $1) }.map { jobs[$0] }
        case .duration:
            jobs.sort { $0.job.durationSeconds ?? 0 < $1.job.durationSeconds ?? 0 }
        }
        if isDescending { jobs.reverse() }
    }

    /// The states that a request names; all those that it may name without any.
    private func states(
        _ request: Request, of allowed: [TrackState]
    ) throws(Problem) -> Set<TrackState> {
        guard let text = request.query("state") else { return Set(allowed) }
        var states: Set<TrackState> = []
        for name in text.split(separator: ",") {
            guard let state = allowed.first(where: { $0.rawValue == name }) else {
                throw .option(
                    "state", value: String(name),
                    expected: "one or more of " + allowed.map(\.rawValue).joined(separator: ", "))
            }
            states.insert(state)
        }
        if states.isEmpty { throw .option("state", value: text, expected: "the name of a state") }
        return states
    }

    /// A number in the query; nil without it.
    func number(
        _ request: Request, _ name: String, in range: ClosedRange<Int>, _ expected: String
    ) throws(Problem) -> Int? {
        guard let text = request.query(name) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw .option(name, value: text, expected: expected)
        }
        return number
    }

    func pageLimit(_ request: Request, in range: ClosedRange<Int>) throws(Problem) -> Int {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return try number(request, "limit", in: range, expected) ?? Service.pageJobs
    }

    /// Removes the user's jobs that have ended: those in some states, or all.
    func removeJobs(_ request: Request) throws -> Reply {
        let all = request.query("all")
        guard all == nil || all == "true", (all == nil) != (request.query("state") == nil) else {
            throw Problem(
                .invalidOption,
                "Name the states of the jobs to remove, 'state=failed,cancelled', or remove all that "
                    + "have ended by 'all=true'.")
        }
        let states = try states(request, of: TrackState.allCases.filter(\.isFinal))
        var removed = 0
        for job in queue.page(of: request.user).jobs.map(\.job) where states.contains(job.state) {
            try queue.remove(job.id)
            removed += 1
        }
        return .json(["removed": .integer(removed)])
    }

    func moveJob(_ request: Request) throws -> Reply {
        let id = try job(of: request).id
        let other = request.query("before")
        guard try queue.move(id, of: request.user, before: other) else {
            throw Problem(
                .conflict,
                "Only a job that waits can be moved, before another one of yours that waits. Load the "
                    + "list again.")
        }
        return .json(try snapshot(of: request).bytes)
    }

    /// Opens a job for all users (PUT), or takes it back (DELETE).
    func shareJob(_ request: Request) throws -> Reply {
        let job = try job(of: request)
        guard let isDone = try queue.share(job.id, request.method == "PUT") else {
            throw Service.noJob
        }
        guard isDone else {
            throw Problem(
                .conflict, "The job is \(job.state.rawValue), expected done, to be opened for all.")
        }
        return .json(try snapshot(of: request).bytes)
    }

    func deleteJob(_ request: Request) throws -> Reply {
        let id = try job(of: request).id
        guard let isRemoved = try queue.cancelOrRemove(id) else { throw Service.noJob }
        if isRemoved { return Reply(204) }
        // Cancelling a running job takes up to a segment.
        let deadline = clock.now() + 10
        _ = queue.waitForEnd(id) { clock.now() > deadline || request.isAbandoned }
        return .json(try snapshot(of: request).bytes)
    }
}
