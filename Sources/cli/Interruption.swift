// Ctrl-C and its like: the first time the work stops in good order, the second time at once. And the
// signal of a terminal that changed its size, which waits at the same place.

import Demucs
import Foundation
import HTDemucs

enum Interruption {
    /// Cancels the token on SIGINT or SIGTERM, and ends the process on the next one.
    ///
    /// To be called before other threads are started: they inherit that these signals wait for the
    /// one thread that takes them.
    /// - Parameter resized: called on that thread when the terminal has another size.
    static func cancels(
        _ token: CancellationToken, resized: @escaping @Sendable () -> Void = {}
    ) {
        take([SIGINT, SIGTERM, SIGWINCH]) { signal in
            if signal == SIGWINCH { return resized() }
            if token.isCancelled { _exit(ExitCode.interrupted.rawValue) }
            token.cancel()
        }
    }

    /// Ends the process on SIGINT or SIGTERM with one line: for commands that leave nothing
    /// unfinished behind.
    ///
    /// To be called before other threads are started, as `cancels`.
    static func ends(_ console: Console) {
        take([SIGINT, SIGTERM]) { _ in
            console.error("interrupted")
            _exit(ExitCode.interrupted.rawValue)
        }
    }

    private static func take(_ numbers: [Int32], _ act: @escaping @Sendable (Int32) -> Void) {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in numbers { sigaddset(&signals, number) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let waitedFor = signals
        Thread.detachNewThread {
            var signals = waitedFor
            var signal: Int32 = 0
            while sigwait(&signals, &signal) == 0 { act(signal) }
        }
    }
}
