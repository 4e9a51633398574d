// Events about jobs for clients, with ids, so that a client that reconnects misses none.

import Synchronization
import System

enum EventContent: Sendable {
    case job(JobSnapshot)
    /// A job of another user, which is open for all.
    case shared(JobSnapshot)
    /// The job with this id was removed.
    case removed(String)
    /// The sets of the user, or those that others have opened, have changed.
    case sets
    /// The present state follows: everything that the client knows is outdated.
    case state(total: Int, cursor: JSON)

    /// The id of the job that the event is about; nil for none.
    fileprivate var job: String? {
        switch self {
        case .job(let snapshot), .shared(let snapshot): snapshot.job.id
        case .removed(let id): id
        case .sets, .state: nil
        }
    }

    private var parts: (name: String, data: [UInt8]) {
        switch self {
        case .job(let snapshot): ("job", snapshot.bytes)
        case .shared(let snapshot): ("shared", snapshot.bytes)
        case .removed(let id): ("removed", JSON.object(["id": .text(id)]).bytes)
        case .sets: ("sets", JSON.object([:]).bytes)
        case .state(let total, let cursor):
            ("state", JSON.object(["total": .integer(total), "next": cursor]).bytes)
        }
    }

    /// The event in the format of server-sent events, in pieces: the JSON of a job is shared by all
    /// streams.
    ///
    /// - Parameter id: nil for an event that a client may miss when it reconnects.
    func pieces(id: Int?) -> [ArraySlice<UInt8>] {
        let (name, data) = parts
        let head = (id.map { "id: \($0)\n" } ?? "") + "event: \(name)\ndata: "
        return [ArraySlice(head.utf8), data[...], [10, 10]]
    }
}

/// The latest events of each user, and the streams that wait for the next.
final class EventLog: @unchecked Sendable {
    // @unchecked: everything that changes is guarded by the condition.

    struct Event: Sendable {
        let id: Int
        let content: EventContent
    }

    let clock: ServiceClock
    private let users: Set<String?>
    private let condition = Condition()
    private var logs: [String?: UserLog] = [:]
    /// The id before a user's first event. Ids keep rising after a restart of the service.
    private let firstID = Int(Timestamp.now * 1000)
    private var isClosed = false

    init(_ clock: ServiceClock, users: Set<String?>) {
        self.clock = clock
        self.users = users
    }

    func lastID(of owner: String?) -> Int { condition.withLock { log(of: owner).last } }

    private func log(of owner: String?) -> UserLog { logs[owner] ?? UserLog(last: firstID) }

    /// Passes an event about a job or a set to the streams of its owner, or to those of all other users.
    func publish(_ content: EventContent, of record: some OwnedRecord, toOthers: Bool = false) {
        condition.withLock {
            for user in toOthers ? users.subtracting([record.owner]) : [record.owner] {
                logs[user, default: UserLog(last: firstID)].append(content)
            }
            condition.broadcast()
        }
    }

    /// Ends all streams.
    func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }

    /// Has all streams look whether they have been ended.
    func wake() { condition.withLock { condition.broadcast() } }

    /// The next bytes of a stream.
    enum News {
        /// Events, up to the id `last`; none if the deadline has come.
        case events([Event], last: Int)
        /// Some of the events are no longer kept: the present state replaces them.
        case trimmed
        case closed
    }

    /// Waits for a user's events after `id`, or for the deadline.
    ///
    /// - Parameters:
    ///   - job: the id of their job; nil for all jobs.
    ///   - end: the end of their stream.
    func next(
        after id: Int, of owner: String?, job: String?, deadline: Double, until end: StreamEnd
    ) -> News {
        condition.withLock {
            var id = id
            while true {
                if isClosed || end.isOver { return .closed }
                do {
                    // Not kept during the wait: a new event would copy the log.
                    let log = log(of: owner)
                    if !log.keeps(id) { return .trimmed }
                    let found = log.events(after: id).filter { job == nil || job == $0.content.job }
                    if !found.isEmpty || clock.now() >= deadline {
                        return .events(found, last: log.last)
                    }
                    id = log.last
                }
                clock.wait(condition, deadline)
            }
        }
    }

    /// The latest events about one user's jobs.
    private struct UserLog {
        private(set) var last: Int
        /// The kept events; their ids are consecutive.
        private var kept: [Event] = []

        /// Number of events kept for clients that reconnect.
        private static let mostKept = 4096

        init(last: Int) { self.last = last }

        mutating func append(_ content: EventContent) {
            last += 1
            kept.append(Event(id: last, content: content))
            if kept.count > UserLog.mostKept { kept.removeFirst(UserLog.mostKept / 4) }
        }

        /// Whether all events after `id` are kept.
        func keeps(_ id: Int) -> Bool { id <= last && id >= (kept.first?.id ?? last + 1) - 1 }

        /// The events after `id`, which are kept.
        func events(after id: Int) -> ArraySlice<Event> {
            kept[(id + 1 - (kept.first?.id ?? id + 1))...]
        }
    }
}

/// The end of a stream by another thread than its own. A closed connection alone would not wake one that waits.
final class StreamEnd: Sendable {
    private let flag = Atomic(false)
    private let log: EventLog

    fileprivate init(_ log: EventLog) { self.log = log }

    var isOver: Bool { flag.load(ordering: .relaxed) }

    func end() {
        flag.store(true, ordering: .relaxed)
        log.wake()
    }
}

final class EventStream: ByteStream {
    let end: StreamEnd
    /// The present state as events, and the id of the last event that it includes.
    typealias State = () -> (events: [EventContent], lastEvent: Int)

    private let log: EventLog
    private let owner, job: String?
    private let state: State
    private var cursor: Int
    /// The bytes to send next, in pieces whose memory other streams share.
    private var pending: ArraySlice = [ArraySlice("retry: 2000\n\n".utf8)]
    private var lastSent: Double

    /// Time without events after which a comment is sent, to detect a closed connection.
    private static let heartbeatSeconds = 10
    /// Two heartbeats, because one may be late on a busy machine.
    let silenceSeconds = 2 * EventStream.heartbeatSeconds

    /// - Parameters:
    ///   - job: the id of the events' job; nil for all jobs of the owner.
    ///   - cursor: id of the last event that the client has received. The stream begins with the present
    ///     state without it, and if later events are no longer kept.
    init(
        _ log: EventLog, of owner: String?, job: String?, after cursor: Int?, state: @escaping State
    ) {
        self.log = log
        end = StreamEnd(log)
        self.owner = owner
        self.job = job
        self.state = state
        self.cursor = cursor ?? 0
        lastSent = log.clock.now()
    }

    private func addState() {
        let (events, lastEvent) = state()
        for (index, event) in events.enumerated() {
            // Only the end of the state has the id: a client whose connection breaks before the end
            // gets the whole state again.
            pending += event.pieces(id: index == events.count - 1 ? lastEvent : nil)
        }
        cursor = lastEvent
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        if pending.isEmpty {
            let deadline = lastSent + Double(EventStream.heartbeatSeconds)
            switch log.next(
                after: cursor, of: owner, job: job, deadline: deadline, until: end)
            {
            case .closed: return nil
            case .trimmed: addState()
            case .events(let events, let last):
                for event in events { pending += event.content.pieces(id: event.id) }
                cursor = last
            }
            if pending.isEmpty { pending = [ArraySlice(": still here\n\n".utf8)] }
        }
        var rest = buffer[...]
        while !rest.isEmpty, let piece = pending.first {
            let part = piece.prefix(rest.count)
            UnsafeMutableRawBufferPointer(rebasing: rest).copyBytes(from: part)
            rest = rest.dropFirst(part.count)
            pending[pending.startIndex] = piece.dropFirst(part.count)
            if part.count == piece.count { pending.removeFirst() }
        }
        // Frees the pieces that were sent.
        if pending.isEmpty { pending = [] }
        lastSent = log.clock.now()
        return buffer.count - rest.count
    }
}
