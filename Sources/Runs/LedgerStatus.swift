// How far the tracks of a ledger are: of the runs with an output folder, or of a service.

import System

package struct LedgerStatus {
    package enum State: String, CaseIterable, Encodable {
        case done, failed
        /// Failed as often as a run allows, and not tried again.
        case quarantined
        /// A process works on the track now.
        case running
        case cancelled
        /// Not begun, or begun by a process that ended.
        case left
    }

    /// A track that isn't done.
    package struct Track: Encodable {
        /// The id in a manifest or of a job, or the path of a track.
        package let id: String
        /// The label of a job; nil for other tracks.
        package let name: String?
        package let state: State
        /// The last failure; nil without one.
        package let errorClass: String?
        package let error: String?
        package let tries: Int?
    }

    package private(set) var counts: [State: Int] = [:]
    /// All tracks that are not done, those of a manifest in its order.
    package private(set) var tracks: [Track] = []
    /// The records that can't be used, in words.
    package private(set) var unusable: [String] = []

    /// What the records of runs and of the service have in common.
    private struct Head: LedgerRecord {
        struct Failure: Decodable, Encodable {
            let errorClass: String?
            let error: String?
            let tries: Int?
            let limit: Int?
        }

        static let currentVersion = TrackRecord.currentVersion
        let version: Int
        let name: String
        let model: String
        let state: TrackState
        let failure: Failure?
    }

    /// Reads a ledger; runs and services may be changing it.
    ///
    /// - Parameters:
    ///   - manifest: path of the list of all tracks; nil for those that the ledger has.
    ///   - folder: the output folder of runs, or the data folder of a service.
    ///   - model: the folder of the model below that of the runs; nil if there is one alone.
    /// - Throws: ``RunError``, `AudioError`, `CancellationError`.
    package init(
        of manifest: String?, in folder: String, model: String?, cancellation: CancellationToken
    ) throws {
        let runs = Ledger(ofRun: folder)
        let service = Ledger(FilePath.joined(folder, "tracks"))
        let isService =
            manifest == nil && FilePath.isFile(FilePath.joined(folder, "lock")) && service.exists
        let ledger = isService ? service : runs
        let names: [String]
        do throws(SystemError) { names = try FilePath.names(in: ledger.folder).sorted() } catch {
            throw RunError.settings(
                "\(folder): has no records of tracks (\(error))",
                remedy: "runs keep them with `manifest`, `failed` or `skip-existing`")
        }
        // Tracks that are being added to a service or removed have names with a dot.
        let found = ledger.records(Head.self, of: names.filter { !isService || !$0.hasPrefix(".") })
            .filter { _, result in
                // The jobs of a service may be of any model.
                isService || model == nil || (try? result.get().model) ?? model == model
            }
        try cancellation.check()
        var heads: [[UInt8]: Entry] = [:]
        var models: Set<String> = []
        for (name, result) in found {
            switch result {
            case .failure(let error): unusable.append("the record of '\(name)' \(error)")
            case .success(let head):
                if !isService { models.insert(head.model) }
                let entry = Entry(
                    id: isService ? name : head.name, label: isService ? head.name : nil,
                    head: head, folder: ledger[name])
                // By bytes, because equal texts may be different ids. Runs with other options have other
                // records of a track.
                let key = Array(entry.id.utf8)
                if heads[key].map({ $0.modified < entry.modified }) ?? true { heads[key] = entry }
            }
        }
        if models.count > 1 {
            throw RunError.settings(
                "\(folder): has tracks of several models",
                remedy: "name one of \(models.sorted().joined(separator: ", "))")
        }
        if let manifest {
            let file = try ManifestFile(
                manifest, isFollowed: false, spoolFolder: nil, cancellation: cancellation)
            var reader = ManifestReader(file)
            while let track = try reader.next() {
                try cancellation.check()
                add(track.id, heads[Array(track.id.utf8)])
            }
        } else {
            for entry in heads.values.sorted(by: { $0.id < $1.id }) { add(entry.id, entry) }
        }
    }

    /// A track of the ledger.
    private struct Entry {
        let id: String
        let label: String?
        let head: Head
        let folder: LedgerEntry

        var modified: Int { FilePath.status(folder.record)?.modifiedNanoseconds ?? 0 }
    }

    private mutating func add(_ id: String, _ entry: Entry?) {
        let state = entry.map { Self.state(of: $0.head, $0.folder) } ?? .left
        counts[state, default: 0] += 1
        if state == .done { return }
        let failure = entry?.head.failure
        tracks.append(
            Track(
                id: id, name: entry?.label, state: state, errorClass: failure?.errorClass,
                error: failure?.error, tries: failure?.tries))
    }

    private static func state(of head: Head, _ entry: LedgerEntry) -> State {
        if head.state == .done { return .done }
        if entry.isClaimed { return .running }
        if let failure = head.failure, let limit = failure.limit, failure.tries ?? 0 >= limit {
            return .quarantined
        }
        return switch head.state {
        case .failed: .failed
        case .cancelled: .cancelled
        default: .left
        }
    }
}
