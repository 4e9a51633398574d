import System

/// A bag of models can't be used.
public enum BagError: Error, Equatable, Sendable {
    // Its file
    /// The YAML file lists no models.
    case modelsMissing(path: String)

    // Its members, once they are loaded
    /// The list of models is empty.
    case empty(name: String)
    /// Two members of a bag have different values of `property`.
    case membersDiffer(name: String, property: String, first: String, other: String)
    /// A model has not one weight for each source.
    case weightCount(name: String, found: Int, sources: [String])
    /// The weights of a source add up to zero.
    case zeroWeights(name: String, source: String)
}

extension BagError: DescribedError {
    public var description: String {
        switch self {
        case .modelsMissing(let path):
            "\(path): has no 'models', the list of the signatures of a bag's members, and no 'model', "
                + "the arguments of a single model"
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
    public var cause: ErrorCause { .model }
}
