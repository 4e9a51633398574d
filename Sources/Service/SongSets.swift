// Sets: orders of songs, with a key and a speed for each.

import Runs
import Synchronization
import System

/// What a user keeps in the data folder, and may open for the others.
protocol OwnedRecord: LedgerRecord {
    /// The name of its folder, whatever the record says.
    var id: String { get set }
    /// The name of the user; nil for the user without a name.
    var owner: String? { get }
    /// Whether all users may read it.
    var isShared: Bool { get }
    /// Whether all values are in their ranges. A damaged record may have any.
    var isPlausible: Bool { get }
}

extension OwnedRecord {
    /// Whether a user may read it. Only the owner may change it.
    func isVisible(to user: String?) -> Bool { owner == user || isShared }
}

struct SongSet: OwnedRecord {
    static let currentVersion = 1

    var version = currentVersion
    var id: String
    /// The fields of ``content``.
    let set: JSON
    let owner: String?
    var isShared = false

    var isPlausible: Bool { SongSet.content.violation(of: set) == nil }

    private static let mostSongs = 200

    /// The schema of what a client gives.
    static let content = JSONSchema.fields(contentFields)

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
        guard case .object(var fields) = set else { return [:] }
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

    /// Stores a set in place of a former one of its id.
    ///
    /// - Throws: `Problem`, `SystemError`.
    func keep(_ set: SongSet) throws {
        try changes.withLock { _ in
            let former = self[set.id]
            if former == nil,
                visible(to: set.owner).count(where: { $0.owner == set.owner })
                    >= SongSets.mostOfUser
            {
                throw Problem(
                    .invalidOption,
                    "You have \(SongSets.mostOfUser) sets, and the service keeps no more of one user. Delete one."
                )
            }
            try folder.sets[set.id].write(set, isDurable: true)
            publish(set, after: former)
        }
    }

    func remove(_ set: SongSet) throws {
        try changes.withLock { _ in
            try folder.remove(set)
            publish(nil, after: set)
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
