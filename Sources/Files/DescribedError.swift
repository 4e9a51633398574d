// Errors whose description is also the text that Foundation shows.

import Foundation

/// An error whose `localizedDescription` is its `description`.
package protocol DescribedError: LocalizedError, CustomStringConvertible {}

extension DescribedError {
    public var errorDescription: String? { description }
}
