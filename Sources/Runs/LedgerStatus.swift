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
        /// What has failed last; nil without a failure.
        package let errorClass: String?
        package let error: String?
        package let tries: Int?
    }

    package private(set) var counts: [State: Int] = [:]
    /// All tracks that are not done, those of a manifest in its order.
    package private(set) var tracks: [Track] = []
    /// Records that can't be used, each with the reason.
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
        let service = Ledger(FilePath.joined(folder, "tracks"))
        let isService = manifest == nil && FilePath.isFolder(service.folder)
        let ledger = isService ? service : Ledger(ofRun: folder)
        let names: [String]
        do throws(SystemError) { names = try FilePath.names(in: ledger.folder).sorted() } catch {
            throw RunError.noRecords(folder: folder, reason: "\(error)")
        }
        // By bytes, because equal texts may be different ids.
        var heads: [[UInt8]: (head: Head, entry: LedgerEntry)] = [:]
        var former: Set<[UInt8]> = []
        var models: Set<String> = []
        // Records of earlier versions, of tracks that are done.
        for name in names where name.hasSuffix(".json") && !name.hasSuffix(".failed.json") {
            former.insert(Array(name.utf8.dropLast("-29ca0592b85eda6b.json".utf8.count)))
        }
        let found = ledger.records(Head.self, of: names).filter { _, result in
            // The jobs of a service may be of any model.
            isService || model == nil || (try? result.get().model) ?? model == model
        }
        for (name, result) in found {
            try cancellation.check()
            switch result {
            case .failure(let error): unusable.append("'\(name)' (\(error))")
            case .success(let head):
                if !isService { models.insert(head.model) }
                heads[Array((isService ? name : head.name).utf8)] = (head, ledger[name])
            }
        }
        if models.count > 1 {
            throw RunError.severalModels(folder: folder, models.sorted())
        }
        if let manifest {
            let file = try ManifestFile(
                manifest, isFollowed: false, spoolFolder: nil, cancellation: cancellation)
            var reader = ManifestReader(file)
            while let track = try reader.next() {
                try cancellation.check()
                let id = Array(track.id.utf8)
                add(track.id, heads[id], isDone: former.contains(id))
            }
        } else {
            for (name, result) in found {
                guard let head = try? result.get() else { continue }
                add(
                    isService ? name : head.name, (head, ledger[name]),
                    label: isService ? head.name : nil)
            }
        }
    }

    private mutating func add(
        _ id: String, _ found: (head: Head, entry: LedgerEntry)?, isDone: Bool = false,
        label: String? = nil
    ) {
        let state = found.map { Self.state(of: $0.head, $0.entry) } ?? (isDone ? .done : .left)
        counts[state, default: 0] += 1
        if state == .done { return }
        let failure = found?.head.failure
        tracks.append(
            Track(
                id: id, name: label, state: state, errorClass: failure?.errorClass,
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
