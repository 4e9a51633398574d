// What is in the data folder at the start of a service.

import Runs
import System

extension DataFolder {
    /// The tracks and sets at the start of a service.
    struct Contents {
        /// In the order of their sequence numbers.
        var jobs: [Job] = []
        var sets: [SongSet] = []
        /// Those that can't be used and stay as they are, each with the reason.
        var unusable: [String] = []
        /// The ids of jobs that have to wait until the system lets the service use their files.
        var held: Set<String> = []
        /// What the system refuses, by the name of the folder above.
        fileprivate var refusals: [String: [String]] = [:]

        /// What the system refuses to do with some of them; nil if it refuses nothing.
        var fault: Problem? {
            let count = refusals.values.map(\.count).reduce(0, +)
            if count == 0 { return nil }
            // A command of each folder.
            let firsts = refusals.sorted { $0.key < $1.key }.compactMap(\.value.first)
            return Problem(
                .diskUnusable,
                "The service can't use \(count) of the tracks and sets in its data folder until its next start. "
                    + firsts.joined(separator: "; "))
        }
    }

    /// Reads all tracks and sets, and removes the files that they need no more.
    func contents() throws(ServiceError) -> Contents {
        var contents = Contents()
        contents.jobs = try records(of: ledger, "tracks", &contents)
        contents.sets = try records(of: sets, "sets", &contents)
        let known = Set(contents.jobs.map(\.id))
        for id in DataFolder.ids(in: cache) where !known.contains(id) {
            DataFolder.remove(cache(of: id))
        }
        for job in contents.jobs {
            if let refusal = refusal(of: needed(of: job), repairing: "tracks") {
                contents.refusals["tracks", default: []].append(refusal)
                if !job.state.isFinal { contents.held.insert(job.id) }
            }
            removeUnneeded(of: job)
            // A killed service leaves its claim, and the next record of a job that had not ended.
            if !job.state.isFinal { TemporaryFiles.removeLeftovers(in: ledger[job.id].path) }
        }
        contents.refusals["sets", default: []] += contents.sets.compactMap {
            refusal(of: [(sets[$0.id].path, R_OK | W_OK | X_OK)], repairing: "sets")
        }
        var jobs = contents.jobs.sorted {
            ($0.sequence, $0.created, $0.id) < ($1.sequence, $1.created, $1.id)
        }
        // A copied folder has the number of the first.
        for index in jobs.indices.dropFirst() {
            jobs[index].sequence = max(jobs[index].sequence, jobs[index - 1].sequence + 1)
        }
        contents.jobs = jobs
        return contents
    }

    /// The records of a ledger, of which all folders are named by ids.
    private func records<Record: OwnedRecord>(
        of ledger: Ledger, _ name: String, _ contents: inout Contents
    ) throws(ServiceError) -> [Record] {
        let names: [String]
        do throws(SystemError) { names = try FilePath.names(in: ledger.folder) } catch {
            throw .folderUnusable(path: ledger.folder, reason: error.description)
        }
        for each in names.sorted() where !Job.isID(each) {
            if each.hasPrefix(DataFolder.unfinishedPrefix) {
                DataFolder.remove(ledger[each].path)
            } else if FilePath.status(ledger[each].record) != nil {
                contents.unusable.append("'\(name)/\(each)' (its name is not an id)")
            }
        }
        let links = names.filter { Job.isID($0) && DataFolder.isLink(ledger[$0].path) }
        contents.unusable += links.sorted().map { "'\(name)/\($0)' (is a link)" }
        var empty = Set(names.filter(Job.isID)).subtracting(links)
        var found: [Record] = []
        for (id, result) in ledger.records(Record.self, of: empty.sorted()) {
            empty.remove(id)
            switch result {
            case .success(var record) where record.isPlausible:
                record.id = id
                found.append(record)
            case .success: contents.unusable.append("'\(name)/\(id)' (\(LedgerError.damaged))")
            case .failure(let error):
                contents.unusable.append("'\(name)/\(id)' (\(error))")
                if case .unreadable(let error) = error {
                    contents.refusals[name, default: []].append(
                        DataFolder.text(of: error, at: ledger[id].record, in: path, repairing: name)
                    )
                }
            }
        }
        // A killed service leaves its next record.
        for id in empty { TemporaryFiles.removeLeftovers(in: ledger[id].path) }
        for id in empty.sorted() where rmdir(ledger[id].path) != 0 {
            contents.unusable.append("'\(name)/\(id)' (has no record)")
        }
        return found
    }

    /// The files that the service needs of a job, with the access.
    private func needed(of job: Job) -> [(path: String, access: Int32)] {
        let results = results(of: job.id)
        let files =
            job.stems.map { "\(results)/\($0.file)" } + (job.state.isFinal ? [] : [input(job.id)])
        return [(ledger[job.id].path, R_OK | W_OK | X_OK), (results, R_OK | X_OK)]
            + files.map { ($0, R_OK) }
    }

    /// What the system refuses to do with files, in words; nil if it refuses nothing, also for files that are missing.
    private func refusal(
        of needed: [(path: String, access: Int32)], repairing folder: String
    ) -> String? {
        for (path, mode) in needed where access(path, mode) != 0 {
            if [ENOENT, ENOTDIR].contains(errno) { continue }
            return DataFolder.text(of: .last, at: path, in: self.path, repairing: folder)
        }
        return nil
    }
}
