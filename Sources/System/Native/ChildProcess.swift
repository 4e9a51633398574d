// A child process: a program that runs beside this one until it ends or is killed.

// `environ` is a global variable of C, for which Swift can't check data races.
#if canImport(Glibc)
    @preconcurrency import Glibc
#elseif canImport(Musl)
    @preconcurrency import Musl
#elseif canImport(Darwin)
    @preconcurrency import Darwin
#endif

package final class ChildProcess {
    /// How a process has ended.
    package enum End: Equatable, Sendable, CustomStringConvertible {
        case exited(Int32)
        case killed(signal: Int32)
        /// The system doesn't tell, because this process ignores SIGCHLD or another part of it has asked before.
        case lost

        package static let success = End.exited(0)

        /// Whether this machine and not the process's input is at fault: it was killed, as for want of memory, or is
        /// no program that can run (126 and 127 of a shell).
        package var isOfMachine: Bool {
            switch self {
            case .exited(let status): status == 126 || status == 127
            case .killed, .lost: true
            }
        }

        /// Completes "it …".
        package var description: String {
            switch self {
            case .exited(let status): "ended with status \(status)"
            case .killed(let signal): "was killed by signal \(signal)"
            case .lost:
                "ended in a way that the system doesn't tell: does this process ignore SIGCHLD?"
            }
        }
    }

    private let identifier: pid_t
    private var ended: End?

    /// The path of a program in the folders of `PATH`; nil if none of them has it.
    package static func pathOfProgram(_ name: String) -> String? {
        guard let folders = getenv("PATH") else { return nil }
        return String(cString: folders).split(separator: ":").lazy.map { "\($0)/\(name)" }
            .first { access($0, X_OK) == 0 }
    }

    /// Starts a program with this process's environment, in a process group of its own: an interrupt
    /// from the terminal is left to this process.
    ///
    /// - Parameter descriptors: standard input, output, error, and further ones of the program.
    ///   Other descriptors must close themselves (`O_CLOEXEC`).
    package init(
        _ path: String, _ arguments: [String], descriptors: [Int32]
    ) throws(SystemError) {
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #else
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Copies get numbers above all target numbers, so that no `dup2` closes a copy that is
        // still needed.
        let copies = try Self.copies(of: descriptors)
        defer { for copy in copies { close(copy) } }
        for (number, copy) in copies.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, copy, Int32(number))
        }
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // This process may block signals, which a child would inherit.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        // A group of its own is the default with this flag.
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP) | Int16(POSIX_SPAWN_SETSIGMASK))
        let words = ([path] + arguments).map { strdup($0) }
        defer { for word in words { free(word) } }
        var process = pid_t()
        let code = posix_spawn(&process, path, &actions, &attributes, words + [nil], environ)
        if code != 0 { throw SystemError(code: code) }
        identifier = process
    }

    private static func copies(of descriptors: [Int32]) throws(SystemError) -> [Int32] {
        var copies: [Int32] = []
        for descriptor in descriptors {
            let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, Int32(descriptors.count))
            guard copy >= 0 else {
                let error = SystemError.last
                for copy in copies { close(copy) }
                throw error
            }
            copies.append(copy)
        }
        return copies
    }

    /// How the process has ended; nil while it runs.
    package var status: End? {
        if ended == nil { wait(WNOHANG) }
        return ended
    }

    /// Kills the process and those that it has started, if it still runs, and waits for its end.
    package func end() {
        guard status == nil else { return }
        _ = kill(-identifier, SIGKILL)
        wait(0)
    }

    private func wait(_ options: Int32) {
        // The number of a process that has ended is its group's until somebody takes its status: so the group can be
        // killed before. Processes that it has left behind would hold its files open.
        var information = siginfo_t()
        let result = try? retryingInterrupted {
            waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT | options)
        }
        guard result == 0 else {
            // Its number, and its group's, may be another one's by now.
            ended = .lost
            return
        }
        // Zero without a signal's number: it still runs.
        if information.si_signo == 0 { return }
        _ = kill(-identifier, SIGKILL)
        var state: Int32 = 0
        let process = try? retryingInterrupted { waitpid(identifier, &state, 0) }
        let signal = state & 0x7F
        ended =
            process != identifier
            ? .lost : signal == 0 ? .exited(state >> 8 & 0xFF) : .killed(signal: signal)
    }
}
