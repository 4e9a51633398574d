// Explains wrong values by simple relations to the right ones, and by mistakes in their formulas.

import Demucs
import Signal
import System
import Tensor
import Tracks

/// Explains wrong values of a port.
struct Explainer {
    private let reference: TensorCollection
    private let feeds: ValueFeeds
    private let compared: Set<String>
    private let model: OpenedModel?

    /// - Parameters:
    ///   - reference: the right values.
    ///   - compared: the names of the values that the port has.
    ///   - model: the model that has these values; nil if it is unknown.
    init(reference: TensorCollection, compared: Set<String>, model: OpenedModel?) {
        self.reference = reference
        self.compared = compared
        self.model = model
        feeds = ValueFeeds(all: reference.names, compared: reference.names)
    }

    /// The best explanation of a wrong value; nil if none fits.
    ///
    /// - Parameter likeDecibels: the SNR of a right port in the same precision; nil for float32.
    /// - Throws: ``PortingError`` for values that can't be read; `CancellationError`.
    func explanation(
        of found: NamedTensor, likeDecibels: Double?, isCancelled: () -> Bool
    ) throws -> Explanation? {
        let right = try reference.tensor(found.name, like: reference)
        return Explanation(
            of: found, reference: right,
            feeds: try (feeds.feeds(of: found.name) ?? []).sorted().map {
                try reference.tensor($0, like: reference)
            },
            variants: try variants(of: found, right, isCancelled: isCancelled),
            likeDecibels: likeDecibels)
    }

    /// The difference from each common mistake in the value's formula; none without the model's
    /// floats, and for values without a formula.
    private func variants(
        of found: NamedTensor, _ right: NamedTensor, isCancelled: () -> Bool
    ) throws -> [(text: String, ratio: SignalToNoise)] {
        guard
            found.values.count == right.values.count,
            let layer = try LayerFormula(
                of: right.name, in: reference, compared: compared, model: model)
        else { return [] }
        let (evaluation, formula) = (layer.evaluation, layer.formula)
        var states = [try evaluation.start(of: formula)]
        for step in formula.steps {
            var state = states[states.count - 1]
            try evaluation.step(step, &state)
            states.append(state)
        }
        func values(_ state: FormulaEvaluation.State) -> [Float] {
            state.grid.values(named: FilePath.name(of: right.name))
        }
        let plain = values(states[states.count - 1])
        let (found, right) = (layer.sample(found), layer.sample(right))
        guard plain.count == right.count,
            SignalToNoise(of: plain, against: right).decibels >= Self.leastDecibels
        else {
            return []
        }
        return try formula.variants(neighbours: layer.neighbours).compactMap { variant in
            if isCancelled() { throw CancellationError() }
            var state = states[variant.firstStep]
            do {
                if variant.formula.start != formula.start {
                    state = try evaluation.start(of: variant.formula)
                }
                for step in variant.formula.steps[variant.firstStep...] {
                    try evaluation.step(step, &state)
                }
            } catch is PortingError {
                // Impossible for this model, such as more heads than channels.
                return nil
            }
            let changed = values(state)
            var ratio = SignalToNoise()
            for index in right.indices {
                // The rounding errors of the plain steps cancel.
                let value = right[index] + (changed[index] - plain[index])
                ratio.add(found[index], reference: value)
            }
            return (variant.text, ratio)
        }
    }

    /// A formula that doesn't give the value is not its formula.
    private static let leastDecibels = 80.0
}

/// The formula of one value of a trace, with the values and weights that it reads.
struct LayerFormula {
    let formula: Formula
    let evaluation: FormulaEvaluation
    /// The value's name, without a chunk.
    let name: String
    /// Those of a RoFormer's value.
    private let sequences: RoFormerSequences?
    private let shapes: [String: [Int]]

    /// - Parameters:
    ///   - name: the value's name, with an optional chunk before it: `chunk-00003/encoder.1`.
    ///   - reference: right values.
    ///   - compared: the names of the values that the port has.
    /// - Returns: nil if the value has no formula, or the model is unknown or not of floats.
    /// - Throws: ``PortingError`` for values that can't be read.
    init?(
        of name: String, in reference: TensorCollection, compared: Set<String>, model: OpenedModel?
    ) throws {
        let own = FilePath.name(of: name)
        let prefix = String(name.dropLast(own.count))
        guard let model, !model.isQuantized else { return nil }
        let inner = reference.names.filter { $0.hasPrefix(prefix) }
            .map { String($0.dropFirst(prefix.count)) }.filter { !$0.contains("/") }
        let shapes = try inner.reduce(into: [String: [Int]]()) {
            $0[$1] = Grid.shape(of: $1, stored: try reference.shape(prefix + $1))
        }
        let present = Set(compared.filter { $0.hasPrefix(prefix) }.map(FilePath.name))
        let (formula, sequences): (Formula?, RoFormerSequences?) =
            switch model.configurations[0] {
            case .demucs(let configuration):
                (
                    NetworkFormulas(configuration, shapes: shapes, compared: present)
                        .formula(of: own), nil
                )
            case .roformer(let configuration):
                (
                    RoFormerFormulas(configuration: configuration, compared: present)
                        .formula(of: own), RoFormerSequences(of: own)
                )
            }
        guard let formula, (formula.reads + [own]).allSatisfy({ shapes[$0] != nil }) else {
            return nil
        }
        self.formula = formula
        self.name = own
        self.sequences = sequences
        self.shapes = shapes
        evaluation = FormulaEvaluation(
            value: {
                let tensor = NamedTensor(
                    $0, shapes[$0] ?? [],
                    try reference.tensor(prefix + $0, like: reference).values)
                return sequences?(tensor) ?? tensor
            },
            weight: { name in
                guard let (shape, values) = try model.parameter(named: name) else {
                    throw PortingError.unusable(
                        path: model.name, problem: "has no parameter '\(name)'")
                }
                return NamedTensor(name, shape, values)
            }, backend: try Backend(threads: countAvailableCores()))
    }

    /// The elements of a value that the formula gives.
    func sample(_ tensor: NamedTensor) -> [Float] {
        sequences?(NamedTensor(name, shapes[name] ?? [], tensor.values)).values ?? tensor.values
    }

    /// Values that a port may read in place of one: with another index, or without the embedding.
    func neighbours(_ name: String) -> [String] {
        let path = name.split(separator: ".")
        return shapes.keys.filter { other in
            guard other != name, other != self.name, shapes[other] == shapes[name] else {
                return false
            }
            if other == "\(name).embedded" || name == "\(other).embedded" { return true }
            let parts = other.split(separator: ".")
            guard parts.count == path.count else { return false }
            let differing = path.indices.filter { parts[$0] != path[$0] }
            return differing.count == 1 && Int(path[differing[0]]) != nil
                && Int(parts[differing[0]]) != nil
        }.sorted()
    }
}
