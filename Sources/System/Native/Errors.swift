// Errors of system calls, the protocol of all errors of this package, and the cause of any error.

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An error whose `localizedDescription` is its `description`, for programs that show errors
/// through Foundation.
package protocol DescribedError: LocalizedError, CustomStringConvertible {}

extension DescribedError {
    public var errorDescription: String? { description }
}

/// The error of work that fails in several ways: natively any error, in Embedded Swift a copy of its
/// cause and its description.
package typealias AnyError = any Error

extension Error {
    /// This error where any error is thrown. Embedded Swift does not convert it by itself.
    package var erased: AnyError { self }
}

/// A failed system call.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The value of `errno`.
    public let code: Int32
    private let text: String?

    /// - Parameter text: the reason, if it says more than `strerror`.
    package init(code: Int32, _ text: String? = nil) {
        self.code = code
        self.text = text
    }

    /// No thread can be started.
    package static let noThread = SystemError(
        code: EAGAIN,
        "no thread can be started: raise the limit of processes ('ulimit -u', 'pids.max' of a container)"
    )

    /// The reason why the last call of this thread failed.
    package static var last: SystemError { SystemError(code: errno) }

    public var description: String { text ?? String(cString: strerror(code)) }

    /// Whether this process or the system has too many open files.
    package var isTooManyFiles: Bool { code == EMFILE || code == ENFILE }
}

extension SystemError: CausedError {
    public var cause: ErrorCause { isTooManyFiles ? .tooManyFiles : .system }
    public var reason: String? { description }
}

extension ErrorCause {
    /// The cause of any error.
    public init(of error: any Error) {
        self = (error as? any CausedError)?.cause ?? .internal
    }
}
