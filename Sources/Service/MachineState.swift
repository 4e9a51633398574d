// Whether the machine can run jobs. A job that the machine ends, as by a full disk, goes back into the
// queue, and no other one starts until the machine has what it lacked.

import Synchronization
import System

extension Problem {
    /// Whether the machine is at fault, not the request or its sound: it lacks room, memory, threads or
    /// files, or can't use its disk. Decided here alone, for jobs, uploads, derived files and the database.
    var isOfMachine: Bool { [.diskFull, .noResources, .tooManyFiles].contains(kind) }
}

final class MachineState: Sendable {
    private struct Fault {
        var problem: Problem
        var nextLook: Double
        /// Whether a job may show that the fault has gone.
        var isTried = false
    }

    private let fault = Mutex<Fault?>(nil)
    private let folder: DataFolder
    private let settings: ServiceSettings

    static let lookSeconds = 30.0
    /// Bytes that must fit on the disk.
    private static let leastBytes = 1 << 20

    init(_ folder: DataFolder, _ settings: ServiceSettings) {
        self.folder = folder
        self.settings = settings
    }

    /// What the machine lacks; nil if jobs can run.
    var problem: Problem? { fault.withLock { $0?.problem } }

    /// Whether a job may start.
    var takesJobs: Bool { fault.withLock { $0?.isTried ?? true } }

    /// Notes the fault of the machine that has ended a job, or kept its state from the database.
    func failed(_ problem: Problem) {
        let nextLook = settings.clock.now() + MachineState.lookSeconds
        let isNew = fault.withLock { fault in
            defer { fault = Fault(problem: problem, nextLook: nextLook) }
            return fault?.problem.kind != problem.kind
        }
        if isNew {
            settings.log(
                "No jobs run (\(problem.kind.rawValue)): \(problem.detail) The service looks again "
                    + "every \(Int(MachineState.lookSeconds)) s.")
        }
    }

    /// Looks at the machine after the error of a request: an upload that did not fit has made room again.
    func requestFailed(_ problem: Problem) {
        if problem.isOfMachine, let found = found() { failed(found) }
    }

    /// Looks at the machine again if it is time.
    ///
    /// - Parameter hasJobs: whether jobs wait or run, and so can show that it is good enough.
    func look(hasJobs: Bool) {
        let now = settings.clock.now()
        guard fault.withLock({ $0.map { now >= $0.nextLook } ?? false }) else { return }
        if let found = found() {
            failed(found)
        } else if hasJobs {
            fault.withLock { $0?.isTried = true }
        } else {
            worked()
        }
    }

    /// Notes that a job has made stems.
    func worked() {
        let hadFault = fault.withLock { fault in
            defer { fault = nil }
            return fault != nil
        }
        if hadFault { settings.log("Jobs run again.") }
    }

    /// What the machine lacks for any job.
    private func found() -> Problem? {
        do {
            let file = try TemporaryFiles.createUnnamed(in: folder.temporary)
            defer { close(file) }
            try [UInt8](repeating: 0, count: MachineState.leastBytes).withUnsafeBytes {
                try writeAll($0, to: file)
            }
            return nil
        } catch {
            return Problem(error)
        }
    }
}
