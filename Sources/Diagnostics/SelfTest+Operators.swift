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

    // MARK: - torch.nn

    static let operators = [
        Case(name: "conv2d_3x3", output: [11, 13, 40]) { vector in
            try convolution(
                vector, x: [11, 13, 20], outputs: 40, kernel: .init(freq: 3, time: 3),
                stride: .init(freq: 1, time: 1), padding: .init(freq: 1, time: 1))
        },
        Case(name: "conv2d_8x1", output: [11, 13, 20]) { vector in
            try convolution(
                vector, x: [44, 13, 4], outputs: 20, kernel: .init(freq: 8, time: 1),
                stride: .init(freq: 4, time: 1), padding: .init(freq: 2, time: 0))
        },
        Case(name: "linear", output: [37, 64]) { vector in
            let linear = Linear(
                weight: .floats(try vector.floats("weight", 64, 32), on: vector.backend),
                bias: try vector.floats("bias", 64), inputs: 32, on: vector.backend)
            return linear(try vector.tensor("input", 37, 32), on: vector.backend)
        },
        Case(name: "attention", output: [701, 16]) { vector in
            let backend = vector.backend
            let attention = MultiheadAttention(
                channels: 16, heads: 2,
                inWeight: .floats(try vector.floats("in_proj_weight", 48, 16), on: backend),
                inBias: try vector.floats("in_proj_bias", 48),
                outWeight: .floats(try vector.floats("out_proj.weight", 16, 16), on: backend),
                outBias: try vector.floats("out_proj.bias", 16), on: backend)
            let tokens = try vector.tensor("query", 701, 16)
            let attended = attention.attend(
                attention.query(tokens, on: backend), attention.keyValue(tokens, on: backend),
                on: backend)
            return attention.output(attended, on: backend)
        },
        Case(name: "group_norm", output: [11, 13, 20]) { vector in
            let norm = GroupNorm(
                groups: 4, gain: try vector.floats("weight", 20),
                bias: try vector.floats("bias", 20), on: vector.backend)
            let x = try vector.tensor("input", 11, 13, 20)
            let affine = norm.affine(normalizing: x, on: vector.backend)
            withExtendedLifetime(x) {
                affine.apply(rows: 11 * 13, x.pointer, ld: 20, on: vector.backend)
            }
            return x
        },
        Case(name: "layer_norm", output: [37, 32]) { vector in
            let norm = LayerNorm(
                gain: try vector.floats("weight", 32), bias: try vector.floats("bias", 32),
                on: vector.backend)
            let x = try vector.tensor("input", 37, 32)
            withExtendedLifetime(x) {
                norm.normalise(
                    rows: 37, x.pointer, into: .floats(x.pointer, ld: norm.channels),
                    on: vector.backend)
            }
            return x
        },
        Case(name: "gelu", output: [2401]) { vector in
            let x = try vector.tensor("input", 2401)
            let (ones, zeros) = identity(2401)
            withExtendedLifetime(x) {
                vector.backend.kernels.f32_affine_gelu(
                    1, x.count, ones, zeros, x.pointer, x.count, x.pointer, x.count)
            }
            return x
        },
        Case(name: "glu", output: [11, 13, 12]) { vector in
            let x = try vector.tensor("input", 11, 13, 24)
            let result = vector.backend.tensor([11, 13, 12])
            let (ones, zeros) = identity(24)
            withExtendedLifetime((x, result)) {
                vector.backend.kernels.f32_affine_glu(
                    11 * 13, 12, ones, zeros, x.pointer, 24, result.pointer, 12)
            }
            return result
        },
    ]

    /// Scales of 1 and shifts of 0.
    private static func identity(_ count: Int) -> (ones: [Float], zeros: [Float]) {
        ([Float](repeating: 1, count: count), [Float](repeating: 0, count: count))
    }

    /// - Parameter x: the input's shape, `[freq, time, inputs]`.
    private static func convolution(
        _ vector: Vector, x shape: [Int], outputs: Int, kernel: Conv2d.Pair,
        stride: Conv2d.Pair, padding: Conv2d.Pair
    ) throws -> Tensor {
        let backend = vector.backend
        let (freqs, times, inputs) = (shape[0], shape[1], shape[2])
        let conv = Conv2d(
            weight: .floats(
                try vector.floats("weight", outputs, inputs, kernel.freq, kernel.time),
                on: backend),
            inputs: inputs, outputs: outputs, kernel: kernel, stride: stride, padding: padding,
            on: backend)
        let bias = ChannelAffine(bias: try vector.floats("bias", outputs), on: backend)
        let x = try vector.tensor("input", freqs, times, inputs)
        let result = backend.tensor([
            conv.outputFreqs(freqs), conv.outputTimes(times), outputs,
        ])
        let rowTimes = result.shape[1]
        let groups = conv.rowGroups(freqs)
        backend.parallelFor(groups.tiles, scratch: conv.scratchFloats(times: rowTimes)) {
            group, scratch in
            let rows = groups[group]
            let target = result.pointer + rows.lowerBound * rowTimes * outputs
            conv.multiply(
                rows: rows, 0..<rowTimes, x: x.pointer, freqs: freqs, times: times, into: target,
                rowStride: rowTimes * outputs, ldo: outputs, scratch: scratch, on: backend)
            bias.apply(rows: rows.count * rowTimes, target, ld: outputs, on: backend)
        }
        return result
    }

    // MARK: - Spectrogram

    static let transforms = [
        Case(name: "stft", output: [128, 10, 4]) { vector in
            STFT(nfft: 256).forward(try vector.tensor("input", 2, 640), on: vector.backend)
        },
        Case(name: "istft", output: [3, 640]) { vector in
            STFT(nfft: 256).inverse(
                try vector.tensor("input", 128, 10, 6), samples: 640, on: vector.backend)
        },
    ]
}
