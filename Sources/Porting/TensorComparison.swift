// Comparison of tensors with a reference: of one tensor, and a report of many.

import Demucs
import Signal
import System
import Tracks

/// Comparison of a tensor with its reference, with sums in double precision.
package struct TensorComparison: Sendable, Equatable {
    package let name: String
    package let shape: [Int]
    /// Shape of the tensor found; nil if it is missing.
    package let foundShape: [Int]?
    /// 10·log10(Σ reference² / Σ (reference − found)²): ∞ for equal tensors, −∞ for values that are
    /// not finite and for incomparable tensors.
    package private(set) var snrDecibels = -Double.infinity
    /// The largest |reference − found|.
    package private(set) var maxAbsolute = Double.infinity
    /// ‖reference − found‖ / ‖reference‖.
    package private(set) var relativeL2 = Double.infinity
    /// The index of the first element that is not finite, or whose error is larger than
    /// ``tolerance`` times the reference's RMS; nil if there is none.
    package private(set) var firstBad: [Int]?
    /// The SNR of a right port in the same precision; nil if none is given.
    package fileprivate(set) var likeDecibels: Double?

    /// Largest error of a good element, relative to the reference's RMS: −60 dB.
    package static let tolerance = 1e-3

    /// Whether the tensor has the reference's shape, apart from leading dimensions of one.
    package var isComparable: Bool {
        foundShape?.unbatched == shape.unbatched
    }

    fileprivate init(_ name: String, shape: [Int], foundShape: [Int]?) {
        self.name = name
        self.shape = shape
        self.foundShape = foundShape
    }

    /// The SNR that a right port in the same precision may have, which may keep another layer in
    /// float32; nil if no such port is given.
    ///
    /// - Parameter median: of its values.
    fileprivate func level(median: Double?) -> Double? {
        median.map { min(likeDecibels ?? $0, $0) }
    }

    package init(reference: NamedTensor, found: NamedTensor) {
        self.init(reference.name, shape: reference.shape, foundShape: found.shape)
        guard isComparable else { return }
        let errors = zip(reference.values, found.values).lazy.map { abs(Double($0) - Double($1)) }
        let ratio = SignalToNoise(of: found.values, against: reference.values)
        if ratio.signal.isFinite && ratio.noise.isFinite {
            snrDecibels = ratio.decibels
            maxAbsolute = errors.max() ?? 0
            relativeL2 = ratio.noise == 0 ? 0 : (ratio.noise / ratio.signal).squareRoot()
        }
        let meanSquare = ratio.signal / Double(max(1, reference.values.count))
        let bound = meanSquare.isFinite ? Self.tolerance * meanSquare.squareRoot() : 0
        // Negated, so that NaN counts as bad.
        firstBad = errors.enumerated().first { !($0.element <= bound) }
            .map { Self.index($0.offset, in: reference.shape) }
    }

    private static func index(_ offset: Int, in shape: [Int]) -> [Int] {
        var rest = offset
        var index = [Int](repeating: 0, count: shape.count)
        for axis in shape.indices.reversed() {
            index[axis] = rest % shape[axis]
            rest /= shape[axis]
        }
        return index
    }
}

/// A value that is wrong although everything that it is computed from is right.
package struct Cliff: Sendable {
    package let comparison: TensorComparison
    /// The lowest SNR of the values that feed it; ∞ if none does, and for a replayed value.
    package let fedDecibels: Double
    /// What the port has instead; nil if no simple relation to the right value was found.
    package fileprivate(set) var explanation: Explanation?

    /// The SNR of values that differ in the last bit of a float32.
    private static let roundingDecibels = 144.0

    /// How far the SNR falls from what feeds the value.
    var fallDecibels: Double {
        min(fedDecibels, Self.roundingDecibels) - comparison.snrDecibels
    }
}

/// Comparisons of all tensors of a reference, in the order of computation.
package struct ComparisonReport: Sendable {
    package let comparisons: [TensorComparison]
    /// Names that only the other side has.
    package let extra: [String]
    package let boundSNRDecibels: Double
    /// The values at which an error begins, in the order of computation. For tensors that are
    /// no values of a network it is unknown where an error begins, and none is here.
    package let cliffs: [Cliff]

    /// The default bound: the outputs and the stems of a float32 port lie above it.
    package static let defaultBoundSNRDecibels = 60.0

    /// The cliff with the largest fall.
    package var cliff: Cliff? {
        cliffs.max { $0.fallDecibels < $1.fallDecibels }
    }

    /// The first tensor below the bound. Missing tensors don't count, because a port may write
    /// fewer values.
    package var firstBelow: TensorComparison? {
        comparisons.first { $0.foundShape != nil && !($0.snrDecibels >= boundSNRDecibels) }
    }

    /// Names that both have.
    var compared: Set<String> { Set(comparisons.filter { $0.foundShape != nil }.map(\.name)) }

    /// Names that only the reference has.
    package var missing: [String] { comparisons.filter { $0.foundShape == nil }.map(\.name) }

    /// The lowest SNR in dB; −∞ if a tensor is missing.
    package var worstSNRDecibels: Double { comparisons.map(\.snrDecibels).min() ?? .infinity }

    /// Compares every tensor of `reference` with the found tensor of the same name, one pair at a
    /// time.
    ///
    /// - Parameters:
    ///   - patterns: patterns of the names to compare.
    ///   - bound: the SNR of a right value in dB; nil for that of a float32 port.
    ///   - like: the values of a right port in the same precision. A value is right if its SNR is at
    ///     most 10 dB lower than there, or than the median there: ports keep other layers in float32.
    ///   - isReplayed: whether each found value was computed from the reference's own values, so
    ///     that no error comes from another layer.
    ///   - model: opens the model of the reference's values, whose formulas explain wrong ones; nil
    ///     without a model.
    /// - Throws: ``PortingError`` or `AudioError` for files that can't be read; ``PortingError`` if
    ///   there is nothing to compare.
    package init(
        reference: TensorCollection, found: TensorCollection,
        only patterns: [NamePattern] = [NamePattern("*")], bound: Double? = nil,
        like: TensorCollection? = nil, isReplayed: Bool = false,
        model: () throws -> OpenedModel? = { nil },
        isCancelled: () -> Bool = { false }
    ) throws {
        func matches(_ name: String) -> Bool { patterns.contains { $0.matches(name) } }
        let names = reference.names.filter(matches).map { ($0, ComputationOrder($0)) }
            .sorted { $0.1 < $1.1 }
        let present = Set(found.names.filter(matches))
        if names.isEmpty {
            throw PortingError.noMatch(patterns: patterns, names: reference.names)
        }
        if !names.contains(where: { present.contains($0.0) }) {
            let others =
                present.isEmpty ? "none" : present.sorted().prefix(5).joined(separator: ", ")
            throw PortingError.unusable(
                path: found.path,
                problem: "has none of the \(names.count) tensors of \(reference.path); it has "
                    + others)
        }
        var comparisons: [TensorComparison] = []
        for (name, _) in names {
            if isCancelled() { throw CancellationError() }
            guard present.contains(name) else {
                comparisons.append(
                    .init(name, shape: try reference.shape(name), foundShape: nil))
                continue
            }
            let expected = try reference.tensor(name, like: found)
            var comparison = TensorComparison(
                reference: expected, found: try found.tensor(name, like: reference))
            if let like, like.names.contains(name) {
                comparison.likeDecibels =
                    TensorComparison(
                        reference: expected, found: try like.tensor(name, like: reference)
                    ).snrDecibels
            }
            comparisons.append(comparison)
        }
        self.comparisons = comparisons
        extra = present.subtracting(reference.names).sorted()
        boundSNRDecibels = bound ?? Self.defaultBoundSNRDecibels
        let levels = comparisons.compactMap(\.likeDecibels).sorted()
        let compared = comparisons.filter { $0.foundShape != nil }
        let median = levels.isEmpty ? nil : levels[levels.count / 2]
        var cliffs = Self.cliffs(
            compared, bound: bound, median: median,
            feeds: isReplayed
                ? nil : ValueFeeds(all: reference.names, compared: compared.map(\.name)))
        if !cliffs.isEmpty {
            let explainer = try Explainer(
                reference: reference, compared: Set(compared.map(\.name)), model: model())
            for index in cliffs.indices {
                if isCancelled() { throw CancellationError() }
                let name = cliffs[index].comparison.name
                cliffs[index].explanation = try explainer.explanation(
                    of: try found.tensor(name, like: reference),
                    likeDecibels: cliffs[index].comparison.level(median: median),
                    isCancelled: isCancelled)
            }
        }
        self.cliffs = cliffs
    }

    /// - Parameters:
    ///   - median: of the SNRs of a right port in the same precision.
    ///   - feeds: nil if no value is computed from another found one.
    private static func cliffs(
        _ comparisons: [TensorComparison], bound: Double?, median: Double?, feeds: ValueFeeds?
    ) -> [Cliff] {
        var decibels: [String: Double] = [:]
        /// Values that are wrong, or computed from a wrong one.
        var tainted: Set<String> = []
        var cliffs: [Cliff] = []
        for comparison in comparisons {
            let (name, found) = (comparison.name, comparison.snrDecibels)
            decibels[name] = found
            guard let fed = feeds == nil ? [] : feeds?.feeds(of: name) else { continue }
            let cliff = Cliff(
                comparison: comparison,
                fedDecibels: fed.compactMap { decibels[$0] }.min() ?? .infinity)
            if !tainted.isDisjoint(with: fed) {
                tainted.insert(name)
            } else if isWrong(cliff, bound: bound, median: median) {
                tainted.insert(name)
                cliffs.append(cliff)
            }
        }
        return cliffs
    }

    /// Whether a value has an error that is larger than that of a right port.
    ///
    /// - Parameter median: of the SNRs of a right port in the same precision.
    private static func isWrong(_ cliff: Cliff, bound: Double?, median: Double?) -> Bool {
        let found = cliff.comparison.snrDecibels
        if let level = cliff.comparison.level(median: median) {
            return !(found >= level - likeMargin)
        }
        return !(found >= bound ?? floatDecibels(cliff.comparison))
            && cliff.fallDecibels >= leastFallDecibels
    }

    /// Rounding makes the SNR of a right port fall by less from a layer to the next: by 6.4 dB at
    /// most, in ONNX Runtime with 7.8 s of music.
    private static let leastFallDecibels = 10.0
    /// Right ports in one precision differ by less, because they round at other places.
    private static let likeMargin = 10.0

    /// An SNR that every value of a right float32 port has, unless what feeds it has less.
    ///
    /// The least accurate values are normalised over a whole tensor: runtimes sum in float32, and
    /// the error of ONNX Runtime's sums grows with the number of elements to the power of 1.5.
    /// Measured for the real configuration, each for exact inputs (`reference/onnx_trace.py
    /// --replay`): `x` 91 dB of 360,448 elements and 68 dB of 2.8 million,
    /// `tdecoder.3.dconv.layers.0` 88 dB of 529,200 and 61 dB of 4.1 million,
    /// `crosstransformer.layers.1` 95 dB of 1.4 million. All other values have more than 115 dB.
    private static func floatDecibels(_ comparison: TensorComparison) -> Double {
        let path = FilePath.name(of: comparison.name).split(separator: ".")
        let atHalfAMillion: Double? =
            if ["x", "xt", "output", "add_67"].contains(path.first)
                || path.dropLast().contains("dconv")
            {
                80
            } else if path.first == "crosstransformer", path.count == 3 {
                105
            } else {
                nil
            }
        guard let level = atHalfAMillion else { return 105 }
        let elements = Double(comparison.shape.reduce(1, *))
        return min(105, level - 30 * log10(elements / 500_000))
    }
}
