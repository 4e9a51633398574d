// What the owner of a job says about it: who may read it, its name and its notes.

import System

extension JobQueue {
    /// Opens a job for all users, or takes it back.
    ///
    /// - Returns: false if it can't be opened: only a job that is done can. Nil if there is no such job.
    func share(_ id: String, _ isShared: Bool) throws -> Bool? {
        try changes.withLock { _ -> Bool? in
            guard var job = job(id) else { return nil }
            guard job.state == .done else { return !isShared }
            if job.isShared == isShared { return true }
            job.shared = isShared ? true : nil
            try folder.save(job)
            condition.withLock { show(job) }
            return true
        }
    }

    /// Gives a job another name or other notes.
    ///
    /// - Parameters:
    ///   - name: nil leaves the one that it has.
    ///   - notes: fields that replace those of their names; null removes one.
    /// - Returns: false if there is no such job.
    func describe(_ id: String, name: String?, notes: [String: JSON]) throws -> Bool {
        try changes.withLock { _ in
            guard var job = job(id) else { return false }
            job.name = name ?? job.name
            let all = (job.notes ?? [:]).merging(notes) { $1 }.filter { $0.value != .null }
            job.notes = all.isEmpty ? nil : all
            // Stems that are finished so far are gone with the process.
            if job.state == .running { (job.stems, job.stemRateHz) = ([], nil) }
            try folder.save(job)
            condition.withLock {
                // Meanwhile it may have more stems.
                guard var shown = jobs[id]?.job else { return }
                (shown.name, shown.notes) = (job.name, job.notes)
                show(shown)
            }
            return true
        }
    }
}
