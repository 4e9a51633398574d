// Connections and their deadlines. The library's own timeout only limits silence: a client that
// sends a byte now and then could keep a connection open for ever.

import System

/// Limits for clients.
package struct ServiceLimits: Sendable {
    package var bodyBytes = 4 << 30
    /// Longest decoded sound.
    package var seconds = 4 * 3600.0
    package var channels = 8
    package var sampleRateHz = 384_000
    /// Most jobs in the queue.
    package var queue = 100
    /// Most finished jobs; older ones are removed.
    package var finished = 10_000
    /// Most work of a job, as a multiple of the default options' work for the same sound and model.
    package var work = 20
    /// Requests that may compute at once, outside the queue.
    package var workSlots = countAvailableCores()
    package var connections = 4096
    /// Memory of a connection, which limits the head of a request.
    package var headerBytes = 32 << 10
    /// Idle time after which a connection is closed.
    package var idleSeconds = 30
    /// Longest time from the beginning of a connection to the end of a request's head.
    package var headSeconds = 10.0
    /// Lowest rate of an upload, checked from ``headSeconds`` after its beginning on, and of a reply,
    /// checked every ``idleSeconds``.
    package var bytesPerSecond = 1_000.0

    package init() {}
}

/// All open connections, by their sockets.
final class ConnectionTable: @unchecked Sendable {
    // @unchecked: the condition guards everything that changes.

    private enum Phase {
        /// Waiting for the head of a request, until the deadline.
        case head(deadline: Double)
        case body(since: Double, bytes: Int)
        /// A handler makes the reply.
        case work
        /// A reply is being sent; since a time, when the client had received so many bytes.
        case reply(since: Double, bytes: Int)
        /// A stream of events, which may be silent.
        case events
    }

    let limits: ServiceLimits
    /// Number of bytes that the client of a socket has received; nil if the system can't tell.
    private let countReceived: @Sendable (Int32) -> Int?
    private let clock: ServiceClock
    private let condition = Condition()
    private var phases: [Int32: Phase] = [:]

    init(
        limits: ServiceLimits, clock: ServiceClock,
        countReceived: @escaping @Sendable (_ socket: Int32) -> Int?
    ) {
        self.limits = limits
        self.clock = clock
        self.countReceived = countReceived
    }

    var count: Int { condition.withLock { phases.count } }

    /// Waits until every reply is sent, but not longer than `seconds`.
    func waitForReplies(atMost seconds: Double) {
        let deadline = Timestamp.uptime + seconds
        condition.withLock {
            while isReplying, Timestamp.uptime < deadline {
                condition.wait(atMost: deadline - Timestamp.uptime)
            }
        }
    }

    /// Whether there is a request whose reply is not sent yet.
    private var isReplying: Bool {
        phases.values.contains { phase in
            switch phase {
            case .work, .reply, .events: true
            case .head, .body: false
            }
        }
    }

    func opened(_ socket: Int32) {
        set(socket, .head(deadline: clock.now() + limits.headSeconds))
    }

    func requestBegan(_ socket: Int32, hasBody: Bool) {
        set(socket, hasBody ? .body(since: clock.now(), bytes: 0) : .work)
    }

    func received(_ socket: Int32, _ count: Int) {
        condition.withLock {
            guard case .body(let since, let bytes) = phases[socket] else { return }
            phases[socket] = .body(since: since, bytes: bytes + count)
        }
    }

    func bodyEnded(_ socket: Int32) { set(socket, .work) }

    func replyBegan(_ socket: Int32, isEvents: Bool) {
        set(
            socket,
            isEvents
                ? .events : .reply(since: clock.now(), bytes: countReceived(socket) ?? 0))
    }

    /// Waits for the next head: the connection may be idle as long as the library allows, and then
    /// needs a head.
    func requestEnded(_ socket: Int32) {
        set(
            socket,
            .head(
                deadline: clock.now() + Double(limits.idleSeconds) + limits.headSeconds))
    }

    func closed(_ socket: Int32) {
        condition.withLock {
            phases[socket] = nil
            condition.broadcast()
        }
    }

    /// Closes connections that are past their deadline or too slow.
    func closeLate() {
        let now = clock.now()
        condition.withLock {
            for (socket, phase) in phases {
                let isLate =
                    switch phase {
                    case .head(let deadline): now > deadline
                    case .body(let since, let bytes):
                        now - since > limits.headSeconds
                            && Double(bytes) < (now - since) * limits.bytesPerSecond
                    case .reply(let since, let bytes):
                        now - since > Double(limits.idleSeconds)
                            && isSlow(socket, since: since, bytes, now)
                    case .work, .events: false
                    }
                // Under the lock: the library closes a socket only after it was removed from the
                // table.
                if isLate { shutdown(socket, Int32(SHUT_RDWR)) }
            }
        }
    }

    /// Whether a client has received too little of a reply since a time; if not, the next period
    /// begins.
    private func isSlow(
        _ socket: Int32, since: Double, _ bytes: Int, _ now: Double
    ) -> Bool {
        guard let received = countReceived(socket) else { return false }
        if Double(received - bytes) < (now - since) * limits.bytesPerSecond { return true }
        phases[socket] = .reply(since: now, bytes: received)
        return false
    }

    private func set(_ socket: Int32, _ phase: Phase) {
        condition.withLock {
            phases[socket] = phase
            condition.broadcast()
        }
    }
}
