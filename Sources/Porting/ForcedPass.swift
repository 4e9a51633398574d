// A forward pass that goes on with a port's values, so that each layer reads what the port's read.

import Demucs
import Networks
import Signal
import System
import Tensor
import Tracks

/// Values of a network for one chunk, by the network's names.
struct ChunkValues {
    let collection: TensorCollection
    /// Gives the shapes of raw files.
    private let other: TensorCollection
    /// `chunk-00003/`, or nothing.
    private let prefix: String
    /// Names of the inputs in `tensors prepare`, where `x` is the spectrogram.
    private var inputNames: [String: String] = [:]

    init(_ collection: TensorCollection, prefix: String, like other: TensorCollection) {
        self.collection = collection
        self.other = other
        self.prefix = prefix
        guard collection.has("\(prefix)\(CoreTensor.input)"), !collection.has("\(prefix)mix") else {
            return
        }
        inputNames["mix"] = CoreTensor.input
        // A chunk of `tensors prepare` has nothing from inside the network.
        let chunk: Set = [CoreTensor.input, CoreTensor.x, CoreTensor.output, CoreTensor.waveform]
        let own = collection.names.filter { $0.hasPrefix(prefix) }
        if own.allSatisfy({ chunk.contains(String($0.dropFirst(prefix.count))) }) {
            inputNames["mag"] = CoreTensor.x
        }
    }

    /// The name in the collection; nil if it has no such value.
    func name(_ value: String) -> String? {
        if value == CoreTensor.x, inputNames["mag"] != nil { return nil }
        let name = prefix + (inputNames[value] ?? value)
        return collection.has(name) ? name : nil
    }

    func callAsFunction(_ value: String) throws -> NamedTensor? {
        try name(value).map { try collection.tensor($0, like: other) }
    }
}

/// What the engine computes for a value from a port's inputs, and how far the port's value is from it.
package struct ForcedValue {
    /// The port's value against the engine's, where both are finite.
    private(set) var ratio = SignalToNoise()
    /// Whether the port has NaN or infinity where the engine computes a finite number.
    private(set) var isBroken = false
    /// The energy of rounding errors that the engine's value has besides its own.
    let rounding: Double
    /// The last of the values before it that the port lacks; nil if it lacks none.
    let missing: String?
    let shape: [Int]
    let count: Int
    /// The distance of the sampled elements, in which every slice along an axis has its part.
    let step: Int
    /// Some of the engine's elements, and the port's.
    let sample: [Float]
    let foundSample: [Float]

    private static let mostSampled = 1 << 16

    package init(_ found: [Float], own: NamedTensor, rounding: Double, missing: String?) {
        self.rounding = rounding
        self.missing = missing
        shape = own.shape
        count = own.values.count
        var step = max(1, count / Self.mostSampled)
        while count > 0, Resampler.greatestCommonDivisor(step, count) > 1 { step += 1 }
        self.step = step
        let places = stride(from: 0, to: count, by: step)
        sample = places.map { own.values[$0] }
        foundSample = places.map { found[$0] }
        for (found, own) in zip(found, own.values) where own.isFinite {
            if found.isFinite { ratio.add(found, reference: own) } else { isBroken = true }
        }
    }
}

/// Compares each value with a port's, then goes on with the port's.
///
/// A value that the port lacks stays the engine's own, computed from the port's last ones.
final class ForcedPass: ForwardObserver {
    private let port: ChunkValues
    /// The chunk's inputs, for a port that lacks them.
    private let inputs: ChunkValues
    private let addsNoise: Bool
    let cancellation: CancellationToken?

    private(set) var values: [String: ForcedValue] = [:]
    /// Whether the port lacks a value and has a later one.
    private(set) var hasGaps = false
    /// The last value that the port lacks.
    private var missing: String?
    /// The energy of the rounding errors of the means that `x` and `xt` subtract.
    private var ofMeans: [String: Double] = [:]
    private var failure: (any Error)?

    static let inputNames: Set = ["mix", "input", "mag", "stft_repr"]

    /// - Parameter addsNoise: whether values that the port lacks get noise, for the rounding errors
    ///   that its own may have.
    init(
        port: ChunkValues, inputs: ChunkValues, addsNoise: Bool, cancellation: CancellationToken
    ) {
        self.port = port
        self.inputs = inputs
        self.addsNoise = addsNoise
        self.cancellation = cancellation
    }

    var probe: Probe? { Probe(isWanted: isWanted, take: take) }

    func completed(_ block: NetworkBlock) throws(CancellationError) {
        if failure != nil { throw CancellationError() }
        try cancellation?.check()
    }

    /// Runs the network on the port's mix.
    ///
    /// - Parameter channels: of the mix.
    /// - Throws: ``PortingError`` without a mix or for values that can't be read; `CancellationError`.
    func run(_ network: any SeparationNetwork, channels: Int) throws {
        let path = inputs.collection.path
        guard let input = try port("mix") ?? inputs("mix") else {
            throw PortingError.unusable(
                path: path, problem: "has no 'mix', which the network runs on; give a trace with it"
            )
        }
        let shape = try input.shapeOfMix(channels: channels, path: path).dropFirst()
        let mix = network.backend.tensor(Array(shape), input.values)
        do {
            _ = try network.forward(mix, z: nil, observer: self)
        } catch {
            throw failure ?? error
        }
        // Of a value behind the last block.
        if let failure { throw failure }
    }

    private func isWanted(_ name: String) -> Bool {
        guard failure == nil, cancellation?.isCancelled != true else { return false }
        let isThere = port.name(name) != nil
        // Changes of skips and of attention are no values of their own.
        guard isThere || !(name.hasSuffix(".skip") || name.contains(".weights.")) else {
            return false
        }
        let isInput = Self.inputNames.contains(name)
        if !isThere, !isInput { missing = name }
        if isThere, missing != nil { hasGaps = true }
        return isThere || isInput || addsNoise
    }

    private func take(_ name: String, _ x: Tensor, _ layout: Probe.Layout, _ rounding: Double) {
        var own = NamedTensor(name, x, layout)
        let shape = own.shape
        func fits(_ tensor: NamedTensor) -> Bool { tensor.shape.unbatched == shape.unbatched }
        do {
            if let found = try port(name),
                own.stems(like: found).shape.unbatched == found.shape.unbatched
            {
                // The pass began with the port's mix, which nothing is computed into.
                if name == "mix", let given = try inputs(name), fits(given) { own = given }
                values[name] = ForcedValue(
                    found.values, own: own.stems(like: found),
                    rounding: rounding + (ofMeans[name] ?? 0), missing: missing)
                guard fits(found) else { return }
                own = found
            } else if Self.inputNames.contains(name) {
                guard try isSameMix(), let given = try inputs(name), fits(given) else { return }
                own = given
            } else {
                missing = name
                guard addsNoise else { return }
                addNoise(LayerJudge.leastFloat32Decibels(name, shape), to: &own.values)
            }
            if let normalised = ["mix": "xt", "mag": "x"][name] {
                ofMeans[normalised] = Self.roundingOfMean(own.values)
            }
            own.shape = shape
            own.write(to: x, layout)
        } catch {
            failure = error
        }
    }

    /// Whether the port was given our mix, so that our spectrogram is its spectrogram.
    private func isSameMix() throws -> Bool {
        guard let found = try port("mix"), let given = try inputs("mix") else { return true }
        return found.values == given.values
    }

    /// The energy that is left of a constant signal: where the mean cancels the signal, its rounding
    /// error is divided by 1e-5. A sum in float32 may be off by some of the last bits, here by eight.
    private static func roundingOfMean(_ values: [Float]) -> Double {
        let count = Double(max(1, values.count))
        let sum = values.reduce(0) { $0 + Double($1) }
        let energy = values.reduce(0) { $0 + Double($1) * Double($1) }
        let variance = max(0, energy / count - (sum / count) * (sum / count))
        let scale = 1 / (1e-5 + variance.squareRoot())
        return energy * 0x1p-42 * scale * scale
    }

    /// Adds the same number to each element or takes it away, at random.
    private func addNoise(_ decibels: Double, to values: inout [Float]) {
        let energy = values.reduce(0) { $0 + Double($1) * Double($1) }
        let size = Float(
            (energy / Double(max(1, values.count)) * pow(10, -decibels / 10)).squareRoot())
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        for index in values.indices {
            // Xorshift (Marsaglia 2003).
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            values[index] += state & 1 == 0 ? size : -size
        }
    }
}

extension NamedTensor {
    /// The stems without the rest of the mix, the last one, if a port gives only the model's own.
    func stems(like found: NamedTensor) -> NamedTensor {
        let own = [(shape.first ?? 0) - 1] + shape.dropFirst()
        guard FilePath.name(of: name) == "final", found.shape.unbatched == own.unbatched else {
            return self
        }
        return NamedTensor(name, own, Array(values.prefix(found.values.count)))
    }

    /// The shape of a mix, `[1, channels, samples]`.
    ///
    /// - Throws: ``PortingError`` for another shape.
    func shapeOfMix(channels: Int, path: String) throws(PortingError) -> [Int] {
        let samples = shape.last ?? 0
        guard samples > 0, channels * samples == values.count,
            Array(shape.dropLast()).unbatched == [channels].unbatched
        else {
            throw .unusable(
                path: path,
                problem: "'mix' has the shape \(shape), expected [\(channels), samples]")
        }
        return [1, channels, samples]
    }
}
