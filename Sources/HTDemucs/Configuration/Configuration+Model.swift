// Also Embedded Swift: typed throws, no key paths, no casts.
// What the engine asks of the reference's classes.

import Networks
import Signal
import Tensor
import WeightsLoader

extension Configuration: ModelConfiguration {
    package static var familyName: String { "Demucs" }

    /// How the reference's classes treat a track: `apply_model` in demucs/apply.py. A shift moves it
    /// by up to half a second.
    ///
    /// HTDemucs accepts no more than a training segment, to which `use_train_segment` pads all
    /// others. The other classes accept any length that memory allows, Demucs after padding to a
    /// ``validLength``.
    package var trackRules: TrackRules {
        TrackRules(
            sources: arguments.sources, audioChannels: arguments.audioChannels,
            sampleRateHz: arguments.samplerate, segmentSamples: segmentSamples,
            longestSegmentSamples: longestSegmentSamples,
            isLimited: arguments.architecture == .htdemucs,
            paddedSamples: arguments.useTrainSegment ? segmentSamples : nil,
            validLength: validLength, drawsEachSegment: arguments.tLayers > 0,
            maximumShiftSamples: Int(0.5 * Double(arguments.samplerate)), normalises: true,
            cutting: .overlapping)
    }

    /// The plan of the precision INT8 for a model with float weights (docs/int8.md).
    ///
    /// The first encoder and the last two decoder layers of both branches stay floats: their errors go
    /// straight into the signal, they are small, and their 3 × 3 rewrites are as fast in bfloat16 with
    /// Winograd's transforms as in INT8. The other encoder layers and the 1×1 convolutions around the
    /// transformer keep activations of 16 bits: INT8 activations would save 3 % of the time and cost 2 dB.
    ///
    /// The layers of DConv always stay floats: they have a fortieth of HTDemucs' weights. In the v3
    /// models they also contain the LSTMs.
    package var recommendedPlan: QuantizationPlan {
        // Hybrid Demucs has layers of the spectrogram's branch alone.
        let depths = [
            ("", layers.count), ("t", layers.count { !$0.isTimeOnly }),
        ]
        let floats = depths.flatMap { branch, depth in
            ["\(branch)encoder.0."] + [depth - 2, depth - 1].map { "\(branch)decoder.\($0)." }
        }
        let weightsAlone = ["encoder.", "tencoder.", "channel_"]
        return QuantizationPlan { tensor in
            if floats.contains(where: { tensor.hasPrefix($0) }) { return .float }
            return weightsAlone.contains(where: { tensor.hasPrefix($0) }) ? .w8 : .w8a8
        }
    }

    package var keepsSDRInInt8: Bool { arguments.architecture == .htdemucs }

    package var coreTransform: (nfft: Int, framing: STFT.Framing)? {
        guard arguments.architecture != .demucs else { return nil }
        return (arguments.nfft, framing)
    }

    package var crossTransformer: (layers: Int, heads: Int)? {
        (arguments.tLayers, arguments.tHeads)
    }

    package func network(
        _ parameters: ParameterReader, _ layerWeights: LayerWeightsReader, on backend: Backend
    ) throws(WeightsError) -> LoadedNetwork {
        try LoadedNetwork(
            StateDictReader(configuration: self, backend: backend, layerWeights: layerWeights),
            parameters)
    }

    /// As in reference/seeded_model.py: values with a deviation of 1.2 / √inputs, but uniform.
    package func bound(ofRandomWeight name: String, _ shape: [Int]) -> Float {
        // Number of inputs of each output. PyTorch: a transposed convolution's weight is
        // [inputs, outputs, kernel]. The modules of Demucs are numbered.
        let parts = name.utf8.split(separator: UInt8(ascii: ".")).map { String(Substring($0)) }
        let isTransposed =
            parts.contains("conv_tr")
            || arguments.architecture == .demucs && parts.count == 4 && parts[0] == "decoder"
                && parts[2] != "0" && shape.count == 3
        let inputs =
            isTransposed
            ? Float(shape[0] * shape[2]) / Float(arguments.stride)
            : Float(shape[1...].reduce(1, *))
        let deviation = 1.2 / inputs.squareRoot()
        return deviation * Float(3).squareRoot()
    }
}
