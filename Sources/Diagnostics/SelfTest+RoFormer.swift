// Self-test case of the RoFormers: a whole tiny network.

import Networks
import RoFormer
import System
import Tensor
import WeightsLoader

extension SelfTest {
    static let roformers = [
        Case(name: "roformer", output: [1, 320]) { vector in
            let (reader, backend) = (vector.reader, vector.backend)
            let configuration = try RoFormerConfiguration(.bandSplit, roformerSections)
            let network = try configuration.network(
                reader, configuration.layerWeights(of: reader, on: backend), on: backend)
            return try network.forward(
                vector.tensor("input", 1, 320), observer: CancellationToken())
        }
    ]

    /// The configuration `bands_deep` of reference/roformer_fixtures.py: transformers of two layers,
    /// masks of three.
    private static let roformerSections: [String: ArgumentValue] = [
        "audio": .object(["chunk_size": .integer(320)]),
        "model": .object([
            "dim": .integer(16), "depth": .integer(1), "heads": .integer(2),
            "dim_head": .integer(8), "mask_estimator_depth": .integer(3),
            "mlp_expansion_factor": .integer(2), "stft_n_fft": .integer(64),
            "stft_hop_length": .integer(16),
            "freqs_per_bands": .array([3, 6, 8, 16].map(ArgumentValue.integer)),
        ]),
        "training": .object(["instruments": .array([.string("stem1")])]),
    ]
}
