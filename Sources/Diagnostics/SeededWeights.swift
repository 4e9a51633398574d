// Random weights and signals that are the same in every run and on every machine.

import Demucs
import Layers
import Networks
import Quantization

/// Random parameters of a configuration without a checkpoint, seeded with their names.
///
/// As in reference/seeded_model.py, and unlike at the start of training, no value hides
/// errors: a LayerScale of 1e-4 would mute whole transformers. LayerScale is in 0.05 to 0.35, gains
/// of norms in 0.8 to 1.2, biases in ±0.1, and the variance of weights keeps activations near one.
/// Weights are uniform, which is faster to draw than normal.
struct SeededWeights: Sendable {
    let configuration: any ModelConfiguration

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
        let bound = configuration.bound(ofRandomWeight: name, shape)
        return -bound...bound
    }
}
