// Random weights and signals that are the same in every run and on every machine.

import Demucs
import HTDemucs
import Layers
import Quantization

/// Random parameters of a configuration without a checkpoint, seeded with their names.
///
/// As in reference/seeded_model.py, and unlike at the start of training, no value hides
/// errors: a LayerScale of 1e-4 would mute whole transformers. LayerScale is in 0.05 to 0.35, gains
/// of norms in 0.8 to 1.2, biases in ±0.1, and the variance of weights keeps activations near one.
/// Weights are uniform, which is faster to draw than normal.
struct SeededWeights: Sendable {
    let configuration: ModelConfiguration

    /// The values of a parameter, row-major.
    ///
    /// - Parameters:
    ///   - name: the parameter's name in the official state dict.
    ///   - shape: the parameter's shape in PyTorch's order.
    func draw(_ name: String, _ shape: [Int]) -> [Float] {
        if name.hasSuffix("rotary_embed.freqs") {
            return RotaryEmbedding.standardFrequencies(pairs: shape[0])
        }
        var draws = SeededDraws(name)
        return draws.next(shape.reduce(1, *), in: range(name, shape))
    }

    private func range(_ name: String, _ shape: [Int]) -> ClosedRange<Float> {
        if name.hasSuffix("scale") { return 0.05...0.35 }
        // The biases of an LSTM are called `bias_ih_l0` and the like.
        if name.hasSuffix("bias") || name.contains(".bias_") { return -0.1...0.1 }
        if shape.count == 1 { return 0.8...1.2 }
        if name.hasPrefix("freq_emb") { return -0.1...0.1 }
        // Number of inputs of each output. PyTorch: a transposed convolution's weight is
        // [inputs, outputs, kernel].
        let inputs =
            transposedStride(name, shape).map { Float(shape[0] * shape[2]) / Float($0) }
            ?? Float(shape[1...].reduce(1, *))
        // RoFormers have no LayerScale: weights of PyTorch's initial size keep the blocks of their
        // transformers a fraction of the residual stream.
        if case .roformer = configuration {
            return -1 / inputs.squareRoot()...1 / inputs.squareRoot()
        }
        let deviation = 1.2 / inputs.squareRoot()
        let bound = deviation * Float(3).squareRoot()
        return -bound...bound
    }

    /// The stride of the transposed convolution that a weight belongs to; nil for other layers.
    private func transposedStride(_ name: String, _ shape: [Int]) -> Int? {
        guard case .demucs(let configuration) = configuration else { return nil }
        if name.contains("conv_tr") { return configuration.arguments.stride }
        // The modules of Demucs are numbered.
        let parts = name.split(separator: ".")
        let isTransposed =
            configuration.arguments.architecture == .demucs && parts.count == 4
            && parts[0] == "decoder"
            && parts[2] != "0" && shape.count == 3
        return isTransposed ? configuration.arguments.stride : nil
    }
}
