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
            let thread = SystemThread {
                continuation.resume(with: Result { try work(cancellation) })
            }
            guard let thread else {
                return continuation.resume(throwing: SystemError(code: EAGAIN))
            }
            thread.detach()
        }
    } onCancel: {
        cancellation.cancel()
    }
}
