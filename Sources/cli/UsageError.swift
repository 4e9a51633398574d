// Errors in the arguments of a command, found before any work.

import System

package struct UsageError: CausedError, CustomStringConvertible {
    package var cause: ErrorCause { .argument }
    package let description: String

    init(_ description: String) { self.description = description }

    /// - Parameter option: the option as typed.
    static func unknownOption(_ option: String, suggestion: String?) -> UsageError {
        UsageError(
            "Unknown option '\(option)'." + (suggestion.map { " Did you mean '\($0)'?" } ?? ""))
    }

    static func missingValue(_ option: Option) -> UsageError {
        UsageError("Missing value for '\(option.usage)'")
    }

    package static func invalidValue(
        _ option: Option, value: String, allowed: String
    ) -> UsageError {
        UsageError("The value '\(value)' is invalid for '\(option.usage)': expected \(allowed)")
    }

    /// An option that has no effect without another.
    static func needs(_ option: Option, _ other: Option) -> UsageError {
        UsageError("'\(option.long)' requires '\(other.usage)'")
    }

    /// An option that has no effect here; `use` says where it has one.
    static func onlyFor(_ option: Option, _ use: String) -> UsageError {
        UsageError("'\(option.long)' only applies to \(use)")
    }

    static func unexpectedOperand(_ operand: String) -> UsageError {
        UsageError("Unexpected argument '\(operand)'")
    }

    /// An operand that names no action, command or shell.
    ///
    /// - Parameter kind: `action`, `command` or `shell`.
    static func unknown(_ kind: String, _ word: String, allowed: [String]) -> UsageError {
        UsageError(
            "Unknown \(kind) '\(word)': expected one of " + allowed.joined(separator: ", "))
    }
}
