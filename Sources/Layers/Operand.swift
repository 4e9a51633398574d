// The left operands of products, in the form in which a weight matrix multiplies them fastest.

import Tensor

/// Rows of activations in scratch memory, about to be multiplied by weights.
package enum Operand {
    /// Rows `ld` floats apart.
    case floats(UnsafeMutablePointer<Float>, ld: Int)
    /// Rounded to bfloat16 by the code that wrote them, so that the product need not; `ld` is even.
    case bfloat16(UnsafeMutablePointer<UInt16>, ld: Int)
}

extension WeightMatrix {
    /// Rows for this matrix to multiply, in memory for as many rows of `ld` floats.
    package func operand(in scratch: UnsafeMutablePointer<Float>, ld: Int) -> Operand {
        guard takesBFloat16, ld % 2 == 0 else { return .floats(scratch, ld: ld) }
        return .bfloat16(
            UnsafeMutableRawPointer(scratch).assumingMemoryBound(to: UInt16.self), ld: ld)
    }
}
