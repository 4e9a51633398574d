// Sets: orders of songs, with a key and a speed for each.

import Runs
import Synchronization
import System

struct SongSet: OwnedRecord {
    static let currentVersion = 1

    var version = currentVersion
    var id: String
    /// What the client has given: ``contentSchema``.
    let content: JSON
    let owner: String?
    var isShared = false

    var isPlausible: Bool { SongSet.contentSchema.violation(of: content) == nil }

    private static let mostSongs = 200

    static let contentSchema = JSONSchema.fields(contentFields)

    private static let contentFields: [String: JSONSchema] = [
        "name": .shortText,
        "songs": .list(
            of: .fields([
                "id": .jobID.about("A job, which may be there several times."),
                "semitones": .number.with(["minimum": -12, "maximum": 12]),
                "speed": .number.with(["minimum": 0.25, "maximum": 1.5]),
            ])
        ).with(["maxItems": .integer(mostSongs)]),
    ]

    func json(for user: String?) -> JSON {
        guard case .object(var fields) = content else { return [:] }
        fields["id"] = .text(id)
        fields["shared"] = .bool(isShared)
        fields["is_own"] = .bool(owner == user)
        return .object(fields)
    }

    /// The schema of ``json(for:)``.
    static let schema = JSONSchema.fields(
        contentFields.merging([
            "id": .jobID,
            "shared": .boolean.about("Whether its owner has opened it for all users."),
            "is_own": .boolean,
        ]) { $1 })
}

/// All sets. Each change is stored before it is published to clients.
final class SongSets: Sendable {
    private let folder: DataFolder
    private let events: EventLog
    private let sets: Mutex<[String: SongSet]>
    /// Held during a change, which takes as long as the disk does: readers never wait for that.
    private let changes = Mutex(())

    private static let mostOfUser = 200

    init(_ folder: DataFolder, _ sets: [SongSet], events: EventLog) {
        self.folder = folder
        self.events = events
        self.sets = Mutex(Dictionary(uniqueKeysWithValues: sets.map { ($0.id, $0) }))
    }

    subscript(id: String) -> SongSet? { sets.withLock { $0[id] } }

    /// The sets that a user may read, in the order of their ids.
    func visible(to user: String?) -> [SongSet] {
        sets.withLock { Array($0.values) }.filter { $0.isVisible(to: user) }.sorted {
            $0.id < $1.id
        }
    }

    /// Replaces a set.
    ///
    /// - Parameter make: gets the set of this moment, nil if there is none, and returns the new one, or nil to
    ///   remove it; throws if the user may not change it.
    /// - Throws: `Problem`, `SystemError`, the errors of `make`.
    @discardableResult
    func change(_ id: String, _ make: (SongSet?) throws -> SongSet?) throws -> SongSet? {
        try changes.withLock { _ in
            let former = self[id]
            let set = try make(former)
            if let set {
                if former == nil {
                    try checkRoom(for: set.owner)
                    try folder.checkNoSet(id)
                }
                try folder.sets[id].write(set, isDurable: true)
            } else if let former {
                try folder.remove(former)
            }
            publish(set, after: former)
            return set
        }
    }

    private func checkRoom(for owner: String?) throws(Problem) {
        let count = sets.withLock { $0.values.count { $0.owner == owner } }
        guard count < SongSets.mostOfUser else {
            throw Problem(
                .invalidOption,
                "You have \(count) sets, and the service keeps no more of one user. Delete one.")
        }
    }

    private func publish(_ set: SongSet?, after former: SongSet?) {
        guard let known = set ?? former else { return }
        sets.withLock { $0[known.id] = set }
        events.publish(.sets, of: known)
        if set?.isShared == true || former?.isShared == true {
            events.publish(.sets, of: known, toOthers: true)
        }
    }
}
