// The search for a mix of precisions: INT8 × INT8, INT8 weights only, or floats for each layer. It
// starts from the recommended plan. To reach a target SNR it moves one layer after another to the
// next more exact form, each time the layer that removes the most noise for its cost in time and
// bytes.

import HTDemucs
import Signal
import System
import Tensor
import WeightsLoader

/// Chooses the form of each layer for a target SNR and file size.
package struct MixedPrecisionSearch {
    /// Requirements for the quantised model.
    package struct Targets: Sendable {
        /// The precision in which the file will run and its SNR is measured. In float32 and
        /// bfloat16 only weights are INT8.
        package var precision: Precision
        /// Least SNR of the worst stem against the float32 model; nil to accept the recommended
        /// plan.
        package var minimumSNRDecibels: Double?
        /// Largest size of the file in bytes; nil for no limit.
        package var maximumBytes: Int?
        /// Whether to measure each layer alone, with one forward pass each. A target SNR implies
        /// it.
        package var measuresLayers: Bool

        package init(
            precision: Precision = .int8, minimumSNRDecibels: Double? = nil,
            maximumBytes: Int? = nil, measuresLayers: Bool = false
        ) {
            self.precision = precision
            self.minimumSNRDecibels = minimumSNRDecibels
            self.maximumBytes = maximumBytes
            self.measuresLayers = measuresLayers
        }
    }

    /// Energy of the signal or of the noise, for each stem.
    private typealias Energies = [Double]

    /// The most rounds of the search. Predictions add up the noise of single layers; each round
    /// corrects them with a measurement of the whole model.
    private static let rounds = 8

    private let quantization: ModelQuantization
    private let quantized: QuantizedLayers
    private let mixes: [[Float]]
    private let targets: Targets
    /// The official shapes of all tensors.
    private let shapes: [String: [Int]]
    private let cancellation: CancellationToken
    private let report: (ModelQuantization.Stage) -> Void
    private let float32: Backend
    /// Backend that runs the model in the target precision.
    private let target: Backend
    /// The stems of the float32 model, see ``stems(_:on:)``.
    private var reference: [[Float]] = []

    init(
        _ quantization: ModelQuantization, _ quantized: QuantizedLayers, mixes: [[Float]],
        targets: Targets, shapes: [String: [Int]], cancellation: CancellationToken,
        report: @escaping (ModelQuantization.Stage) -> Void
    ) throws {
        self.quantization = quantization
        self.quantized = quantized
        self.mixes = mixes
        self.targets = targets
        self.shapes = shapes
        self.cancellation = cancellation
        self.report = report
        float32 = try Backend(threads: quantization.threads)
        target = try Backend(threads: quantization.threads, precision: targets.precision)
        reference = try stems([:], on: float32)
    }

    func run() throws -> QuantizedModel {
        var state = State(
            layers: quantized.layers, signal: energies(reference, \.signal))
        if targets.measuresLayers || targets.minimumSNRDecibels != nil {
            // The least exact form of the recommended plan.
            let mostRounded: LayerForm = targets.precision == .int8 ? .w8a8 : .w8
            for (index, layer) in state.layers.enumerated() {
                report(.measuring(done: index, layers: state.layers.count))
                // Layers that stay floats are measured too: the report shows why they stay floats.
                let form = layer.form == .float ? mostRounded : layer.form
                let noise = try noise([layer.tensor: form], on: float32)
                state.layers[index].outputSNRDecibels = worstSNR(state.signal, noise)
                state.noises[index] = layer.form == .float ? state.silence : noise
            }
        }
        report(.choosing)
        if let maximum = targets.maximumBytes {
            let least = try model(state.layers).countBytes
            guard least <= maximum else {
                throw QuantizationError(unreachableBytes: maximum, least: least)
            }
            state.spareBytes = maximum - least
        }
        var whole = try noise(state.forms, on: target)
        if let minimum = targets.minimumSNRDecibels {
            for _ in 0..<Self.rounds where worstSNR(state.signal, whole) < minimum {
                // Noise that belongs to no layer: attention in bfloat16, activations of 16 bits.
                let rest = zip(whole, state.noises.summed()).map { max(0, $0 - $1) }
                while worstSNR(state.signal, zip(rest, state.noises.summed()).map(+)) < minimum,
                    try raise(&state)
                {}
                whole = try noise(state.forms, on: target)
            }
            guard worstSNR(state.signal, whole) >= minimum else {
                throw QuantizationError(
                    unreachableSNRDecibels: minimum, best: worstSNR(state.signal, whole),
                    maximumBytes: targets.maximumBytes)
            }
        }
        return try model(state.layers, snrDecibels: worstSNR(state.signal, whole))
    }

    // MARK: - Choosing

    /// The forms chosen so far, and their noise.
    private struct State {
        var layers: [ModelQuantization.Layer]
        let signal: Energies
        /// Noise of the model with only one layer in its form, for each layer.
        var noises: [Energies]
        /// Noise of W8A8 layers in the form W8, where it was measured.
        var w8Noises: [Int: Energies] = [:]
        /// Bytes that may still be added to the file.
        var spareBytes = Int.max

        init(layers: [ModelQuantization.Layer], signal: Energies) {
            self.layers = layers
            self.signal = signal
            noises = layers.map { _ in signal.map { _ in 0 } }
        }

        var silence: Energies { signal.map { _ in 0 } }

        var forms: [String: LayerForm] {
            Dictionary(uniqueKeysWithValues: layers.map { ($0.tensor, $0.form) })
        }

        /// The noise that the layer's next form removes: a sum over the stems of noise / signal.
        func gain(_ index: Int) -> Double {
            zip(zip(noises[index], w8Noises[index] ?? silence), signal).reduce(0) {
                $0 + ($1.0.0 - $1.0.1) / $1.1
            }
        }

        /// The cost of the layer's next form: its fraction of all operations, which then run at half
        /// the rate, or its fraction of all weights, which then take twice the bytes.
        func cost(_ index: Int) -> Double {
            layers[index].form == .w8a8
                ? layers[index].operations / layers.reduce(0) { $0 + $1.operations }
                : Double(layers[index].countWeights)
                    / Double(layers.reduce(0) { $0 + $1.countWeights })
        }

        /// The layer with the highest ratio of gain to cost; nil if no layer can be raised.
        var best: Int? {
            let candidates = layers.indices.filter { index in
                switch layers[index].form {
                case .w8a8: gain(index) > 0
                case .w8: layers[index].countWeights <= spareBytes
                case .float: false
                }
            }
            return candidates.max { gain($0) * cost($1) < gain($1) * cost($0) }
        }
    }

    /// Moves the best layer to its next form.
    ///
    /// - Returns: false if no layer is left to raise.
    private func raise(_ state: inout State) throws -> Bool {
        while let index = state.best {
            if state.layers[index].form == .w8 {
                state.layers[index].form = .float
                state.noises[index] = state.silence
                state.spareBytes -= state.layers[index].countWeights
                return true
            }
            if let noise = state.w8Noises.removeValue(forKey: index) {
                state.layers[index].form = .w8
                state.noises[index] = noise
                return true
            }
            // The layer's gain was an upper bound so far; after the measurement another layer may
            // be better.
            state.w8Noises[index] = try noise([state.layers[index].tensor: .w8], on: float32)
        }
        return false
    }

    // MARK: - Measuring

    private func noise(_ forms: [String: LayerForm], on backend: Backend) throws -> Energies {
        energies(try stems(forms, on: backend), \.noise)
    }

    /// The stems of each mix, `[sources, audioChannels, samples]`, from a model with quantised
    /// layers.
    ///
    /// - Parameter forms: forms by tensor; other layers stay floats.
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

    /// Energies of the stems against the reference, summed over the mixes.
    private func energies(
        _ stems: [[Float]], _ energy: KeyPath<SignalToNoise, Double>
    ) -> Energies {
        let sources = quantization.description.configuration.trackRules.sources
        return zip(stems, reference).map { stems, reference in
            SignalToNoise.perStem(stems, against: reference, count: sources.count)
                .map { $0[keyPath: energy] }
        }.summed()
    }

    /// SNR of the worst stem in dB.
    private func worstSNR(_ signal: Energies, _ noise: Energies) -> Double {
        zip(signal, noise).map { SignalToNoise(signal: $0, noise: $1) }.worstDecibels
    }

    private func model(
        _ layers: [ModelQuantization.Layer], snrDecibels: Double = 0
    ) throws -> QuantizedModel {
        try QuantizedModel(
            quantization, quantized, layers: layers, shapes: shapes, snrDecibels: snrDecibels)
    }
}

extension [[Double]] {
    /// The elementwise sum of equally long arrays.
    fileprivate func summed() -> [Double] {
        guard let first else { return [] }
        return dropFirst().reduce(first) { zip($0, $1).map(+) }
    }
}
