// Events about jobs for clients, with ids, so that a client that reconnects misses none.

import Tensor

/// The latest events, and the streams that wait for the next.
final class EventHub: @unchecked Sendable {
    // @unchecked: everything that changes is guarded by the condition.

    struct Event: Sendable {
        let id: Int
        let job: String
        /// The text that is sent.
        let text: [UInt8]
    }

    private let condition = Condition()
    private var events: [Event] = []
    private var last: Int
    private var isClosed = false

    /// Number of events kept for clients that reconnect.
    private static let keptEvents = 4096

    init() {
        // Ids keep rising after a restart of the service.
        last = Int(Timestamp.now * 1000)
    }

    var lastID: Int { condition.withLock { last } }

    func publish(_ name: String, job: String, _ data: JSON) {
        condition.withLock {
            last += 1
            events.append(Event(id: last, job: job, text: EventHub.text(name, id: last, data)))
            if events.count > EventHub.keptEvents { events.removeFirst(EventHub.keptEvents / 4) }
            condition.broadcast()
        }
    }

    /// Wakes all streams, so that they check their deadlines.
    func tick() { condition.withLock { condition.broadcast() } }

    /// Ends all streams.
    func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }

    /// The events after `id`; nil if some of them are no longer kept.
    func events(after id: Int, job: String?) -> [Event]? {
        condition.withLock {
            guard id <= last, id >= (events.first?.id ?? last + 1) - 1 else { return nil }
            return newer(id, job)
        }
    }

    /// Waits for events after `id`, or for the deadline.
    ///
    /// - Returns: nil once the hub is closed.
    func next(after id: Int, job: String?, deadline: Double) -> [Event]? {
        condition.withLock {
            while true {
                if isClosed { return nil }
                let found = newer(id, job)
                if !found.isEmpty || Timestamp.uptime >= deadline { return found }
                condition.wait()
            }
        }
    }

    private func newer(_ id: Int, _ job: String?) -> [Event] {
        let first = events.firstIndex { $0.id > id } ?? events.endIndex
        return events[first...].filter { job == nil || $0.job == job }
    }

    /// The text of an event in the format of server-sent events.
    static func text(_ name: String, id: Int, _ data: JSON) -> [UInt8] {
        Array("id: \(id)\nevent: \(name)\ndata: ".utf8) + data.bytes + [10, 10]
    }
}

/// The stream of events for one client.
final class EventStream: ByteStream {
    private let hub: EventHub
    private let job: String?
    private var cursor: Int
    private var pending: [UInt8]
    private var lastSent = Timestamp.uptime

    /// Time without events after which a comment is sent, to detect a closed connection.
    private static let heartbeatSeconds = 10.0

    /// - Parameters:
    ///   - job: id of the job whose events are sent; nil for all jobs.
    ///   - cursor: id of the last event that the client has received.
    ///   - beginning: bytes to send first.
    init(_ hub: EventHub, job: String?, after cursor: Int, beginning: [UInt8]) {
        self.hub = hub
        self.job = job
        self.cursor = cursor
        pending = Array("retry: 2000\n\n".utf8) + beginning
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        if pending.isEmpty {
            let deadline = lastSent + EventStream.heartbeatSeconds
            guard let events = hub.next(after: cursor, job: job, deadline: deadline) else {
                return nil
            }
            for event in events { pending += event.text }
            cursor = events.last?.id ?? cursor
            if events.isEmpty { pending = Array(": still here\n\n".utf8) }
        }
        let count = min(buffer.count, pending.count)
        pending.withUnsafeBytes {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count]))
        }
        pending.removeFirst(count)
        lastSent = Timestamp.uptime
        return count
    }
}
