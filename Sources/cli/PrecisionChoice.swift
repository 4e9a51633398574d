// What `--precision` of a separation asks for.

import Separation
import Tensor

enum PrecisionChoice: Sendable, Equatable {
    /// INT8 for a model with INT8 weights, else the reference's float32.
    case ofModel
    /// The fastest whose quality is shown; INT8 for a model with INT8 weights.
    case fastest
    case fixed(Precision)

    /// - Throws: `UsageError.invalidValue` for a name that is none.
    init(_ arguments: ParsedArguments) throws(UsageError) {
        switch arguments.value(.precision) {
        case nil: self = .ofModel
        case "auto": self = .fastest
        case let name?:
            guard let precision = Precision(rawValue: name) else {
                let names = Precision.allCases.map(\.rawValue) + ["auto"]
                throw .invalidValue(
                    .precision, value: name, allowed: "one of " + names.joined(separator: ", "))
            }
            self = .fixed(precision)
        }
    }

    /// - Throws: `WeightsError` for a model that can't be read, and what `EngineInformation` throws.
    func precision(for files: ModelFiles) throws -> Precision {
        try precision(isQuantized: files.isQuantized())
    }

    /// - Throws: what `EngineInformation` throws.
    func precision(isQuantized: Bool) throws -> Precision {
        if case .fixed(let precision) = self { return precision }
        if isQuantized { return .int8 }
        return self == .fastest ? try EngineInformation().fastestPrecision : .float32
    }
}
