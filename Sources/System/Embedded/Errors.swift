// The types of errors that come from other modules where there is an operating system.

/// An error with a description.
package protocol DescribedError: Error, CustomStringConvertible {}

/// The error of work that was asked to stop.
package struct CancellationError: DescribedError {
    package init() {}
    package var description: String { "The work was cancelled." }
}

/// The error of work that fails in several ways, in place of `any Error`.
package struct AnyError: DescribedError {
    package let cause: ErrorCause
    package let description: String
}

extension CausedError where Self: CustomStringConvertible {
    /// This error where any error is thrown.
    package var erased: AnyError { AnyError(cause: cause, description: description) }
}
