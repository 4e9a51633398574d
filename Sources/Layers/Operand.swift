// The left operands of products, in the type that a weight matrix multiplies fastest.

import Tensor

/// Rows of activations in scratch memory, about to be multiplied by weights.
package enum Operand {
    /// Rows `ld` floats apart.
    case floats(UnsafeMutablePointer<Float>, ld: Int)
    /// Rows `ld` elements apart, already rounded to bfloat16 by the code that wrote them; `ld` is
    /// even.
    case bfloat16(UnsafeMutablePointer<UInt16>, ld: Int)
}

extension WeightMatrix {
    /// An operand for this matrix in scratch memory, which has room for its rows of `ld` floats.
    package func operand(in scratch: UnsafeMutablePointer<Float>, ld: Int) -> Operand {
        guard takesBFloat16, ld % 2 == 0 else { return .floats(scratch, ld: ld) }
        return .bfloat16(
            UnsafeMutableRawPointer(scratch).assumingMemoryBound(to: UInt16.self), ld: ld)
    }
}
