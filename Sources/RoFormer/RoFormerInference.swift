// The arguments of a RoFormer that the shapes of its tensors show, for checkpoints whose YAML file is
// incomplete. Shapes don't show the hop of the transform, the chunks and the names of the stems.

import Networks
import WeightsLoader

extension RoFormerConfiguration.Kind {
    /// The sections of a description, completed by the arguments that the shapes of the checkpoint's
    /// tensors show; given arguments stay but for those that the reference ignores.
    package func completed(
        _ sections: [String: ArgumentValue], from checkpoint: Checkpoint
    ) -> [String: ArgumentValue] {
        var model: [String: ArgumentValue] = [:]
        switch sections["model"] {
        case nil, .null: break
        case .object(let given): model = given
        // Reading the sections refuses it.
        case .some: return sections
        }
        for (key, value) in RoFormerShapes(kind: self, checkpoint: checkpoint).arguments()
        where model[key] == nil || isIgnored(key) { model[key] = value }
        var completed = sections
        completed["model"] = .object(model)
        return completed
    }

    /// Whether the shapes decide. audio-separator's MelBandRoformer ignores this argument and has
    /// masks of 4 · dim channels; that of Music-Source-Separation-Training follows it. So a file may
    /// have another value than its weights.
    private func isIgnored(_ key: String) -> Bool {
        self == .melBand && key == "mlp_expansion_factor"
    }
}

/// Sizes in the state dict.
private struct RoFormerShapes {
    let kind: RoFormerConfiguration.Kind
    let checkpoint: Checkpoint

    /// Limit of layers, bands and stems.
    private static let mostParts = 1_000

    /// The arguments of the class; without those that can't be told from the shapes.
    func arguments() -> [String: ArgumentValue] {
        let layer = "layers.0.0.layers.0.0"
        var values: [String: ArgumentValue] = [
            "depth": .integer(count { "layers.\($0).0.layers.0.0.norm.gamma" }),
            "time_transformer_depth": .integer(count { "layers.0.0.layers.\($0).0.norm.gamma" }),
            "freq_transformer_depth": .integer(count { "layers.0.1.layers.\($0).0.norm.gamma" }),
            "num_stems": .integer(count { "mask_estimators.\($0).to_freqs.0.0.0.weight" }),
        ]
        if let dim = size(0, of: "band_split.to_features.0.1.weight") {
            values["dim"] = .integer(dim)
            // The linear layers of a mask are at 0, 2, 4 …
            let layers = count { "mask_estimators.0.to_freqs.0.0.\(2 * $0).weight" }
            values["mask_estimator_depth"] = .integer(kind == .melBand ? layers - 1 : layers)
            if layers > 1, dim > 0,
                let hidden = size(0, of: "mask_estimators.0.to_freqs.0.0.0.weight"),
                hidden % dim == 0
            {
                values["mlp_expansion_factor"] = .integer(hidden / dim)
            }
        }
        if let heads = size(0, of: layer + ".to_gates.weight") {
            values["heads"] = .integer(heads)
            if let inner = size(0, of: layer + ".to_qkv.weight"), heads > 0 {
                values["dim_head"] = .integer(inner / 3 / heads)
            }
        }
        for (key, value) in bands() { values[key] = value }
        return values
    }

    private func size(_ axis: Int, of name: String) -> Int? {
        guard let shape = checkpoint.tensor(named: name)?.shape, axis < shape.count else {
            return nil
        }
        return shape[axis]
    }

    /// How many of the parts there are, from 0 on.
    private func count(_ name: (Int) -> String) -> Int {
        var count = 0
        while count < Self.mostParts, checkpoint.tensor(named: name(count)) != nil { count += 1 }
        return count
    }

    /// The bands, the channels and the length of a frame.
    private func bands() -> [String: ArgumentValue] {
        let count = count { "band_split.to_features.\($0).0.gamma" }
        let inputs = (0..<count).map { size(0, of: "band_split.to_features.\($0).0.gamma") ?? 0 }
        switch kind {
        case .bandSplit:
            // Real and imaginary parts of each bin; the number of bins is odd.
            let numbers = inputs.reduce(0) { $0 + min($1, 1 << 20) } / 2
            let channels = numbers % 2 == 0 ? 2 : 1
            let bins = numbers / channels
            return [
                "freqs_per_bands": .array(inputs.map { .integer($0 / (2 * channels)) }),
                "stereo": .bool(channels == 2), "stft_n_fft": .integer(2 * (bins - 1)),
                "stft_win_length": .integer(2 * (bins - 1)),
            ]
        case .melBand:
            let found = Self.melLayouts(count).filter { layout in
                layout.layout.bands.count == count
                    && zip(layout.layout.bands, inputs).allSatisfy {
                        2 * layout.channels * $0.count == $1
                    }
            }
            guard found.count == 1 else { return ["num_bands": .integer(count)] }
            return [
                "num_bands": .integer(count), "stereo": .bool(found[0].channels == 2),
                "stft_n_fft": .integer(found[0].nfft), "stft_win_length": .integer(found[0].nfft),
                "sample_rate": .integer(found[0].sampleRateHz),
            ]
        }
    }

    /// The layouts of Mel-Band RoFormers at usual rates and lengths of a frame.
    private static func melLayouts(
        _ bands: Int
    ) -> [(layout: BandLayout, nfft: Int, sampleRateHz: Int, channels: Int)] {
        var layouts: [(layout: BandLayout, nfft: Int, sampleRateHz: Int, channels: Int)] = []
        for nfft in [1_024, 2_048, 4_096] {
            for rate in [44_100, 48_000] {
                guard let layout = BandLayout(melBands: bands, nfft: nfft, sampleRateHz: rate)
                else { continue }
                layouts += [1, 2].map { (layout, nfft, rate, $0) }
            }
        }
        return layouts
    }
}
