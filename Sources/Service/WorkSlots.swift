// Limits the work of requests outside the queue: checks of uploads, mixes, conversions, waveforms.

import Synchronization
import System

/// A semaphore for the work of requests. Users take turns, and each user's requests keep their order.
/// Work with the same key never runs twice at once.
final class WorkSlots: @unchecked Sendable {
    // @unchecked: the condition guards everything that changes and is not atomic.

    private struct Work {
        let ticket: Int
        let key: String
        let user: String
        let isUpload: Bool
    }

    /// Slots for all work; uploads may take one more.
    private let count: Int
    private let condition = Condition()
    private var underWay: [String: Work] = [:]
    private var waiting: [Work] = []
    /// Ticket of the request whose turn it is; nil if it has to wait for a slot or a key.
    private var next: Int?
    private var lastTicket = 0
    /// The number of the last turn of each user with work.
    private var turns: [String: Int] = [:]
    private var lastTurn = 0
    private let isClosing = Atomic(false)

    /// Most different works that a user may have waiting.
    private static let mostWaiting = 16

    /// - Parameter count: requests that may work at once, besides an upload.
    init(count: Int) { self.count = count }

    /// Waits for a slot and works in it.
    ///
    /// - Parameters:
    ///   - key: name of the work.
    ///   - isUpload: whether it checks an upload, for which a slot is kept.
    /// - Throws: `Problem` if the user has too much work waiting; the errors of ``check(_:)`` and of
    ///   `body`.
    func run<Value>(
        _ key: String, isUpload: Bool = false, for request: Request, _ body: () throws -> Value
    ) throws -> Value {
        try condition.withLock {
            lastTicket += 1
            let work = Work(ticket: lastTicket, key: key, user: request.turnKey, isUpload: isUpload)
            try checkRoom(for: work)
            waiting.append(work)
            choose()
            defer {
                waiting.removeAll { $0.ticket == work.ticket }
                choose()
            }
            while next != work.ticket {
                try check(request)
                condition.wait()
            }
            lastTurn += 1
            turns[work.user] = lastTurn
            underWay[key] = work
        }
        defer {
            condition.withLock {
                underWay[key] = nil
                choose()
            }
        }
        return try body()
    }

    private func checkRoom(for work: Work) throws(Problem) {
        let keys = Set(waiting.lazy.filter { $0.user == work.user }.map(\.key))
        guard keys.count < WorkSlots.mostWaiting || keys.contains(work.key) else {
            throw Problem(
                .tooManyRequests,
                "\(keys.count) requests of yours wait for their turn. Try again when some are done."
            )
        }
    }

    /// Sets ``next`` to the work of the user with the least work under way, and among these to that of
    /// the user whose last turn was the longest ago.
    private func choose() {
        var busy: [String: Int] = [:]
        for work in waiting { busy[work.user] = 0 }
        for work in underWay.values { busy[work.user, default: 0] += 1 }
        turns = turns.filter { busy[$0.key] != nil }
        let hasSlot = underWay.values.count { !$0.isUpload } < count && underWay.count <= count
        func rank(_ work: Work) -> (Int, Int, Int) {
            (busy[work.user] ?? 0, turns[work.user] ?? 0, work.ticket)
        }
        next =
            waiting.filter { work in
                underWay[work.key] == nil && (hasSlot || work.isUpload && underWay.count <= count)
            }.min { rank($0) < rank($1) }?.ticket
        condition.broadcast()
    }

    /// - Throws: `Problem` if the service is ending, `CancellationError` if the client has gone.
    func check(_ request: Request) throws {
        if isClosing.load(ordering: .relaxed) {
            throw Problem(.busy, "The service is ending. Try again later.")
        }
        if request.isAbandoned { throw CancellationError() }
    }

    /// Runs a short action unless work with the key is under way, which can't begin meanwhile.
    func unlessUnderWay(_ key: String, _ action: () -> Void) {
        condition.withLock { if underWay[key] == nil { action() } }
    }

    /// Wakes waiting requests, so that they check whether their clients are connected.
    func tick() { condition.withLock { condition.broadcast() } }

    /// Ends waiting requests and those at work.
    func close() {
        isClosing.store(true, ordering: .relaxed)
        tick()
    }
}
