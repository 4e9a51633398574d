// How far one tensor is from another.

import Foundation

/// The distance of a tensor from its reference, sums in double precision.
package struct TensorComparison: Sendable, Equatable {
    package let name: String
    /// 10·log10(Σ reference² / Σ (reference − found)²): ∞ when equal, −∞ when not comparable.
    package let snrDecibels: Double
    /// The largest |reference − found|.
    package let maxAbsolute: Double
    /// ‖reference − found‖ / ‖reference‖.
    package let relativeL2: Double
    /// The first element that is not finite, or off by more than ``tolerance`` of the reference's
    /// RMS; nil if there is none.
    package let firstBad: [Int]?
    package let shape: [Int]
    /// nil if the tensor is missing.
    package let foundShape: [Int]?

    /// −60 dB.
    package static let tolerance = 1e-3

    /// Whether the tensor is there and its shape is the reference's, a batch of one aside.
    package var isComparable: Bool {
        foundShape.map { Array($0.drop { $0 == 1 }) == Array(shape.drop { $0 == 1 }) } ?? false
    }

    package init(missing name: String, shape: [Int]) {
        self.init(name: name, shape: shape, foundShape: nil)
    }

    /// Nothing is as far from anything.
    private init(name: String, shape: [Int], foundShape: [Int]?) {
        self.init(
            name: name, snrDecibels: -.infinity, maxAbsolute: .infinity, relativeL2: .infinity,
            firstBad: nil, shape: shape, foundShape: foundShape)
    }

    private init(
        name: String, snrDecibels: Double, maxAbsolute: Double, relativeL2: Double,
        firstBad: [Int]?, shape: [Int], foundShape: [Int]?
    ) {
        self.name = name
        self.snrDecibels = snrDecibels
        self.maxAbsolute = maxAbsolute
        self.relativeL2 = relativeL2
        self.firstBad = firstBad
        self.shape = shape
        self.foundShape = foundShape
    }

    package init(reference: NamedTensor, found: NamedTensor) {
        guard reference.unbatchedShape == found.unbatchedShape else {
            self.init(name: reference.name, shape: reference.shape, foundShape: found.shape)
            return
        }
        var (signal, noise, largest) = (0.0, 0.0, 0.0)
        for (a, b) in zip(reference.values, found.values) {
            let error = Double(a) - Double(b)
            signal += Double(a) * Double(a)
            noise += error * error
            largest = max(largest, abs(error))
        }
        let isFinite = signal.isFinite && noise.isFinite
        let count = Double(max(1, reference.values.count))
        let bound = isFinite ? Self.tolerance * (signal / count).squareRoot() : 0
        let firstBad = zip(reference.values, found.values).enumerated().first { _, pair in
            // Not a number is not within any bound.
            !(abs(Double(pair.0) - Double(pair.1)) <= bound)
        }
        self.init(
            name: reference.name,
            // log10(0 / 0) has no value, but two silences are equal.
            snrDecibels: !isFinite
                ? -.infinity : noise == 0 ? .infinity : 10 * log10(signal / noise),
            maxAbsolute: isFinite ? largest : .infinity,
            relativeL2: !isFinite ? .infinity : noise == 0 ? 0 : (noise / signal).squareRoot(),
            firstBad: firstBad.map { Self.index($0.offset, in: reference.shape) },
            shape: reference.shape, foundShape: found.shape)
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

/// All tensors of a reference, in the order of computation.
package struct ComparisonReport: Sendable {
    package let comparisons: [TensorComparison]
    /// What only the other side has.
    package let extra: [String]
    package let boundDecibels: Double

    /// The first tensor below the bound: where a port goes wrong. One that is missing tells nothing
    /// of that: a port may give fewer values than there are.
    package var firstBelow: TensorComparison? {
        comparisons.first { $0.foundShape != nil && !($0.snrDecibels >= boundDecibels) }
    }

    /// Names that only the reference has.
    package var missing: [String] { comparisons.filter { $0.foundShape == nil }.map(\.name) }

    /// Of all, missing ones too.
    package var worstDecibels: Double { comparisons.map(\.snrDecibels).min() ?? .infinity }

    /// Compares every tensor of `reference` with the one of its name, a pair at a time.
    ///
    /// - Parameter patterns: which names.
    /// - Throws: ``PortingError`` or `AudioError` for files that can't be read, and if there is
    ///   nothing to compare.
    package init(
        reference: TensorCollection, found: TensorCollection,
        only patterns: [NamePattern] = [NamePattern("*")], boundDecibels: Double,
        isCancelled: () -> Bool = { false }
    ) throws {
        func matches(_ name: String) -> Bool { patterns.contains { $0.matches(name) } }
        let names = reference.names.filter(matches).map { ($0, ComputationOrder($0)) }
            .sorted { $0.1 < $1.1 }
        let present = Set(found.names.filter(matches))
        if names.isEmpty {
            throw PortingError.noMatch(
                patterns: patterns.map(\.text), examples: Array(reference.names.prefix(12)))
        }
        if !names.contains(where: { present.contains($0.0) }) {
            throw PortingError.nothingToCompare(
                path: found.path,
                reason: "has none of the \(names.count) tensors of \(reference.path); it has "
                    + (present.isEmpty
                        ? "none" : present.sorted().prefix(5).joined(separator: ", "))
            )
        }
        var comparisons: [TensorComparison] = []
        for (name, _) in names {
            if isCancelled() { throw CancellationError() }
            guard present.contains(name) else {
                comparisons.append(.init(missing: name, shape: try reference.shape(name)))
                continue
            }
            let expected = try reference.tensor(name, like: found)
            comparisons.append(
                .init(reference: expected, found: try found.tensor(name, like: reference)))
        }
        self.comparisons = comparisons
        extra = present.subtracting(reference.names).sorted()
        self.boundDecibels = boundDecibels
    }
}
