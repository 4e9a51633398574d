// Whether the machine can run jobs. A job that the machine ends, as by a full disk, goes back into the
// queue, and no other one starts until the machine has what it lacked.

import Synchronization
import System

extension Problem {
    /// Whether the machine is at fault, not the request or its sound: it lacks room, memory, threads or
    /// files, or can't use its disk. The kinds of `ErrorCause.fault`, but for a limit that the owner has set.
    var isOfMachine: Bool {
        [.diskFull, .diskUnusable, .noResources, .tooManyFiles].contains(kind)
    }
}

final class MachineState: Sendable {
    private struct Fault {
        let problem: Problem
        let nextLook: Double
        /// Whether a job may show that the fault has gone.
        var isTried = false
    }

    private let fault = Mutex<Fault?>(nil)
    /// What some tracks lack until the next start; jobs of others run.
    private let faultOfTracks: Problem?
    private let folder: DataFolder
    private let settings: ServiceSettings

    /// Time between two looks.
    static let seconds = 30.0

    /// - Parameter faultOfTracks: why some tracks can't be used; nil if all can.
    init(_ folder: DataFolder, _ faultOfTracks: Problem?, _ settings: ServiceSettings) {
        self.folder = folder
        self.faultOfTracks = faultOfTracks
        self.settings = settings
    }

    /// What the machine lacks; nil if jobs can run and all tracks can be used.
    var problem: Problem? { fault.withLock { $0?.problem } ?? faultOfTracks }

    /// Whether a job may start.
    var takesJobs: Bool { fault.withLock { $0?.isTried ?? true } }

    /// Notes the fault of the machine that has ended a job, or kept its state from the ledger.
    func failed(_ problem: Problem) {
        let nextLook = settings.clock.now() + MachineState.seconds
        let isNew = fault.withLock { fault in
            defer { fault = Fault(problem: problem, nextLook: nextLook) }
            return fault?.problem.kind != problem.kind
        }
        if isNew {
            settings.log(
                "No jobs run (\(problem.kind.rawValue)): \(problem.detail) The service looks again "
                    + "every \(Int(MachineState.seconds)) s.")
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
        if let found = found() { return failed(found) }
        fault.withLock {
            $0 = $0.map {
                Fault(problem: $0.problem, nextLook: now + MachineState.seconds, isTried: true)
            }
        }
        if !hasJobs { worked() }
    }

    /// Notes that a job has made stems. One that began before the fault shows nothing.
    func worked() {
        let isOver = fault.withLock { fault in
            guard fault?.isTried == true else { return false }
            fault = nil
            return true
        }
        if isOver { settings.log("Jobs run again.") }
    }

    /// What the machine lacks for any job.
    private func found() -> Problem? {
        do {
            try folder.probe()
            return nil
        } catch {
            return Problem(error)
        }
    }
}
