// Comparison of tensors with a reference: of one tensor, and a report of many.

import Demucs
import Signal
import System
import Tracks
import WeightsLoader

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
    /// The SNR in dB against what the engine computes from the port's own inputs; nil for a tensor
    /// that wasn't judged so.
    package fileprivate(set) var ownDecibels: Double?
    /// The SNR in dB that a right value has.
    package fileprivate(set) var boundDecibels = 0.0
    package fileprivate(set) var isWrong = false
    /// The part of a right value that isn't judged, and the value that the port would have to give:
    /// ", 57 of 62 slices along axis 1: give x"; nil for a judged value.
    package fileprivate(set) var unjudged: String?
    /// What is special about the values, such as "has 1 NaN, the first at [0, 0, 0]".
    package fileprivate(set) var remark: String?
    /// Whether the values are ours, rounded to a type of 16 bits.
    package private(set) var isRounded = false
    /// Whether the port's axes were put in the reference's order.
    package fileprivate(set) var isReordered = false
    /// The type of 16 bits that all values fit.
    fileprivate private(set) var type: RoundedType?

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
        describe(found.values, reference.values, shape: reference.shape)
    }

    private mutating func describe(_ found: [Float], _ reference: [Float], shape: [Int]) {
        func place(_ isSpecial: (Float) -> Bool) -> String? {
            found.firstIndex(where: isSpecial).map { first in
                "the first at [\(Self.index(first, in: shape).map(String.init).joined(separator: ", "))]"
            }
        }
        if let place = place(\.isNaN) {
            remark = "has \(found.count(where: \.isNaN)) NaN, \(place)"
        } else if let place = place(\.isInfinite) {
            remark = "is infinite: float16 ends at 65,504; \(place)"
        } else if found.allSatisfy({ $0 == 0 }), reference.contains(where: { $0 != 0 }) {
            remark = "is all zeros"
        } else {
            type = RoundedType(found)
            if let type, found != reference {
                isRounded = found == reference.map(type.rounded)
                remark = (isRounded ? "is ours rounded to " : "fits ") + type.rawValue
            }
        }
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
    /// Names of the other side that are ours in another spelling, by ours.
    package let renamed: [String: String]
    /// Whether values of a network were judged by what it computes from the port's own inputs.
    package let isJudged: Bool
    /// Both sides, the second with the first's names and order of axes.
    private let reference, found: TensorCollection

    /// The default bound of tensors that no network computes: the outputs and the stems of a float32
    /// port lie above it.
    package static let defaultBoundDecibels = 60.0

    /// By how much another order of axes brings a value nearer to ours, in dB.
    private static let leastGainDecibels = 20.0

    /// The wrong values in the order of computation.
    package var wrong: [TensorComparison] { comparisons.filter(\.isWrong) }

    /// Right values that aren't judged, or not all of them.
    package var unjudged: [TensorComparison] {
        compared.filter { $0.unjudged != nil && !$0.isWrong }
    }

    /// Comparisons of tensors that both have.
    package var compared: [TensorComparison] { comparisons.filter { $0.foundShape != nil } }

    /// Names that only the reference has.
    package var missing: [String] { comparisons.filter { $0.foundShape == nil }.map(\.name) }

    /// Compares every tensor of `reference` with the found tensor of the same name, one pair at a
    /// time.
    ///
    /// - Parameters:
    ///   - patterns: patterns of the names to compare.
    ///   - bound: the SNR of a right value in dB; nil for that of rounding errors, and for 60 dB
    ///     outside of networks.
    ///   - needsAll: whether a missing tensor is wrong. Otherwise a port may write fewer values.
    ///   - like: the values of a right port in the same precision. A value is right if its SNR is at
    ///     most 10 dB lower than there, or than the median there: ports keep other layers in float32.
    ///   - judge: judges the values of its network; nil for plain comparisons.
    /// - Throws: ``PortingError`` or `AudioError` for files that can't be read; ``PortingError`` if
    ///   there is nothing to compare; `CancellationError`.
    package init(
        reference: TensorCollection, found: TensorCollection,
        only patterns: [NamePattern] = [NamePattern("*")], bound: Double? = nil,
        needsAll: Bool = false, like: TensorCollection? = nil, judge: LayerJudge? = nil,
        isCancelled: () -> Bool = { false }
    ) throws {
        func matches(_ name: String) -> Bool { patterns.contains { $0.matches(name) } }
        let names = reference.names.filter(matches).map { ($0, ComputationOrder($0)) }
            .sorted { $0.1 < $1.1 }
        var (found, renamed) = found.respelled(like: reference)
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
                    + others.printable())
        }
        func compared(_ found: inout TensorCollection) throws -> [TensorComparison] {
            var comparisons = try names.map { name, _ in
                if isCancelled() { throw CancellationError() }
                guard present.contains(name) else {
                    return TensorComparison(
                        name, shape: try reference.shape(name), foundShape: nil)
                }
                let theirs = try found.tensor(name, like: reference)
                let ours = try reference.tensor(name, like: found).stems(like: theirs)
                var comparison = TensorComparison(reference: ours, found: theirs)
                if !comparison.isComparable, let order = AxisOrder(theirs, like: ours) {
                    found.orders[name] = order
                    comparison = TensorComparison(reference: ours, found: order.restored(theirs))
                }
                comparison.isReordered = found.orders[name] != nil
                return comparison
            }
            // One layer that rounds in a port of float32 is a mistake; a port in half precision keeps
            // some values in float32.
            let types = comparisons.compactMap(\.type)
            // NaN and infinity have no type.
            let isHalf =
                3 * types.count >= comparisons.count { $0.snrDecibels > -.infinity }
            let isCoarse = 2 * types.count(where: { $0 == .bfloat16 }) >= types.count
            // Values that aren't compared take no part in the pass, so that no error in them is hidden.
            let judged = found.filtered {
                present.contains($0) && reference.has($0)
                    || ForcedPass.inputNames.contains(FilePath.name(of: $0))
            }
            let verdicts =
                try judge?.verdicts(
                    on: judged, inputs: reference, like: like?.respelled(like: reference).found,
                    bound: bound,
                    type: isHalf && !types.isEmpty ? (isCoarse ? .bfloat16 : .float16) : nil)
                ?? [:]
            for index in comparisons.indices {
                comparisons[index].judge(
                    verdicts[comparisons[index].name], bound: bound, needsAll: needsAll)
            }
            return comparisons
        }
        func wrong(_ comparisons: [TensorComparison]) -> Set<String> {
            Set(comparisons.filter(\.isWrong).map(\.name))
        }
        var comparisons = try compared(&found)
        // Another layout, such as tokens with the frequency outermost, is no mistake if all that the
        // port computes from it is right.
        if judge != nil, !wrong(comparisons).isEmpty {
            var reordered = found
            for comparison in comparisons where comparison.isComparable {
                let name = comparison.name
                let theirs = try found.tensor(name, like: reference)
                let ours = try reference.tensor(name, like: found)
                if found.orders[name] == nil, let order = AxisOrder(theirs, like: ours),
                    order.decibels > comparison.snrDecibels + Self.leastGainDecibels
                {
                    reordered.orders[name] = order
                }
            }
            if reordered.orders.count > found.orders.count {
                let others = try compared(&reordered)
                if wrong(others).isStrictSubset(of: wrong(comparisons)) {
                    (comparisons, found) = (others, reordered)
                }
            }
        }
        self.comparisons = comparisons
        self.renamed = renamed
        (self.reference, self.found) = (reference, found)
        isJudged = judge != nil
        extra = present.subtracting(reference.names).sorted()
    }

    /// Writes the second's values under the first's names and in its axes, and the inputs of the
    /// network that only the first has.
    ///
    /// - Throws: ``PortingError`` or `AudioError`.
    package func write(valuesTo path: String) throws {
        let writer = try TraceWriter(path, metadata: [:])
        let compared = Set(compared.map(\.name))
        for name in reference.names {
            let value = FilePath.name(of: name)
            // In a chunk of `tensors prepare` x is the spectrogram.
            let isPrepared = value == "x" && reference.has(name.dropLast() + "input")
            if compared.contains(name) {
                try writer.append(found.tensor(name, like: reference))
            } else if ForcedPass.inputNames.contains(value) || value == "band_split" || isPrepared {
                try writer.append(reference.tensor(name, like: found))
            }
        }
        try writer.finish()
    }
}

extension TensorComparison {
    /// Decides whether the value is wrong.
    ///
    /// - Parameter verdict: nil for a tensor that no network computes.
    fileprivate mutating func judge(
        _ verdict: LayerJudge.Verdict?, bound: Double?, needsAll: Bool
    ) {
        boundDecibels = verdict?.boundDecibels ?? bound ?? ComparisonReport.defaultBoundDecibels
        ownDecibels = verdict?.decibels
        guard foundShape != nil else {
            isWrong = needsAll
            return
        }
        unjudged = verdict?.unjudged
        if let slice = verdict?.slice { remark = slice }
        let isClose = snrDecibels >= boundDecibels
        guard let verdict else {
            isWrong = !isClose
            return
        }
        // An input is given, and may be given in the port's precision.
        let isGiven = ForcedPass.inputNames.contains(FilePath.name(of: name))
        isWrong = !(verdict.isRight || isGiven && (isClose || isRounded))
    }
}
