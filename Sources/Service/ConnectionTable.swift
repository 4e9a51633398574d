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
    /// Connections of a client's address.
    package var connectionsOfAddress = 256
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
        /// Closed in favour of a newer one; its thread has not ended yet.
        case givenUp
    }

    private struct Entry {
        var phase: Phase
        let address: String
        /// Rises from connection to connection.
        let number: Int
    }

    let limits: ServiceLimits
    /// Number of bytes that the client of a socket has received; nil if the system can't tell.
    private let countReceived: @Sendable (Int32) -> Int?
    private let clock: ServiceClock
    private let condition = Condition()
    private var entries: [Int32: Entry] = [:]
    private var lastNumber = 0
    private var nextRefusalLog = 0.0

    init(
        limits: ServiceLimits, clock: ServiceClock,
        countReceived: @escaping @Sendable (_ socket: Int32) -> Int?
    ) {
        self.limits = limits
        self.clock = clock
        self.countReceived = countReceived
    }

    var count: Int { condition.withLock { entries.count } }

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
        entries.values.contains { entry in
            switch entry.phase {
            case .work, .reply, .events: true
            case .head, .body, .givenUp: false
            }
        }
    }

    /// Takes a new connection. If there are too many of its address, or too many at all, one of them
    /// without a full request is given up: the oldest without a head, or else the slowest upload.
    func opened(_ socket: Int32) {
        let address = ConnectionTable.address(of: socket)
        condition.withLock {
            lastNumber += 1
            let own = Entry(
                phase: .head(deadline: clock.now() + limits.headSeconds), address: address,
                number: lastNumber)
            entries[socket] = own
            guard let rivals = rivals(of: own) else { return }
            let found = rivals.min { worth(of: $0.value) < worth(of: $1.value) }
            guard let found, worth(of: found.value) < .infinity else { return }
            entries[found.key]?.phase = .givenUp
            shutdown(found.key, Int32(SHUT_RDWR))
        }
    }

    /// A connection with the least worth is given up: first by age, then by the rate of its upload. One that
    /// has just begun gets time to become fast.
    private func worth(of entry: Entry) -> Double {
        if case .head = entry.phase { return -1 / Double(entry.number) }
        guard case .body(let since, let bytes) = entry.phase else { return .infinity }
        let firstBytes = limits.headSeconds * limits.bytesPerSecond
        return (Double(bytes) + firstBytes) / max(clock.now() - since, 1e-3)
    }

    /// Whether to log a refusal for too many connections: one a minute.
    func isRefusalLogged() -> Bool {
        condition.withLock {
            let isDue = clock.now() >= nextRefusalLog
            if isDue { nextRefusalLog = clock.now() + 60 }
            return isDue
        }
    }

    /// Whether older connections have all places of the service, or of the client's address.
    func isBeyondLimits(_ socket: Int32) -> Bool {
        condition.withLock { entries[socket].flatMap(rivals) != nil }
    }

    /// The older connections that have all places of an address, or of the service; nil if they don't.
    private func rivals(of own: Entry) -> [Int32: Entry]? {
        guard entries.count > min(limits.connectionsOfAddress, limits.connections) else {
            return nil
        }
        let older = entries.filter { _, entry in
            if case .givenUp = entry.phase { return false }
            return entry.number < own.number
        }
        let ofAddress = older.filter { $0.value.address == own.address }
        if ofAddress.count >= limits.connectionsOfAddress { return ofAddress }
        return older.count >= limits.connections ? older : nil
    }

    /// The bytes of the client's address; empty if the system can't tell.
    static func address(of socket: Int32) -> String {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &storage) { bytes in
            let name = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            guard getpeername(socket, name, &size) == 0 else { return "" }
            // The addresses in `sockaddr_in` and `sockaddr_in6`.
            let range = Int32(name.pointee.sa_family) == AF_INET6 ? 8..<24 : 4..<8
            return bytes[range].map { "\($0)" }.joined(separator: ".")
        }
    }

    func requestBegan(_ socket: Int32, hasBody: Bool) {
        set(socket, hasBody ? .body(since: clock.now(), bytes: 0) : .work)
    }

    func received(_ socket: Int32, _ count: Int) {
        condition.withLock {
            guard case .body(let since, let bytes) = entries[socket]?.phase else { return }
            entries[socket]?.phase = .body(since: since, bytes: bytes + count)
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
        set(socket, .head(deadline: clock.now() + Double(limits.idleSeconds) + limits.headSeconds))
    }

    func closed(_ socket: Int32) {
        condition.withLock {
            entries[socket] = nil
            condition.broadcast()
        }
    }

    /// Closes connections that are past their deadline or too slow.
    func closeLate() {
        let now = clock.now()
        condition.withLock {
            for (socket, entry) in entries {
                let isLate =
                    switch entry.phase {
                    case .head(let deadline): now > deadline
                    case .body(let since, let bytes):
                        now - since > limits.headSeconds
                            && Double(bytes) < (now - since) * limits.bytesPerSecond
                    case .reply(let since, let bytes):
                        now - since > Double(limits.idleSeconds)
                            && isSlow(socket, since: since, bytes, now)
                    case .work, .events, .givenUp: false
                    }
                // Under the lock: the library closes a socket only after it was removed from the
                // table.
                if isLate { shutdown(socket, Int32(SHUT_RDWR)) }
            }
        }
    }

    /// Whether a client has received too little of a reply since a time; if not, the next period
    /// begins.
    private func isSlow(_ socket: Int32, since: Double, _ bytes: Int, _ now: Double) -> Bool {
        guard let received = countReceived(socket) else { return false }
        if Double(received - bytes) < (now - since) * limits.bytesPerSecond { return true }
        entries[socket]?.phase = .reply(since: now, bytes: received)
        return false
    }

    private func set(_ socket: Int32, _ phase: Phase) {
        condition.withLock {
            if case .givenUp = entries[socket]?.phase { return }
            entries[socket]?.phase = phase
            condition.broadcast()
        }
    }
}
