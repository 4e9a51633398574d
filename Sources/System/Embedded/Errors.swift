// The types of errors that come from other modules where there is an operating system.

/// An error with a description.
package protocol DescribedError: Error, CustomStringConvertible {}

/// The error of work that was asked to stop.
package struct CancellationError: Error {}
