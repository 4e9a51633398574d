// Comparison of a tensor with a reference.

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
    package private(set) var ownDecibels: Double?
    /// The SNR in dB that a right value has.
    package private(set) var boundDecibels = 0.0
    package private(set) var isWrong = false
    /// The part of a right value that isn't judged, and the value that the port would have to give:
    /// ", 57 of 62 slices along axis 1: give x"; nil for a judged value.
    package private(set) var unjudged: String?
    /// What is special about the values, such as "has 1 NaN, the first at [0, 0, 0]".
    package private(set) var remark: String?
    /// Whether the values are ours, rounded to a type of 16 bits.
    package private(set) var isRounded = false
    /// Whether the port's axes were put in the reference's order.
    package private(set) var isReordered = false
    /// The type of 16 bits that all values fit.
    private(set) var type: RoundedType?

    /// Largest error of a good element, relative to the reference's RMS: −60 dB.
    package static let tolerance = 1e-3

    /// Whether the tensor has the reference's shape, apart from leading dimensions of one.
    package var isComparable: Bool {
        foundShape?.unbatched == shape.unbatched
    }

    init(_ name: String, shape: [Int], foundShape: [Int]?) {
        self.name = name
        self.shape = shape
        self.foundShape = foundShape
    }

    /// Compares a tensor that both have, and gives the port's axes our order where its shape differs.
    ///
    /// - Throws: ``PortingError`` or `AudioError` for files that can't be read.
    init(_ name: String, _ reference: TensorCollection, _ found: inout TensorCollection) throws {
        let theirs = try found.tensor(name, like: reference)
        let ours = try reference.tensor(name, like: found).stems(like: theirs)
        self.init(reference: ours, found: theirs)
        if !isComparable, let order = AxisOrder(theirs, like: ours) {
            found.orders[name] = order
            self.init(reference: ours, found: order.restored(theirs))
        }
        isReordered = found.orders[name] != nil
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

extension TensorComparison {
    /// Decides whether the value is wrong.
    ///
    /// - Parameter verdict: nil for a tensor that no network computes.
    mutating func judge(
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
