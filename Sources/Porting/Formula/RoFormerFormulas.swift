// The formula of each value inside the transformers of a RoFormer, by the reference's names.

import RoFormer
import System
import Tracks

/// The formulas of a RoFormer's values. Each spans one transformer, whose sequences don't depend on
/// each other, so that some of them are enough.
struct RoFormerFormulas {
    let configuration: RoFormerConfiguration
    let compared: Set<String>

    /// How a value is computed.
    ///
    /// - Returns: nil for the ends of the network, and without the tokens that enter the transformer.
    func formula(of name: String) -> Formula? {
        let path = name.split(separator: ".").compactMap { Int($0) }
        if name == "final_norm" {
            return input("layers.\(configuration.depth - 1).1").map { $0 + [norm(name)] }
        }
        guard name.hasPrefix("layers."), path.count == 2 || path.count == 4 else { return nil }
        let module = "layers.\(path[0]).\(path[1])"
        var tokens = path[1] == 1 ? "layers.\(path[0]).0" : "layers.\(path[0] - 1).1"
        if path[..<2] == [0, 0] { tokens = "band_split" }
        guard var formula = input(tokens) else { return nil }
        let depth = path[1] == 0 ? configuration.timeDepth : configuration.bandDepth
        for layer in 0..<depth {
            for part in 0...1 {
                let block = "\(module).layers.\(layer).\(part)"
                let steps = part == 0 ? attention(block) : feedForward(block)
                if block == name { return formula + steps }
                // A residual that isn't compared is added as its steps.
                formula =
                    formula
                    + (compared.contains(block) ? [.add(block)] : [.keep] + steps + [.addKept])
            }
        }
        guard path.count == 2 else { return nil }
        return configuration.kind == .melBand ? formula + [norm("\(module).norm")] : formula
    }

    private func input(_ name: String) -> Formula? {
        compared.contains(name) ? Formula(start: name, steps: []) : nil
    }

    private func norm(_ name: String) -> Formula.Step { .rmsNorm(.init(name: name)) }

    private func attention(_ name: String) -> [Formula.Step] {
        [
            norm("\(name).norm"),
            .rotaryAttention(
                .init(name: name, heads: configuration.heads, size: configuration.headSize)),
        ]
    }

    private func feedForward(_ name: String) -> [Formula.Step] {
        [
            norm("\(name).net.0"), .convolution(.init("\(name).net.1")), .activation(.gelu),
            .convolution(.init("\(name).net.4")),
        ]
    }
}

/// Some of the sequences that a value's transformer runs along: bands, or frames.
struct RoFormerSequences {
    private let isAlongTime: Bool

    /// - Parameter name: the name of the value.
    init(of name: String) { isAlongTime = Self.isAlongTime(name) }

    /// Tokens of all sequences together.
    private static let mostTokens = 1_000

    private static func isAlongTime(_ name: String) -> Bool {
        name.hasPrefix("layers.") && name.split(separator: ".").dropFirst(2).first == "0"
    }

    /// The sequences of a value, `[sequence, token, channel]`.
    func callAsFunction(_ tensor: NamedTensor) -> NamedTensor {
        let isTurned = Self.isAlongTime(tensor.name) != isAlongTime
        let turned =
            isTurned
            ? NamedTensor(tensor.name, tensor.shape, tensor.values, permuted: [1, 0, 2]) : tensor
        let (sequences, size) = (turned.shape[0], turned.shape[1] * turned.shape[2])
        let count = min(sequences, max(2, Self.mostTokens / turned.shape[1]))
        let kept = (0..<count).map { $0 * sequences / count }
        return NamedTensor(
            tensor.name, [count, turned.shape[1], turned.shape[2]],
            kept.flatMap { turned.values[$0 * size..<($0 + 1) * size] })
    }
}
