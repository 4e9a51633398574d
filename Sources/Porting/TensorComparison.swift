// Comparison of tensors with a reference: of one tensor, and a report of many.

import Signal

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

/// Comparisons of all tensors of a reference, in the order of computation.
package struct ComparisonReport: Sendable {
    package let comparisons: [TensorComparison]
    /// Names that only the other side has.
    package let extra: [String]
    package let boundSNRDecibels: Double

    /// The first tensor below the bound, at which the port's error begins. Missing tensors don't
    /// count, because a port may write fewer values.
    package var firstBelow: TensorComparison? {
        comparisons.first { $0.foundShape != nil && !($0.snrDecibels >= boundSNRDecibels) }
    }

    /// Names that only the reference has.
    package var missing: [String] { comparisons.filter { $0.foundShape == nil }.map(\.name) }

    /// The lowest SNR in dB; −∞ if a tensor is missing.
    package var worstSNRDecibels: Double { comparisons.map(\.snrDecibels).min() ?? .infinity }

    /// Compares every tensor of `reference` with the found tensor of the same name, one pair at a
    /// time.
    ///
    /// - Parameter patterns: patterns of the names to compare.
    /// - Throws: ``PortingError`` or `AudioError` for files that can't be read; ``PortingError`` if
    ///   there is nothing to compare.
    package init(
        reference: TensorCollection, found: TensorCollection,
        only patterns: [NamePattern] = [NamePattern("*")], boundSNRDecibels: Double,
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
            comparisons.append(
                .init(reference: expected, found: try found.tensor(name, like: reference)))
        }
        self.comparisons = comparisons
        extra = present.subtracting(reference.names).sorted()
        self.boundSNRDecibels = boundSNRDecibels
    }
}
