// Connections and their deadlines. The library's own timeout only limits silence: a client that
// sends a byte now and then could keep a connection open for ever.

import LibC
import Synchronization

/// Limits for clients.
package struct ServiceLimits: Sendable {
    package var bodyBytes = 4 << 30
    /// Longest decoded sound.
    package var seconds = 4 * 3600.0
    package var channels = 8
    package var sampleRateHz = 384_000
    /// Most jobs in the queue.
    package var queue = 100
    package var connections = 4096
    /// Memory of a connection, which limits the head of a request.
    package var headerBytes = 32 << 10
    /// Idle time after which a connection is closed.
    package var idleSeconds = 30
    /// Longest time from the beginning of a connection to the end of a request's head.
    package var headSeconds = 10.0
    /// Lowest rate of an upload, checked from ``headSeconds`` after its beginning on.
    package var bytesPerSecond = 1_000.0

    package init() {}
}

/// All open connections, by their sockets.
final class ConnectionTable: Sendable {
    private enum Phase {
        /// Waiting for the head of a request, until the deadline.
        case head(deadline: Double)
        case body(since: Double, bytes: Int)
        case reply
    }

    let limits: ServiceLimits
    private let phases = Mutex<[Int32: Phase]>([:])

    init(limits: ServiceLimits) { self.limits = limits }

    var count: Int { phases.withLock { $0.count } }

    /// Connections with a request whose reply is not sent yet.
    var replying: Int {
        phases.withLock { phases in
            phases.values.count { phase in
                if case .reply = phase { true } else { false }
            }
        }
    }

    func opened(_ socket: Int32) {
        set(socket, .head(deadline: Timestamp.uptime + limits.headSeconds))
    }

    func requestBegan(_ socket: Int32, hasBody: Bool) {
        set(socket, hasBody ? .body(since: Timestamp.uptime, bytes: 0) : .reply)
    }

    func received(_ socket: Int32, _ count: Int) {
        phases.withLock { phases in
            guard case .body(let since, let bytes) = phases[socket] else { return }
            phases[socket] = .body(since: since, bytes: bytes + count)
        }
    }

    func bodyEnded(_ socket: Int32) { set(socket, .reply) }

    /// Waits for the next head: the connection may be idle as long as the library allows, and then
    /// needs a head.
    func requestEnded(_ socket: Int32) {
        set(
            socket,
            .head(
                deadline: Timestamp.uptime + Double(limits.idleSeconds) + limits.headSeconds))
    }

    func closed(_ socket: Int32) { phases.withLock { $0[socket] = nil } }

    /// Closes connections that are past their deadline or too slow.
    func closeLate() {
        let now = Timestamp.uptime
        phases.withLock { phases in
            for (socket, phase) in phases {
                let isLate =
                    switch phase {
                    case .head(let deadline): now > deadline
                    case .body(let since, let bytes):
                        now - since > limits.headSeconds
                            && Double(bytes) < (now - since) * limits.bytesPerSecond
                    case .reply: false
                    }
                // Under the lock: the library closes a socket only after it was removed from the
                // table.
                if isLate { shutdown(socket, Int32(SHUT_RDWR)) }
            }
        }
    }

    private func set(_ socket: Int32, _ phase: Phase) {
        phases.withLock { $0[socket] = phase }
    }
}
