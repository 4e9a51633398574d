// Which layers run in INT8: as recommended, unless an SNR is asked for. Then one layer after the other
// goes one form up, from INT8 × INT8 to INT8 weights alone to floats, until the SNR is there: whichever
// takes the most noise away for what that costs in time and bytes.

import Foundation
import HTDemucs
import Tensor
import WeightsLoader

/// The search for the form of each layer.
struct MixedPrecisionSearch {
    private let quantization: ModelQuantization
    private let rounding: Rounding
    private let mixes: [[Float]]
    private let targets: ModelQuantization.Targets
    /// The official shapes of all tensors.
    private let shapes: [String: [Int]]
    private let cancellation: CancellationToken
    private let report: (ModelQuantization.Stage) -> Void
    private let float32: Backend
    /// What the file is to run in.
    private let target: Backend
    /// The stems of float32.
    private let reference: [Tensor]

    /// Energies of the stems: of the signal, or of the noise that something adds to it.
    private typealias Energies = [Double]

    /// Rounds of the search: each corrects what the sum of single noises predicted.
    private static let rounds = 8

    init(
        _ quantization: ModelQuantization, _ rounding: Rounding, mixes: [[Float]],
        targets: ModelQuantization.Targets, shapes: [String: [Int]],
        cancellation: CancellationToken, report: @escaping (ModelQuantization.Stage) -> Void
    ) throws {
        self.quantization = quantization
        self.rounding = rounding
        self.mixes = mixes
        self.targets = targets
        self.shapes = shapes
        self.cancellation = cancellation
        self.report = report
        float32 = try Backend(threads: quantization.threads)
        target = try Backend(threads: quantization.threads, precision: targets.precision)
        let network = try HTDemucs(
            quantization.configuration, warnings: [],
            parameters: quantization.checkpoint.parameters(), backend: float32)
        reference = try mixes.map {
            try network.forward(
                quantization.tensor($0, on: network.backend), observer: cancellation)
        }
    }

    func run() throws -> QuantizedModel {
        var state = Search(
            layers: rounding.layers,
            signal: zip(reference, reference).map { energies($0.0, minus: nil) }.summed())
        for index in state.layers.indices
        where targets.measuresLayers || targets.leastDecibels != nil {
            report(.measuring(layer: index, of: state.layers.count))
            // A layer that stays in floats is measured all the same: the table tells why it does.
            let layer = state.layers[index]
            let noise = try noise(
                of: layer.tensor, layer.form == .float ? activeForm : layer.form)
            state.layers[index].outputDecibels = worst(state.signal, noise)
            state.noises[index] = layer.form == .float ? state.none : noise
        }
        report(.choosing)
        if let most = targets.mostBytes {
            let least = try model(state.layers).countBytes
            guard least <= most else {
                throw QuantizationError.bytesUnreachable(wanted: most, least: least)
            }
            state.room = most - least
        }
        var whole = try noise(of: state.layers)
        if let least = targets.leastDecibels {
            for _ in 0..<Self.rounds where worst(state.signal, whole) < least {
                // What the layers' own noises don't explain stays: attention in bfloat16, the
                // activations of 16 bits.
                let rest = zip(whole, state.noises.summed()).map { max(0, $0 - $1) }
                while worst(state.signal, zip(rest, state.noises.summed()).map(+)) < least,
                    try raise(&state)
                {}
                whole = try noise(of: state.layers)
            }
            guard worst(state.signal, whole) >= least else {
                throw QuantizationError.decibelsUnreachable(
                    wanted: least, best: worst(state.signal, whole), mostBytes: targets.mostBytes)
            }
        }
        return try model(state.layers, decibels: worst(state.signal, whole))
    }

    /// The form of a layer that isn't spared.
    private var activeForm: LayerForm { targets.precision == .int8 ? .full : .weights }

    // MARK: - Searching

    /// Where the search has got to.
    private struct Search {
        var layers: [ModelQuantization.Layer]
        let signal: Energies
        /// Of each layer in its form.
        var noises: [Energies]
        /// Of layers in INT8 × INT8, with their weights alone in INT8, where that has been measured.
        var weightNoises: [Int: Energies] = [:]
        /// Bytes that may still be added.
        var room = Int.max

        init(layers: [ModelQuantization.Layer], signal: Energies) {
            self.layers = layers
            self.signal = signal
            noises = layers.map { _ in signal.map { _ in 0 } }
        }

        var none: Energies { signal.map { _ in 0 } }

        /// The noise that going one form up takes away, each stem's as a part of its signal.
        func gain(_ index: Int) -> Double {
            zip(zip(noises[index], weightNoises[index] ?? none), signal).reduce(0) {
                $0 + ($1.0.0 - $1.0.1) / $1.1
            }
        }

        /// What that costs: its part of all operations, which run at half the rate then, or its part of
        /// all bytes, which become twice as many.
        func cost(_ index: Int) -> Double {
            layers[index].form == .full
                ? layers[index].operations / layers.reduce(0) { $0 + $1.operations }
                : Double(layers[index].countWeights)
                    / Double(layers.reduce(0) { $0 + $1.countWeights })
        }

        /// The layer that gains the most for what it costs among those that can go one form up.
        var best: Int? {
            let candidates = layers.indices.filter { index in
                switch layers[index].form {
                case .full: gain(index) > 0
                case .weights: layers[index].countWeights <= room
                case .float: false
                }
            }
            // The first of equals.
            return candidates.max { gain($0) * cost($1) < gain($1) * cost($0) }
        }
    }

    /// Takes one layer one form up.
    ///
    /// - Returns: false if none is left that can.
    private func raise(_ state: inout Search) throws -> Bool {
        while let index = state.best {
            if state.layers[index].form == .weights {
                state.layers[index].form = .float
                state.noises[index] = state.none
                state.room -= state.layers[index].countWeights
                return true
            }
            if let noise = state.weightNoises.removeValue(forKey: index) {
                state.layers[index].form = .weights
                state.noises[index] = noise
                return true
            }
            // Up to now its gain was the most that it could be; the next look knows.
            state.weightNoises[index] = try noise(of: state.layers[index].tensor, .weights)
        }
        return false
    }

    // MARK: - Measuring

    private func noise(of tensor: String, _ form: LayerForm) throws -> Energies {
        try noise(
            HTDemucs(
                quantization.configuration, warnings: [],
                parameters: quantization.checkpoint.parameters(
                    replacing: rounding.replacements(for: [tensor])),
                backend: float32, plan: QuantizationPlan([tensor: form])))
    }

    private func noise(of layers: [ModelQuantization.Layer]) throws -> Energies {
        let forms = Dictionary(uniqueKeysWithValues: layers.map { ($0.tensor, $0.form) })
        let quantized = layers.filter { $0.form != .float }.map(\.tensor)
        return try noise(
            HTDemucs(
                quantization.configuration, warnings: [],
                parameters: quantization.checkpoint.parameters(
                    replacing: rounding.replacements(for: quantized)),
                backend: target, plan: QuantizationPlan(forms)))
    }

    private func noise(_ network: HTDemucs) throws -> Energies {
        try zip(mixes, reference).map { mix, reference in
            let stems = try network.forward(
                quantization.tensor(mix, on: network.backend), observer: cancellation)
            return energies(reference, minus: stems)
        }.summed()
    }

    /// For each stem Σ (reference − stems)².
    private func energies(_ reference: Tensor, minus stems: Tensor?) -> Energies {
        let length = reference.count / reference.shape[0]
        return withExtendedLifetime((reference, stems)) {
            (0..<reference.shape[0]).map { stem in
                (stem * length..<(stem + 1) * length).reduce(0) { sum, index in
                    let other = stems.map { Double($0.pointer[index]) } ?? 0
                    let difference = Double(reference.pointer[index]) - other
                    return sum + difference * difference
                }
            }
        }
    }

    /// The SNR of the worst stem, in decibels.
    private func worst(_ signal: Energies, _ noise: Energies) -> Double {
        zip(signal, noise).map { $1 == 0 ? .infinity : 10 * log10($0 / $1) }.min() ?? .infinity
    }

    private func model(
        _ layers: [ModelQuantization.Layer], decibels: Double = 0
    ) throws -> QuantizedModel {
        try QuantizedModel(
            quantization, rounding, layers: layers, shapes: shapes, decibels: decibels)
    }
}

extension [[Double]] {
    /// The elements of equally long arrays, added up.
    fileprivate func summed() -> [Double] {
        guard let first else { return [] }
        return dropFirst().reduce(first) { zip($0, $1).map(+) }
    }
}
