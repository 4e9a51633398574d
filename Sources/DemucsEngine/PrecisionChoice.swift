// Which precision a model runs in, if it depends on the model and the machine.

import Tensor
import Tracks

/// What INT8 does to a model.
package enum Int8Effect: Sendable, Equatable {
    /// Nothing: its weights are INT8.
    case none
    /// The stems of music keep their SDR within 0.01 dB, as was measured.
    case inaudible
    case unknown
}

package enum PrecisionChoice: Sendable, Equatable {
    /// INT8 for a model with INT8 weights, float32 for all others.
    case ofModel
    /// The fastest precision on this machine in which the model's stems keep their SDR.
    case fastest
    case fixed(Precision)

    /// - Throws: `BackendError` if the environment forces kernels or products that can't run here.
    package func precision(in int8: Int8Effect) throws -> Precision {
        if case .fixed(let precision) = self { return precision }
        if int8 == .none { return .int8 }
        return self == .ofModel ? .float32 : try Backend(threads: 1).automaticPrecision(in: int8)
    }
}

extension Backend {
    package func automaticPrecision(in int8: Int8Effect) -> Precision {
        int8IsFastest && int8 != .unknown ? .int8 : fastestPrecision
    }
}

extension SeparationRequest {
    package var precisionChoice: PrecisionChoice {
        switch precision {
        case "auto": .fastest
        case let name?: Precision(rawValue: name).map(PrecisionChoice.fixed) ?? .ofModel
        case nil: .ofModel
        }
    }
}
