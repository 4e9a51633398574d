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
    /// Streams of events of a user with a name. A client whose stream ends opens another one.
    package var streamsOfUser = 32
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
        /// A stream of events, which may be silent; of a user, if users have names.
        case events(user: String?, end: StreamEnd)
        /// Closed in favour of a newer one; its thread has not ended yet.
        case givenUp
    }

    private struct Entry {
        var phase: Phase
        /// The ``ClientAddress/key`` of the client; empty for a proxy's connection between two requests.
        var address: String
        /// Rises from connection to connection, and with a proxy's request and a stream of events.
        var number: Int
    }

    let limits: ServiceLimits
    /// Number of bytes that the client of a socket has received; nil if the system can't tell.
    private let countReceived: @Sendable (Int32) -> Int?
    private let clock: ServiceClock
    /// Addresses of the trusted proxies, as the system writes them.
    let proxies: Set<String>
    private let condition = Condition()
    private var entries: [Int32: Entry] = [:]
    private var lastNumber = 0
    private var nextRefusalLog = 0.0

    init(
        limits: ServiceLimits, clock: ServiceClock, proxies: Set<String>,
        countReceived: @escaping @Sendable (_ socket: Int32) -> Int?
    ) {
        self.limits = limits
        self.clock = clock
        self.proxies = proxies
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
    /// without a full request is given up: the oldest without a head, or else the oldest stream of events, or
    /// else the slowest upload.
    func opened(_ socket: Int32) {
        let address = ownAddress(of: socket)
        condition.withLock {
            entries[socket] = Entry(
                phase: .head(deadline: clock.now() + limits.headSeconds), address: address,
                number: 0)
            makeRoom(for: socket)
        }
    }

    /// Makes a connection the newest, and gives up another one if there are too many.
    private func makeRoom(for socket: Int32) {
        renew(socket)
        let worths = (entries[socket].flatMap(rivals) ?? [:]).compactMap { socket, entry in
            worth(of: entry).map { (worth: $0, socket: socket) }
        }
        if let least = worths.min(by: { $0.worth < $1.worth }) { giveUp(least.socket) }
    }

    private func giveUp(_ socket: Int32) {
        if case .events(_, let end) = entries[socket]?.phase { end.end() }
        entries[socket]?.phase = .givenUp
        shutdown(socket, Int32(SHUT_RDWR))
    }

    /// A connection with the least worth is given up: by its phase, and among those of a phase by age, uploads
    /// by their rate. An upload that has just begun gets time to become fast. Nil for one that is never given up.
    private func worth(of entry: Entry) -> (phase: Int, Double)? {
        switch entry.phase {
        case .head: return (0, Double(entry.number))
        case .events: return (1, Double(entry.number))
        case .body(let since, let bytes):
            let firstBytes = limits.headSeconds * limits.bytesPerSecond
            return (2, (Double(bytes) + firstBytes) / max(clock.now() - since, 1e-3))
        case .work, .reply, .givenUp: return nil
        }
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
        let ofAddress = older.filter { $0.value.address == own.address && !own.address.isEmpty }
        if ofAddress.count >= limits.connectionsOfAddress { return ofAddress }
        return older.count >= limits.connections ? older : nil
    }

    /// The address of a connection itself; empty for a proxy, and if the system can't tell.
    private func ownAddress(of socket: Int32) -> String {
        ClientAddress(of: socket).flatMap { proxies.contains($0.text) ? nil : $0.key } ?? ""
    }

    /// Notes whose request a proxy's connection has, and makes room for it as for a new connection.
    func belongs(_ socket: Int32, to client: ClientAddress) {
        // A proxy that names no client has no limit of its own.
        let key = proxies.contains(client.text) ? "" : client.key
        condition.withLock {
            guard let address = entries[socket]?.address, address != key else { return }
            entries[socket]?.address = key
            makeRoom(for: socket)
        }
    }

    private func renew(_ socket: Int32) {
        lastNumber += 1
        entries[socket]?.number = lastNumber
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

    func replyBegan(_ socket: Int32) {
        set(socket, .reply(since: clock.now(), bytes: countReceived(socket) ?? 0))
    }

    /// Notes that the reply is a stream of events. If the user has too many, the oldest one ends.
    func streamBegan(_ socket: Int32, of user: String?, end: StreamEnd) {
        set(socket, .events(user: user, end: end))
        guard let user else { return }
        condition.withLock {
            renew(socket)
            let own = entries.filter { _, entry in
                if case .events(user, _) = entry.phase { true } else { false }
            }
            guard own.count > limits.streamsOfUser else { return }
            own.min { $0.value.number < $1.value.number }.map { giveUp($0.key) }
        }
    }

    /// Waits for the next head: the connection may be idle as long as the library allows, and then
    /// needs a head.
    func requestEnded(_ socket: Int32) {
        set(socket, .head(deadline: clock.now() + Double(limits.idleSeconds) + limits.headSeconds))
        if proxies.isEmpty { return }
        let address = ownAddress(of: socket)
        condition.withLock { entries[socket]?.address = address }
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
