// The sizes of published RoFormers, to measure them without their files.

import Networks
import WeightsLoader

extension RoFormerConfiguration {
    /// A published configuration under the name that the model is found by.
    package enum Published: String, Sendable, CaseIterable {
        /// Kimberley Jensen's `config_vocals_mel_band_roformer_kj.yaml`.
        case kim = "mel_band_roformer_kim"
        /// viperx' `model_bs_roformer_ep_317_sdr_12.9755.yaml`; ep_368 has the same sizes.
        case ep317 = "bs_roformer_ep_317"
        /// `BS-Rofo-SW-Fixed.yaml`, of six stems.
        case sw = "bs_roformer_sw"

        package var kind: Kind { self == .kim ? .melBand : .bandSplit }

        package func configuration() throws(ConfigurationError) -> RoFormerConfiguration {
            try RoFormerConfiguration(kind, sections)
        }

        private var sections: [String: ArgumentValue] {
            let (dim, depth, hop, samples) =
                switch self {
                case .kim: (384, 6, 441, 352_800)
                case .ep317: (512, 12, 441, 352_800)
                case .sw: (256, 12, 512, 588_800)
                }
            let instruments =
                self == .sw
                ? ["bass", "drums", "other", "vocals", "guitar", "piano"] : ["vocals", "other"]
            return [
                "audio": .object(["chunk_size": .integer(samples)]),
                "model": .object([
                    "dim": .integer(dim), "depth": .integer(depth), "stereo": .bool(true),
                    "num_stems": .integer(self == .sw ? 6 : 1),
                    "time_transformer_depth": .integer(1),
                    "freq_transformer_depth": .integer(1), "mask_estimator_depth": .integer(2),
                    "stft_hop_length": .integer(hop),
                ]),
                "training": .object([
                    "instruments": .array(instruments.map(ArgumentValue.string)),
                    "target_instrument": self == .sw ? .null : .string("vocals"),
                ]),
            ]
        }
    }
}
