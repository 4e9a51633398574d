// What ports compute in place of a formula.

/// A formula with one thing changed.
struct FormulaVariant {
    /// Such as "with ReLU in place of GELU".
    let text: String
    let formula: Formula
    /// The first step that differs.
    let firstStep: Int
}

extension Formula {
    /// The formula with each common mistake of ports (docs/porting.md).
    ///
    /// - Parameters:
    ///   - neighbours: values that a port may read in place of one.
    func variants(neighbours: (String) -> [String]) -> [FormulaVariant] {
        var found: [FormulaVariant] = []
        if let start {
            found += neighbours(start).map { name in
                FormulaVariant(
                    text: "with \(name) in place of \(start)",
                    formula: Formula(start: name, steps: steps), firstStep: 0)
            }
        }
        let changes = steps.indices.map { self.changes(of: steps[$0], neighbours) }
        for index in steps.indices {
            let kin = equalSteps(to: steps[index])
            let number = kin.firstIndex(of: index).map { ", number \($0 + 1) of \(kin.count)" }
            let place = kin.count > 1 ? number ?? "" : ""
            found += changes[index].map { variant([(index, $0)], place: $0.place ?? place) }
            // The same mistake in all of several equal steps.
            guard kin.count > 1, kin.first == index else { continue }
            found += changes[index].indices.map { number in
                variant(kin.map { ($0, changes[$0][number]) }, place: ", everywhere")
            }
        }
        return found
    }

    private func variant(_ changes: [(step: Int, change: Change)], place: String) -> FormulaVariant
    {
        var formula = self
        // From the last one, because a change may leave its step out or add one.
        for (step, change) in changes.reversed() {
            formula.steps.replaceSubrange(step...step, with: change.steps)
        }
        return FormulaVariant(
            text: changes[0].change.text + place, formula: formula, firstStep: changes[0].step)
    }

    /// Steps in which ports make the same mistake.
    private func equalSteps(to step: Step) -> [Int] {
        steps.indices.filter { index in
            switch (step, steps[index]) {
            case (.activation, .activation), (.gate, .gate): true
            case (.norm(let a), .norm(let b)): a.over == b.over
            case (.rmsNorm, .rmsNorm): true
            default: false
            }
        }
    }

    /// A mistake in one step.
    private struct Change {
        let text: String
        /// Which of several steps has the mistake, if `text` doesn't say it.
        let place: String?
        /// What takes the step's place.
        let steps: [Step]

        init(_ text: String, _ steps: Step..., place: String? = nil) {
            self.text = text
            self.steps = steps
            self.place = place
        }
    }

    private static let activations: [(String, Activation)] = [
        ("GELU's tanh approximation", .tanhGELU), ("GELU's sigmoid approximation", .sigmoidGELU),
        ("ReLU", .relu), ("SiLU", .silu),
    ]

    private func changes(of step: Step, _ neighbours: (String) -> [String]) -> [Change] {
        switch step {
        case .convolution(let layer):
            return (weights(layer) + sampling(layer)).map { Change($0, .convolution($1)) }
        case .transposedConvolution(let layer):
            return weights(layer).map { Change($0, .transposedConvolution($1)) }
        case .padding(let count, _):
            return [
                Change(
                    "with zeros on both sides of the samples", .padding(count: count, .both)),
                Change("with zeros before the samples", .padding(count: count, .start)),
            ]
        case .norm(let norm): return changes(of: norm)
        case .activation:
            return Self.activations.map { Change("with \($0) in place of GELU", .activation($1)) }
                + [Change("without GELU")]
        case .gate:
            return [
                Change("with the halves of the channels swapped in the GLU", .gate(.swapped)),
                Change("with tanh in place of the GLU's sigmoid", .gate(.tanh)),
            ]
        case .scale(let name): return [Change("without \(name)")]
        case .add(let name):
            return [Change("without \(name)")]
                + neighbours(name).map { Change("with \($0) in place of \(name)", .add($0)) }
        case .embedding(let name, let factor):
            return [Change("without \(name)")]
                + [0.2, 1, 10].filter { $0 != factor }.map {
                    Change("with \(name) × \($0)", .embedding(weight: name, factor: $0))
                }
        case .attention(let attention): return changes(of: attention, neighbours)
        case .standardise:
            return [
                Change("with the biased standard deviation", .standardise(.biased)),
                Change("without subtracting the mean", .standardise(.withoutMean)),
                Change("with statistics of each channel", .standardise(.ofChannels)),
            ]
        case .positions(let positions):
            var (swapped, other, transposed) = (positions, positions, positions)
            swapped.swapsSines = true
            other.hasOtherExponent = true
            transposed.isTransposed = true
            return [
                Change("with cosine and sine exchanged", .positions(swapped)),
                Change("with another denominator in the exponents", .positions(other)),
                Change("with the tokens in the order of the frequencies", .positions(transposed)),
            ]
        case .rmsNorm(let norm): return changes(of: norm)
        case .rotaryAttention(let attention): return changes(of: attention)
        case .transpose: return [Change("with the tokens in the order of the frequencies")]
        case .addKept: return [Change("without the residual")]
        case .crop: return [Change("with GELU after the crop", step, .activation(.gelu))]
        case .keep, .rows, .reshape, .restore: return []
        }
    }

    private func weights(_ layer: Convolution) -> [(String, Convolution)] {
        var found: [(String, Convolution)] = []
        if let bias = layer.bias {
            var other = layer
            other.bias = nil
            found.append(("without \(bias)", other))
        }
        return found
            + WeightChange.allCases.map { change in
                var other = layer
                other.change = change
                return (change.text(layer.weight), other)
            }
    }

    /// Other dilations and zeros.
    private func sampling(_ layer: Convolution) -> [(String, Convolution)] {
        var found: [(String, Convolution)] = []
        if layer.padding[0] > 0 {
            let dilations = [1, 2, 4].filter { $0 != layer.dilation && layer.stride == 1 }
            for dilation in dilations {
                var other = layer
                other.padding = layer.padding.map { $0 * dilation / layer.dilation }
                other.dilation = dilation
                found.append(("with a dilation of \(dilation) in \(layer.weight)", other))
            }
            let sum = layer.padding.reduce(0, +)
            for before in 0...sum where before != layer.padding[0] {
                var other = layer
                other.padding = [before, sum - before]
                found.append(
                    ("with \(before) zeros before and \(sum - before) after \(layer.weight)", other)
                )
            }
        }
        return found
    }

    private func changes(of norm: Norm) -> [Change] {
        let place = " in \(norm.name)"
        func change(_ text: String, _ change: (inout Norm) -> Void) -> Change {
            var other = norm
            change(&other)
            return Change(text, .norm(other), place: place)
        }
        return [Change("without normalisation", place: place)]
            + [1e-2, 1e-3, 1e-4, 1e-6, 0].map { epsilon in
                change("with an eps of \(epsilon)") { $0.epsilon = epsilon }
            } + [
                change("with the variance with n − 1") { $0.isUnbiased = true },
                change("without weight and bias") { $0.isAffine = false },
                change("with LayerNorm's statistics, over channels,") { $0.over = .channels },
                change("with statistics over all rows") { $0.over = .batch },
            ]
            + [1, 2, 4, 8].map { groups in
                change("with \(groups) group\(groups == 1 ? "" : "s")") {
                    $0.over = .groups(groups)
                }
            }
    }

    private func changes(of norm: RMSNorm) -> [Change] {
        let place = " in \(norm.name)"
        func change(_ text: String, _ change: (inout RMSNorm) -> Void) -> Change {
            var other = norm
            change(&other)
            return Change(text, .rmsNorm(other), place: place)
        }
        return [
            Change("without normalisation", place: place),
            change("without gamma") { $0.isAffine = false },
            change("without the factor √channels") { $0.isScaled = false },
            change("with LayerNorm, which subtracts the mean,") { $0.isCentred = true },
        ]
            + [1e-2, 1e-3, 1e-4, 1e-5].map { epsilon in
                change("with an eps of \(epsilon)") { $0.epsilon = epsilon }
            }
    }

    private func changes(of attention: RotaryAttention) -> [Change] {
        func change(_ text: String, _ change: (inout RotaryAttention) -> Void) -> Change {
            var other = attention
            change(&other)
            return Change(text, .rotaryAttention(other))
        }
        return [
            change("with queries that are not scaled") { $0.isScaled = false },
            change("with queries and keys exchanged") { $0.order = [1, 0, 2] },
            change("with keys and values exchanged") { $0.order = [0, 2, 1] },
            change("without rotations") { $0.rotation = .none },
            change("with rotations of the halves of a head in place of pairs") {
                $0.rotation = .halves
            },
            change("with rotated queries and keys that are not") { $0.rotation = .ofQueries },
            change("without gates") { $0.gate = nil },
            change("with tanh in place of the gates' sigmoid") { $0.gate = .tanh },
        ]
    }

    private func changes(
        of attention: Attention, _ neighbours: (String) -> [String]
    ) -> [Change] {
        func change(_ text: String, _ change: (inout Attention) -> Void) -> Change {
            var other = attention
            change(&other)
            return Change(text, .attention(other))
        }
        var found = [
            change("with queries that are not scaled") { $0.scale = .none },
            change("with queries scaled by all channels") { $0.scale = .model },
            change("with queries and keys exchanged") { $0.order = [1, 0, 2] },
            change("with keys and values exchanged") { $0.order = [0, 2, 1] },
            change("with twice the heads") { $0.heads *= 2 },
        ]
        if attention.heads % 2 == 0 {
            found.append(change("with half the heads") { $0.heads /= 2 })
        }
        if let keys = attention.keys.first {
            found.append(change("with the layer's own tokens as keys") { $0.keys = [] })
            found += keys.variants(neighbours: neighbours).map { variant in
                change(variant.text) { $0.keys = [variant.formula] }
            }
        }
        return found
    }
}

extension Formula.WeightChange {
    fileprivate func text(_ weight: String) -> String {
        switch self {
        case .reversed: "with the kernel of \(weight) reversed"
        case .transposed: "with \(weight) transposed"
        case .bfloat16: "with \(weight) in bfloat16"
        case .float16: "with \(weight) in float16"
        }
    }
}
