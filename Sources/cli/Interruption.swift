// Signals that interrupt a command, and SIGWINCH for resized terminals. One thread waits for them;
// all other threads block them.

import Demucs
import System

package enum Interruption {
    /// The signals that end a process. SIGXCPU comes every second once the limit of processor time is reached, SIGHUP
    /// when a terminal closes; `nohup` ignores it from the start on.
    private static var ending: [Int32] {
        [SIGINT, SIGTERM, SIGXCPU] + (signal_is_ignored(SIGHUP) ? [] : [SIGHUP])
    }

    /// A token that SIGINT, SIGTERM, SIGXCPU or SIGHUP cancels. The next one, but for SIGXCPU, ends the process.
    ///
    /// Must be called before other threads start: they inherit the blocked signals.
    /// - Parameters:
    ///   - onResize: called on the signal thread when the terminal was resized.
    ///   - onCancel: called on the signal thread after the token was cancelled.
    package static func cancellation(
        onResize: @escaping @Sendable () -> Void = {},
        onCancel: @escaping @Sendable () -> Void = {}
    ) -> CancellationToken {
        let token = CancellationToken()
        handle(ending + [SIGWINCH]) { signal in
            if signal == SIGWINCH { return onResize() }
            if token.isCancelled {
                if signal == SIGXCPU { return }
                _exit(ExitCode.interrupted.rawValue)
            }
            token.cancel()
            onCancel()
        }
        return token
    }

    /// Lets these signals end the process with a message, for commands that write no files.
    ///
    /// Must be called before other threads start.
    static func endsProcess(_ console: Console) {
        handle(ending) { _ in
            console.error("interrupted")
            _exit(ExitCode.interrupted.rawValue)
        }
    }

    /// Ends the process half a second later if it still runs then: a read or a write that waits can't be
    /// cancelled.
    static func endProcessSoon(_ code: ExitCode) {
        let thread = SystemThread {
            usleep(500_000)
            _exit(code.rawValue)
        }
        guard let thread else { _exit(code.rawValue) }
        thread.detach()
    }

    private static func handle(
        _ numbers: [Int32], _ action: @escaping @Sendable (Int32) -> Void
    ) {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in numbers { sigaddset(&signals, number) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let awaited = signals
        let thread = SystemThread {
            var signals = awaited
            var signal: Int32 = 0
            while sigwait(&signals, &signal) == 0 { action(signal) }
        }
        // Without the thread, signals have their default effect.
        guard let thread else {
            pthread_sigmask(SIG_UNBLOCK, &signals, nil)
            return
        }
        thread.detach()
    }
}
