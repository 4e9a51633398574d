// Which values of a port are wrong, each computed from exactly the inputs that the port's layer had.

import Demucs
import Networks
import Signal
import System
import Tensor
import Tracks
import WeightsLoader

/// Judges the values of a port by one forward pass of the engine that goes on with them.
///
/// No error of one layer reaches the next, and nothing amplifies rounding errors. A port that leaves
/// values out gets a second pass, with noise in them: it shows how far the rounding errors of the
/// layers between two values may move the later one.
package struct LayerJudge {
    private let model: OpenedModel
    private let network: any SeparationNetwork
    /// The network in the port's precision; nil for float32.
    private let rounded: (any SeparationNetwork)?
    private let cancellation: CancellationToken

    /// - Parameter precision: of the port.
    /// - Throws: `WeightsError`, `TensorError`.
    package init(
        _ model: OpenedModel, threads: Int, precision: Precision = .float32,
        cancellation: CancellationToken
    ) throws {
        self.model = model
        self.cancellation = cancellation
        network = try model.network(on: Backend(threads: threads))
        rounded =
            precision == .float32
            ? nil : try model.network(on: Backend(threads: threads, precision: precision))
    }

    /// What the judge says of a value.
    struct Verdict {
        /// The SNR in dB of the port's value against the engine's, from the port's own inputs.
        let decibels: Double
        /// The SNR in dB that a right value has.
        let boundDecibels: Double
        let isRight: Bool
        /// The wrong slice of a value that has one, in words.
        let slice: String?
        /// What isn't judged for want of a value of the port, in words.
        let unjudged: String?
    }

    /// The verdict on each value that a port and the network have.
    ///
    /// - Parameters:
    ///   - like: a right port in the same precision.
    ///   - bound: the SNR in dB of a right value; nil for that of rounding errors.
    ///   - type: of a port in half precision; its norms and sums may be in float32.
    /// - Returns: verdicts by the names in the collections.
    /// - Throws: ``PortingError``, `AudioError`, `CancellationError`.
    func verdicts(
        on port: TensorCollection, inputs: TensorCollection, like: TensorCollection?,
        bound: Double?, type: RoundedType?
    ) throws -> [String: Verdict] {
        var found: [String: Verdict] = [:]
        let networks = inputs.names.filter { ComputationOrder.isOfNetwork(FilePath.name(of: $0)) }
        for prefix in Set(networks.map(Self.prefix)).sorted() {
            let values = ChunkValues(port, prefix: prefix, like: inputs)
            let given = ChunkValues(inputs, prefix: prefix, like: port)
            let pass = try forced(network, values, given)
            var likeLevels: [String: Double] = [:]
            if let like {
                let right = try forced(
                    network, ChunkValues(like, prefix: prefix, like: inputs), given)
                for (name, value) in right.values { likeLevels[name] = value.ratio.decibels }
            }
            let sorted = likeLevels.values.sorted()
            let median = sorted.isEmpty ? nil : sorted[sorted.count / 2]
            var noisy: ForcedPass?
            let isInexact = rounded != nil || pass.hasGaps
            if isInexact, bound == nil, like == nil {
                noisy = try forced(rounded ?? network, values, given, addsNoise: pass.hasGaps)
            }
            for (name, value) in pass.values {
                guard let own = values.name(name) else { continue }
                let shape = try port.shape(own)
                let exact = Self.leastFloat32Decibels(name, shape)
                var least = bound ?? exact
                var slices: SliceJudgement?
                if bound == nil, let median {
                    least = min(least, min(likeLevels[name] ?? median, median) - Self.margin)
                } else if bound == nil {
                    if let type { least = min(least, type.leastDecibels) }
                    if let other = noisy?.values[name] {
                        let level = SignalToNoise(of: other.sample, against: value.sample)
                        least = min(least, level.decibels - Self.margin)
                        if rounded == nil, type == nil, pass.hasGaps {
                            slices = SliceJudgement(value, noisy: other.sample, bound: exact)
                        }
                    }
                }
                let allowed =
                    value.ratio.signal * pow(10, -least / 10)
                    + (value.rounding.isFinite ? value.rounding : 0)
                let isRight = !value.isBroken && value.ratio.noise <= allowed
                let part = least < SliceJudgement.least ? slices?.unjudged : nil
                found[own] = Verdict(
                    decibels: value.isBroken ? -.infinity : value.ratio.decibels,
                    boundDecibels: least, isRight: isRight && slices?.wrong == nil,
                    slice: isRight ? slices?.wrong : nil,
                    unjudged: part.map { $0 + (value.missing.map { ": give \($0)" } ?? "") })
            }
        }
        return found
    }

    private func forced(
        _ network: any SeparationNetwork, _ port: ChunkValues, _ inputs: ChunkValues,
        addsNoise: Bool = false
    ) throws -> ForcedPass {
        let pass = ForcedPass(
            port: port, inputs: inputs, addsNoise: addsNoise, cancellation: cancellation)
        try pass.run(network, channels: model.rules.audioChannels)
        return pass
    }

    /// `chunk-00003/`, or nothing.
    private static func prefix(of name: String) -> String {
        String(name.dropLast(FilePath.name(of: name).count))
    }

    /// Right ports in one precision differ by less, because they round at other places.
    private static let margin = 10.0

    /// An SNR that every value of a right float32 port has, computed from the port's own inputs.
    ///
    /// The least accurate values are normalised over a whole tensor: runtimes sum in float32, where
    /// most of a long sum cancels, and the error of ONNX Runtime's sums grows with the number of
    /// elements to the power of 1.5. Measured for the real configuration: `x` 91 dB of 360,448
    /// elements and 68 dB of 2.8 million, `tdecoder.3.dconv.layers.0` 88 dB of 529,200 and 61 dB of
    /// 4.1 million, `crosstransformer.layers.4` 94 dB of 1.4 million. All other values have more than
    /// 110 dB.
    package static func leastFloat32Decibels(_ name: String, _ shape: [Int]) -> Double {
        let path = FilePath.name(of: name).split(separator: ".")
        var elements = shape.reduce(1, *)
        let atHalfAMillion: Double
        // Transforms by angles in float32 leave 80 dB.
        if path.first == "mag" { return 75 }
        // The x of bands, [T, N], has no norm.
        let isNormalised = path.first != "x" || shape.unbatched.count > 2
        if isNormalised, ["x", "xt", "output", "add_67"].contains(path.first) {
            // Of one source: all have the statistics of the input. Smaller mistakes are found only by
            // their formulas (python -m swift_demucs.parity).
            if ["output", "add_67"].contains(path.first) {
                elements = shape.unbatched.dropFirst().reduce(1, *)
            }
            return min(105, 76 - 20 * log10(Double(max(1, elements)) / 500_000))
        } else if path.dropLast().contains("dconv") {
            atHalfAMillion = 80
            // Every row of a spectrogram has its own statistics.
            if shape.unbatched.count == 3 { elements = shape.suffix(2).reduce(1, *) }
        } else if path.first == "crosstransformer", path.count == 3 {
            atHalfAMillion = 100
        } else {
            return 105
        }
        return min(105, atHalfAMillion - 30 * log10(Double(max(1, elements)) / 500_000))
    }
}

/// A type of half the size of float32 that all elements of a value fit.
enum RoundedType: String {
    case float16
    case bfloat16

    /// The type that a value was rounded to; nil for float32.
    init?(_ values: [Float]) {
        func fits(_ rounded: (Float) -> Float) -> Bool { values.allSatisfy { $0 == rounded($0) } }
        // Zeros and a few small integers fit by chance.
        guard Set(values.prefix(1 << 16)).count > 64 else { return nil }
        guard let type = [RoundedType.bfloat16, .float16].first(where: { fits($0.rounded) }) else {
            return nil
        }
        self = type
    }

    /// The nearest number of the type, ties to even.
    func rounded(_ value: Float) -> Float {
        switch self {
        case .float16: return Widening.float(fromFloat16: Narrowing.float16(value))
        case .bfloat16:
            let bits = value.bitPattern
            return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
        }
    }

    /// The SNR in dB of a right layer that computes in this type.
    var leastDecibels: Double {
        switch self {
        case .float16: 55
        case .bfloat16: 35
        }
    }
}
