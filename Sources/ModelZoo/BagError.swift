// Errors of a bag of models.

import System

/// A bag of models can't be used.
public enum BagError: Error, Equatable, Sendable {
    // Its file
    case tooLong(path: String, foundBytes: Int, limitBytes: Int)
    case invalid(path: String, line: Int, problem: String)
    case modelsMissing(path: String)

    // Its members, once they are loaded
    case empty(name: String)
    /// Two members of a bag have different values of `property`.
    case membersDiffer(name: String, property: String, first: String, other: String)
    case weightCount(name: String, found: Int, sources: [String])
    case zeroWeights(name: String, source: String)
}

extension BagError: DescribedError {
    public var description: String {
        switch self {
        case .tooLong(let path, let found, let limit):
            "\(path): is not a bag of models: it has \(found) bytes, and a bag's YAML file has at "
                + "most \(limit)"
        case .invalid(let path, let line, let problem):
            "\(path), line \(line): \(problem)"
        case .modelsMissing(let path):
            "\(path): has no 'models', the list of the signatures of a bag's members"
        case .empty(let name):
            "the model '\(name)' has no checkpoints; at least one is needed"
        case .membersDiffer(let name, let property, let first, let other):
            "the models of the bag '\(name)' differ in their \(property): \(first) and \(other); "
                + "all must agree"
        case .weightCount(let name, let found, let sources):
            "the bag '\(name)' has \(found) weights per model, but its models have "
                + "\(sources.count) sources (\(sources.joined(separator: ", "))); give a weight "
                + "for each"
        case .zeroWeights(let name, let source):
            "the weights of the bag '\(name)' for '\(source)' add up to zero or overflow "
                + "float32; the sum divides the models' outputs, so give others"
        }
    }
}

extension BagError: CausedError {
    package var cause: ErrorCause {
        switch self {
        case .tooLong, .invalid, .modelsMissing, .empty, .membersDiffer, .weightCount, .zeroWeights:
            .model
        }
    }
}
