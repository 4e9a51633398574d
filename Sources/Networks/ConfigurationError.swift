// Also Embedded Swift: typed throws, no key paths, no casts.
// Errors in a model's constructor arguments.

import System

/// An error in a model's constructor arguments. Keys are the reference's argument names.
public enum ConfigurationError: Error, Equatable, Sendable {
    /// An option of the reference with a value that this engine doesn't support.
    case unsupported(key: String, found: String, supported: String)
    /// A value of the wrong type.
    case wrongType(key: String, found: String, expected: String)
    /// An invalid value, by itself or together with other arguments.
    case invalid(key: String, found: String, allowed: String)
    /// A missing argument that has no default.
    case missing(key: String)
    /// More positional arguments than the class has.
    case tooManyPositional(found: Int, allowed: Int)
    /// An argument given both by its position and by its name.
    case givenTwice(key: String)
    /// An error in the file that describes the model.
    indirect case file(path: String, ConfigurationError)
}

extension ConfigurationError: DescribedError {
    public var description: String {
        switch self {
        case .unsupported(let key, let found, let supported):
            "the model was built with \(key) = \(found), which is not supported; supported: "
                + supported
        case .wrongType(let key, let found, let expected):
            "the model's argument \(key) = \(found) has the wrong type; expected \(expected)"
        case .invalid(let key, let found, let allowed):
            "the model's argument \(key) = \(found) is invalid; \(allowed)"
        case .missing(let key):
            "the model's arguments lack \(key), which has no default; the checkpoint is "
                + "incomplete"
        case .tooManyPositional(let found, let allowed):
            "the model has \(found) positional arguments; its class takes \(allowed)"
        case .givenTwice(let key):
            "the model's argument \(key) is given both by position and by name"
        case .file(let path, let error):
            "\(path): \(error.description)"
        }
    }

    public var errorDescription: String? { description }
}

extension ConfigurationError: CausedError {
    public var cause: ErrorCause {
        switch self {
        case .unsupported, .wrongType, .invalid, .missing, .tooManyPositional, .givenTwice, .file:
            .model
        }
    }
}
