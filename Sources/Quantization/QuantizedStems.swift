// The stems of a quantised model against those of the float32 model, on segments of the calibration.

import Networks
import Signal
import System
import Tensor
import WeightsLoader

/// Runs a model with some of its layers quantised, to measure what the rounding costs.
struct QuantizedStems {
    private let quantization: ModelQuantization
    private let quantized: QuantizedLayers
    private let mixes: [[Float]]
    private let cancellation: CancellationToken
    /// The stems of the float32 model, see ``stems(_:on:)``.
    private var reference: [[Float]] = []

    /// - Parameter mixes: at least one segment, as for ``ModelQuantization``.
    init(
        _ quantization: ModelQuantization, _ quantized: QuantizedLayers, mixes: [[Float]],
        cancellation: CancellationToken
    ) throws {
        self.quantization = quantization
        self.quantized = quantized
        self.mixes = mixes
        self.cancellation = cancellation
        reference = try stems([:], on: Backend(threads: quantization.threads))
    }

    /// SNR of the worst stem in dB, whose energies are summed over the mixes.
    ///
    /// - Parameter forms: forms by tensor; other layers stay floats.
    func worstSNR(_ forms: [String: LayerForm], on backend: Backend) throws -> Double {
        let count = quantization.description.configuration.trackRules.sources.count
        let perMix = zip(try stems(forms, on: backend), reference).map {
            SignalToNoise.perStem($0, against: $1, count: count)
        }
        let sums = (0..<count).map { stem in
            SignalToNoise(
                signal: perMix.reduce(0) { $0 + $1[stem].signal },
                noise: perMix.reduce(0) { $0 + $1[stem].noise })
        }
        return sums.worstDecibels
    }

    /// The stems of each mix, `[sources, audioChannels, samples]`.
    private func stems(_ forms: [String: LayerForm], on backend: Backend) throws -> [[Float]] {
        let parameters = quantization.checkpoint.parameters(
            replacing: quantized.replacements(
                for: forms.filter { $0.value != .float }.keys))
        let network = try quantization.description.configuration.network(
            parameters, on: backend, plan: QuantizationPlan(forms))
        return try mixes.map {
            try network.forward(quantization.tensor($0, on: backend), observer: cancellation).floats
        }
    }
}
