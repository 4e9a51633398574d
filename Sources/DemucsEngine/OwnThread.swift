// Blocking work in asynchronous code.

import System

/// Runs blocking work on its own thread, because it would block the few threads that run tasks.
///
/// - Parameters:
///   - cancellation: cancelled with the task.
///   - work: receives the token.
package func onOwnThread<Value: Sendable>(
    _ cancellation: CancellationToken = CancellationToken(),
    _ work: @escaping @Sendable (CancellationToken) throws -> Value
) async throws -> Value {
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
            let body = { @Sendable in
                continuation.resume(with: Result { try work(cancellation) })
            }
            // Where the system refuses to start a thread, the work is done on the task's.
            if let thread = SystemThread(body) { thread.detach() } else { body() }
        }
    } onCancel: {
        cancellation.cancel()
    }
}
