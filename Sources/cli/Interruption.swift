// Ctrl-C and its like: the first time the work stops in good order, the second time at once.

import Foundation
import Separation

enum Interruption {
    /// Cancels the token on SIGINT or SIGTERM, and ends the process on the next one.
    ///
    /// To be called before other threads are started: they inherit that these signals wait for the
    /// one thread that takes them.
    static func cancels(_ token: CancellationToken) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let waitedFor = signals
        Thread.detachNewThread {
            var signals = waitedFor
            var signal: Int32 = 0
            while sigwait(&signals, &signal) == 0 {
                if token.isCancelled { _exit(ExitCode.interrupted.rawValue) }
                token.cancel()
            }
        }
    }
}
