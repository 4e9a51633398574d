// Data folders of earlier versions, which kept their jobs in a database of SQLite, sounds in `inputs` and stems
// in `results`.

import Runs
import System

extension DataFolder {
    private var formerDatabase: String { "\(path)/jobs.sqlite" }
    private static let formerFolders = ["inputs", "results"]

    /// Moves the tracks of an earlier version into the ledger. A start that was killed meanwhile goes on at the
    /// next one.
    ///
    /// - Returns: a sentence about the jobs that were taken over, and what stays; nil without any.
    /// - Throws: ``ServiceError/formerJobs(path:reason:)``.
    func takeOverFormerJobs() throws(ServiceError) -> String? {
        var sentences: [String] = []
        if FilePath.status(formerDatabase) != nil {
            var (count, unreadable) = (0, 0)
            do {
                for line in try formerRecords() {
                    if let seconds = Double(line) {
                        // A clock that is set back keeps jobs for longer; one that is set forward removes them.
                        if (runSeconds()...1e10).contains(seconds) { save(runSeconds: seconds) }
                    } else if let job = Job(former: line), Job.isID(job.id), job.isPlausible {
                        try takeOver(job)
                        count += 1
                    } else {
                        unreadable += 1
                    }
                }
                sync()
                guard rename(formerDatabase, "\(formerDatabase).former") == 0 else {
                    throw SystemError.last
                }
                synchronise(path: path)
            } catch {
                let isOtherDisk = (error as? SystemError)?.code == EXDEV
                throw .formerJobs(
                    path: path,
                    reason: "\(error)"
                        + (isOtherDisk
                            ? "; move the content of 'inputs' and 'results' to the disk of this folder"
                            : ""))
            }
            sentences.append(
                "\(count) jobs of an earlier version were taken over; their database is "
                    + "jobs.sqlite.former now, which this version doesn't need."
                    + (unreadable > 0 ? " \(unreadable) of its records can't be read." : ""))
        }
        let left = DataFolder.formerFolders.reduce(0) { count, name in
            let folder = "\(path)/\(name)"
            for unfinished in FilePath.entries(of: folder)
            where unfinished.hasPrefix(".") && Job.isID(String(unfinished.dropFirst())) {
                DataFolder.remove("\(folder)/\(unfinished)")
            }
            rmdir(folder)
            return count + FilePath.entries(of: folder).count(where: Job.isID)
        }
        if left > 0 {
            sentences.append(
                "\(left) sounds and folders of stems in 'inputs' and 'results' are of no job that can be "
                    + "read, and stay there.")
        }
        return sentences.isEmpty ? nil : "\(path): " + sentences.joined(separator: " ")
    }

    private func takeOver(_ job: Job) throws {
        let entry = ledger[job.id]
        mkdir(entry.path, 0o700)
        for (folder, target) in zip(DataFolder.formerFolders, [entry.input, entry.stems])
        where FilePath.status(target) == nil
            && rename("\(path)/\(folder)/\(job.id)", target) != 0 && errno != ENOENT
        {
            throw SystemError.last
        }
        do throws(LedgerError) {
            // A record of this version is newer.
            if try entry.read(Job.self) != nil { return }
        } catch {
            if error != .damaged { return }
        }
        try entry.write(job)
    }

    /// The lines of the former database: the records of the jobs as JSON, and a number, the service's clock.
    private func formerRecords() throws -> [String] {
        // A database that was never used, or by the first version, lacks a table.
        let tables =
            "CREATE TABLE IF NOT EXISTS jobs (record); CREATE TABLE IF NOT EXISTS clock (seconds);"
        let query = "\(tables) SELECT record FROM jobs UNION ALL SELECT seconds FROM clock"
        guard let program = ChildProcess.pathOfProgram("sqlite3") else {
            throw SystemError(
                code: ENOENT, "reading jobs.sqlite needs sqlite3 once: apt install sqlite3")
        }
        let output = try TemporaryFiles.createUnnamed(in: temporary)
        defer { close(output) }
        let (status, text) = try ChildProcess.run(
            program, ["-init", "/dev/null", "-batch", formerDatabase, query],
            descriptors: [output, output], silenceSeconds: 60, textBytes: 1_000, check: {})
        guard status == 0 else {
            throw SystemError(
                code: EIO,
                "sqlite3 can't read jobs.sqlite: \(Problem.oneLine(text)); to begin without its jobs, "
                    + "move it away: their files stay")
        }
        var lines: [UInt8] = []
        lseek(output, 0, SEEK_SET)
        try forEachPiece(of: output) { lines.append(contentsOf: $0) }
        return String(decoding: lines, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

extension Job {
    /// A job of a record of the former database, which had other names for some values.
    fileprivate init?(former record: String) {
        guard let members = try? JSONCursor.members(of: Array(record.utf8)) else { return nil }
        var fields = Dictionary(members) { $1 }
        fields["version"] = .integer(Job.currentVersion)
        fields["tries"] = .integer(0)
        fields["tempoBpm"] = fields.removeValue(forKey: "tempoBPM")
        if case .object(let error)? = fields.removeValue(forKey: "error") {
            fields["failure"] = .object(
                ["errorClass": error["kind"] ?? .null, "error": error["detail"] ?? .null])
        }
        let text = String(decoding: JSON.object(fields).bytes, as: UTF8.self)
        guard let job = JSON.value(Job.self, from: text) else { return nil }
        self = job
    }
}
