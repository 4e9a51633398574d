// Which layers run in INT8: as recommended, unless an SNR is asked for. Then the layer that adds the
// most noise goes one form up, from INT8 × INT8 to INT8 weights alone to floats, until the SNR is
// there.

import Foundation
import Tensor
import WeightsLoader

/// The search for the form of each layer.
struct LayerChoice {
    private let quantization: ModelQuantization
    private let rounding: Rounding
    private let mixes: [[Float]]
    private let wishes: ModelQuantization.Wishes
    /// The official shapes of all tensors.
    private let shapes: [String: [Int]]
    private let cancellation: CancellationToken
    private let report: (ModelQuantization.Stage) -> Void
    private let float32: Backend
    private let int8: Backend
    /// The stems of float32.
    private let reference: [Tensor]

    /// Energies of the stems: of the signal, or of the noise that something adds to it.
    private typealias Energies = [Double]

    /// Rounds of the search: each corrects what the sum of single noises predicted.
    private static let rounds = 8

    init(
        _ quantization: ModelQuantization, _ rounding: Rounding, mixes: [[Float]],
        wishes: ModelQuantization.Wishes, shapes: [String: [Int]],
        cancellation: CancellationToken, report: @escaping (ModelQuantization.Stage) -> Void
    ) throws {
        self.quantization = quantization
        self.rounding = rounding
        self.mixes = mixes
        self.wishes = wishes
        self.shapes = shapes
        self.cancellation = cancellation
        self.report = report
        float32 = try Backend(threads: quantization.threads)
        int8 = try Backend(threads: quantization.threads, precision: .int8)
        let network = try HTDemucs(
            quantization.configuration, warnings: [],
            parameters: quantization.checkpoint.parameters(), backend: float32)
        reference = try mixes.map {
            try network.forward(
                quantization.tensor($0, on: network.backend), cancellation: cancellation)
        }
    }

    func run() throws -> QuantizedModel {
        var layers = rounding.layers
        let signal = zip(reference, reference).map { energies($0.0, minus: nil) }.summed()
        var noises: [Energies] = []
        for index in layers.indices where wishes.measuresLayers || wishes.leastDecibels != nil {
            report(.measuring(layer: index, of: layers.count))
            // A layer that stays in floats is measured all the same: the table tells why it does.
            let form = layers[index].form == .float ? .full : layers[index].form
            let noise = try noise(of: layers[index].tensor, form)
            layers[index].outputDecibels = worst(signal, noise)
            noises.append(layers[index].form == .float ? signal.map { _ in 0 } : noise)
        }
        report(.choosing)
        var room = Int.max
        if let most = wishes.mostBytes {
            let least = try model(layers).countBytes
            guard least <= most else {
                throw QuantizationError.bytesUnreachable(wanted: most, least: least)
            }
            room = most - least
        }
        var whole = try noise(of: layers, on: int8)
        if let least = wishes.leastDecibels {
            for _ in 0..<Self.rounds where worst(signal, whole) < least {
                // What the layers' own noises don't explain stays: attention in bfloat16, the
                // activations of 16 bits.
                let rest = zip(whole, noises.summed()).map { max(0, $0 - $1) }
                while worst(signal, zip(rest, noises.summed()).map(+)) < least,
                    let index = noisiest(layers, noises, signal, room: room)
                {
                    if layers[index].form == .full {
                        layers[index].form = .weights
                        noises[index] = try noise(of: layers[index].tensor, .weights)
                    } else {
                        layers[index].form = .float
                        noises[index] = signal.map { _ in 0 }
                        room -= growth(layers[index])
                    }
                }
                whole = try noise(of: layers, on: int8)
            }
            guard worst(signal, whole) >= least else {
                throw QuantizationError.decibelsUnreachable(
                    wanted: least, best: worst(signal, whole), mostBytes: wishes.mostBytes)
            }
        }
        return try model(layers, decibels: worst(signal, whole))
    }

    /// Bytes more that a layer takes as float16 than as INT8, or a few less: its scales.
    private func growth(_ layer: ModelQuantization.Layer) -> Int {
        layer.shape.reduce(1, *)
    }

    /// The layer that adds the most noise, each stem's as a part of its signal, among those that
    /// can go one form up.
    private func noisiest(
        _ layers: [ModelQuantization.Layer], _ noises: [Energies], _ signal: Energies, room: Int
    ) -> Int? {
        func share(_ index: Int) -> Double {
            zip(noises[index], signal).reduce(0) { $0 + $1.0 / $1.1 }
        }
        let candidates = layers.indices.filter { index in
            switch layers[index].form {
            case .full: true
            case .weights: growth(layers[index]) <= room
            case .float: false
            }
        }
        // The first of equals.
        return candidates.max { share($0) < share($1) }
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

    private func noise(of layers: [ModelQuantization.Layer], on backend: Backend) throws
        -> Energies
    {
        let forms = Dictionary(uniqueKeysWithValues: layers.map { ($0.tensor, $0.form) })
        let quantized = layers.filter { $0.form != .float }.map(\.tensor)
        return try noise(
            HTDemucs(
                quantization.configuration, warnings: [],
                parameters: quantization.checkpoint.parameters(
                    replacing: rounding.replacements(for: quantized)),
                backend: backend, plan: QuantizationPlan(forms)))
    }

    private func noise(_ network: HTDemucs) throws -> Energies {
        try zip(mixes, reference).map { mix, reference in
            let stems = try network.forward(
                quantization.tensor(mix, on: network.backend), cancellation: cancellation)
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
