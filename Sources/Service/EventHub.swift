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

    /// Whether all events after `id` are kept.
    func isKept(after id: Int) -> Bool { condition.withLock { keeps(id) } }

    /// What a stream sends next.
    enum News {
        /// Events, up to the id `last`; none if the deadline has come.
        case events([Event], last: Int)
        /// Some of the events are no longer kept: the present state replaces them.
        case trimmed
        case closed
    }

    /// Waits for events after `id`, or for the deadline.
    func next(after id: Int, job: String?, deadline: Double) -> News {
        condition.withLock {
            while true {
                if isClosed { return .closed }
                if !keeps(id) { return .trimmed }
                let found = newer(id, job)
                if !found.isEmpty || Timestamp.uptime >= deadline {
                    return .events(found, last: last)
                }
                condition.wait()
            }
        }
    }

    private func keeps(_ id: Int) -> Bool {
        id <= last && id >= (events.first?.id ?? last + 1) - 1
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
    /// The present state of the stream's jobs, and the id of the last event that it includes.
    typealias State = () -> (jobs: [JSON], lastEvent: Int)

    private let hub: EventHub
    private let job: String?
    private let state: State
    private var cursor: Int
    private var pending = Array("retry: 2000\n\n".utf8)
    private var lastSent = Timestamp.uptime

    /// Time without events after which a comment is sent, to detect a closed connection.
    private static let heartbeatSeconds = 10
    /// Two heartbeats, because one may be late on a busy machine.
    let silenceSeconds = 2 * EventStream.heartbeatSeconds

    /// - Parameters:
    ///   - job: id of the job whose events are sent; nil for all jobs.
    ///   - cursor: id of the last event that the client has received; nil to begin with the present
    ///     state.
    init(_ hub: EventHub, job: String?, after cursor: Int?, state: @escaping State) {
        self.hub = hub
        self.job = job
        self.state = state
        self.cursor = cursor ?? 0
        if cursor.map({ hub.isKept(after: $0) }) != true { addState() }
    }

    private func addState() {
        let (jobs, lastEvent) = state()
        for job in jobs { pending += EventHub.text("job", id: lastEvent, job) }
        cursor = lastEvent
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        if pending.isEmpty {
            let deadline = lastSent + Double(EventStream.heartbeatSeconds)
            switch hub.next(after: cursor, job: job, deadline: deadline) {
            case .closed: return nil
            case .trimmed: addState()
            case .events(let events, let last):
                for event in events { pending += event.text }
                cursor = last
            }
            if pending.isEmpty { pending = Array(": still here\n\n".utf8) }
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
