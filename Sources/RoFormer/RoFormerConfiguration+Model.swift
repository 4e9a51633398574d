// What the engine asks of a RoFormer.

import Networks
import Tensor
import WeightsLoader

extension RoFormerConfiguration: ModelConfiguration {
    package static var familyName: String { "RoFormer" }

    /// Chunks of the length and overlap that the model's file says, without normalisation unless it
    /// says so. A bag's segment length is ignored.
    package var trackRules: TrackRules {
        TrackRules(
            sources: sources, audioChannels: audioChannels, sampleRateHz: sampleRateHz,
            segmentSamples: chunks.chunkSamples, longestSegmentSamples: longestChunkSamples,
            normalises: chunks.normalises, cutting: .chunks(overlapCount: chunks.overlapCount))
    }

    /// The plan of the precision INT8 for a RoFormer with float weights (docs/int8.md).
    ///
    /// The linear layers of the transformers have nearly all operations, and inputs that a norm, a
    /// mean of values or GELU bounds: INT8 × INT8. The band split reads the spectrogram, and the masks
    /// multiply it: they keep activations of 16 bits, which costs little time. The gates, one number
    /// for each head, are always floats.
    package var recommendedPlan: QuantizationPlan {
        QuantizationPlan { $0.hasPrefix("layers.") ? .w8a8 : .w8 }
    }

    package func network(
        _ parameters: ParameterReader, _ layerWeights: LayerWeightsReader, on backend: Backend
    ) throws(WeightsError) -> RoFormer {
        try RoFormer(self, parameters, layerWeights, on: backend)
    }

    /// RoFormers have no LayerScale: weights of PyTorch's initial size keep the blocks of their
    /// transformers a fraction of the residual stream.
    package func bound(ofRandomWeight name: String, _ shape: [Int]) -> Float {
        1 / Float(shape[1...].reduce(1, *)).squareRoot()
    }
}
