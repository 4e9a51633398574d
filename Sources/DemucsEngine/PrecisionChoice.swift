// Which precision a model runs in.

import Tensor
import Tracks

/// Whether a model may run in INT8 unasked.
package enum Int8Support: Sendable, Equatable {
    /// A member has INT8 weights, so that all run in INT8.
    case stored
    /// The stems of music keep their SDR within 0.01 dB, as was measured (docs/int8.md).
    case keepsSDR
    case unmeasured
}

/// A precision that may depend on the model and the machine.
package enum PrecisionChoice: Sendable, Equatable {
    /// INT8 for a model with INT8 weights, float32 for all others.
    case ofModel
    /// INT8 for a model with INT8 weights, and where it is much faster and keeps the SDR; else the
    /// faster of float32 and bfloat16.
    case auto
    case fixed(Precision)

    /// - Throws: `BackendError` if the environment forces kernels or products that can't run here.
    package func precision(for support: Int8Support) throws -> Precision {
        let backend = self == .auto ? try Backend(threads: 1) : nil
        return precision(
            for: support, int8IsMuchFaster: backend?.int8IsMuchFaster ?? false,
            floats: backend?.fastestFloatPrecision ?? .float32)
    }

    /// - Parameters:
    ///   - int8IsMuchFaster: whether INT8 is much faster than the precisions of floats.
    ///   - floats: the fastest precision of floats.
    package func precision(
        for support: Int8Support, int8IsMuchFaster: Bool, floats: Precision
    ) -> Precision {
        switch self {
        case .fixed(let precision): precision
        case .ofModel: support == .stored ? .int8 : .float32
        case .auto:
            support == .stored || support == .keepsSDR && int8IsMuchFaster ? .int8 : floats
        }
    }
}

extension SeparationRequest {
    package var precisionChoice: PrecisionChoice {
        switch precision {
        case "auto": .auto
        case let name?: Precision(rawValue: name).map(PrecisionChoice.fixed) ?? .ofModel
        case nil: .ofModel
        }
    }
}
