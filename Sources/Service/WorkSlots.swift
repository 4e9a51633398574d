// Limits the work of requests outside the queue: checks of uploads, mixes, conversions, waveforms.

import Synchronization
import System

/// A semaphore for the work of requests, which get their turns in their order. Work with the same
/// key never runs twice at once.
final class WorkSlots: @unchecked Sendable {
    // @unchecked: the condition guards everything that changes and is not atomic.

    private let count: Int
    private let condition = Condition()
    private var underWay: Set<String> = []
    private var waiting: [(ticket: Int, key: String)] = []
    private var lastTicket = 0
    private let isClosing = Atomic(false)

    /// - Parameter count: requests that may work at once.
    init(count: Int) { self.count = count }

    /// Waits for a slot and works in it.
    ///
    /// - Parameter key: name of the work.
    /// - Throws: the errors of ``check(_:)`` and of `body`.
    func run<Value>(
        _ key: String, for request: Request, _ body: () throws -> Value
    ) throws -> Value {
        try condition.withLock {
            lastTicket += 1
            let ticket = lastTicket
            waiting.append((ticket, key))
            defer {
                waiting.removeAll { $0.ticket == ticket }
                condition.broadcast()
            }
            while next != ticket {
                try check(request)
                condition.wait()
            }
            underWay.insert(key)
        }
        defer {
            condition.withLock {
                underWay.remove(key)
                condition.broadcast()
            }
        }
        return try body()
    }

    /// Ticket of the request whose turn it is; nil if all slots are taken.
    private var next: Int? {
        underWay.count < count ? waiting.first { !underWay.contains($0.key) }?.ticket : nil
    }

    /// Whether the work of a request is in vain.
    func isOver(_ request: Request) -> Bool {
        isClosing.load(ordering: .relaxed) || request.isAbandoned
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
        condition.withLock { if !underWay.contains(key) { action() } }
    }

    /// Wakes waiting requests, so that they check whether their clients are connected.
    func tick() { condition.withLock { condition.broadcast() } }

    /// Ends waiting requests and those at work.
    func close() {
        isClosing.store(true, ordering: .relaxed)
        tick()
    }
}
