// Self-test cases of the operators. Sizes are constants here, so that a damaged file can't request
// impossible ones.

import Layers
import Signal
import Tensor
import WeightsLoader

extension SelfTest {
    /// The tensors of one case, and the backend that it runs on.
    struct Vector {
        let reader: ParameterReader
        let backend: Backend

        func floats(_ name: String, _ shape: Int...) throws -> [Float] {
            try reader.floats(name, shape)
        }

        func tensor(_ name: String, _ shape: Int...) throws -> Tensor {
            backend.tensor(shape, try reader.floats(name, shape))
        }
    }

    /// A computation with a golden result.
    struct Case: Sendable {
        /// Name of the case; its tensors are `name.input`, `name.weight`, …, `name.output`,
        /// channels last.
        let name: String
        /// The golden result's shape.
        let output: [Int]
        let compute: @Sendable (Vector) throws -> Tensor
    }

    // MARK: - Operators that no block has in every form

    static let operators = [
        // Blocks have no 3×3 convolution whose channels leave a remainder.
        Case(name: "conv2d_3x3", output: [11, 13, 40]) { vector in
            let backend = vector.backend
            let (freqs, times, outputs) = (11, 13, 40)
            let conv = Conv2d(
                weight: .floats(try vector.floats("weight", outputs, 20, 3, 3), on: backend),
                inputs: 20, outputs: outputs, kernel: .init(freq: 3, time: 3),
                stride: .init(freq: 1, time: 1), padding: .init(freq: 1, time: 1), on: backend)
            let bias = ChannelAffine(bias: try vector.floats("bias", outputs), on: backend)
            let x = try vector.tensor("input", freqs, times, 20)
            let result = backend.tensor([freqs, times, outputs])
            let groups = conv.rowGroups(freqs)
            backend.parallelFor(groups.tiles, scratch: conv.scratchFloats(times: times)) {
                group, scratch in
                let rows = groups[group]
                let target = result.pointer + rows.lowerBound * times * outputs
                conv.multiply(
                    rows: rows, 0..<times, x: x.pointer, freqs: freqs, times: times, into: target,
                    rowStride: times * outputs, ldo: outputs, scratch: scratch, on: backend)
                bias.apply(rows: rows.count * times, target, ld: outputs, on: backend)
            }
            return result
        },
        Case(name: "stft", output: [128, 10, 4]) { vector in
            STFT(nfft: 256).forward(try vector.tensor("input", 2, 640), on: vector.backend)
        },
        Case(name: "istft", output: [3, 640]) { vector in
            STFT(nfft: 256).inverse(
                try vector.tensor("input", 128, 10, 6), samples: 640, on: vector.backend)
        },
    ]
}
