// Comparisons of many tensors with a reference.

import Demucs
import System
import Tracks
import WeightsLoader

/// Comparisons of all tensors of a reference, in the order of computation.
package struct ComparisonReport: Sendable {
    package let comparisons: [TensorComparison]
    /// Names that only the other side has.
    package let extra: [String]
    /// Names of the other side that are ours in another spelling, by ours.
    package let renamed: [String: String]
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

    /// Whether a value has an SNR of its own (``TensorComparison/ownDecibels``).
    package var isJudged: Bool { comparisons.contains { $0.ownDecibels != nil } }

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
            .sorted { $0.1 < $1.1 }.map(\.0)
        var (found, renamed) = found.respelled(like: reference)
        let present = Set(found.names.filter(matches))
        if names.isEmpty {
            throw PortingError.noMatch(patterns: patterns, names: reference.names)
        }
        if present.isDisjoint(with: names) {
            let others =
                present.isEmpty ? "none" : present.sorted().prefix(5).joined(separator: ", ")
            throw PortingError.unusable(
                path: found.path,
                problem: "has none of the \(names.count) tensors of \(reference.path); it has "
                    + others.printable())
        }
        let like = like?.respelled(like: reference).found
        /// The comparisons in the orders of axes of `found`, which gets one for another shape.
        func compared(_ found: inout TensorCollection) throws -> [TensorComparison] {
            var comparisons = try names.map { name in
                if isCancelled() { throw CancellationError() }
                return present.contains(name)
                    ? try TensorComparison(name, reference, &found)
                    : TensorComparison(name, shape: try reference.shape(name), foundShape: nil)
            }
            // Values that aren't compared take no part in the pass, so that no error in them is hidden.
            let judged = found.filtered {
                present.contains($0) && reference.has($0)
                    || ForcedPass.inputNames.contains(FilePath.name(of: $0))
            }
            let verdicts =
                try judge?.verdicts(
                    on: judged, inputs: reference, like: like, bound: bound,
                    type: Self.halfType(of: comparisons)) ?? [:]
            for index in comparisons.indices {
                comparisons[index].judge(
                    verdicts[comparisons[index].name], bound: bound, needsAll: needsAll)
            }
            return comparisons
        }
        var comparisons = try compared(&found)
        // Another layout, such as tokens with the frequency outermost, is no mistake if all that the
        // port computes from it is right.
        if judge != nil, comparisons.contains(where: \.isWrong),
            var reordered = try Self.reordered(found, like: reference, comparisons)
        {
            let others = try compared(&reordered)
            if Self.wrongNames(others).isStrictSubset(of: Self.wrongNames(comparisons)) {
                (comparisons, found) = (others, reordered)
            }
        }
        self.comparisons = comparisons
        self.renamed = renamed
        (self.reference, self.found) = (reference, found)
        extra = present.subtracting(reference.names).sorted()
    }

    private static func wrongNames(_ comparisons: [TensorComparison]) -> Set<String> {
        Set(comparisons.filter(\.isWrong).map(\.name))
    }

    /// The type of a port in half precision; nil for one in float32, where one layer that rounds is a
    /// mistake. A port in half precision keeps some values in float32.
    private static func halfType(of comparisons: [TensorComparison]) -> RoundedType? {
        let types = comparisons.compactMap(\.type)
        // NaN and infinity have no type.
        let finite = comparisons.count { $0.snrDecibels > -.infinity }
        guard !types.isEmpty, 3 * types.count >= finite else { return nil }
        return 2 * types.count(where: { $0 == .bfloat16 }) >= types.count ? .bfloat16 : .float16
    }

    /// A port with the axes of more values in an order that brings these much nearer to ours; nil if
    /// no value has one.
    private static func reordered(
        _ found: TensorCollection, like reference: TensorCollection,
        _ comparisons: [TensorComparison]
    ) throws -> TensorCollection? {
        var reordered = found
        for comparison in comparisons
        where comparison.isComparable && found.orders[comparison.name] == nil {
            let name = comparison.name
            let theirs = try found.tensor(name, like: reference)
            if let order = AxisOrder(theirs, like: try reference.tensor(name, like: found)),
                order.decibels > comparison.snrDecibels + leastGainDecibels
            {
                reordered.orders[name] = order
            }
        }
        return reordered.orders.count > found.orders.count ? reordered : nil
    }

    /// Writes the second's values in the first's axes, and the inputs of the network that only the
    /// first has, to `.npy` files of a new folder, named as the network names them. An `.npy` file
    /// that is right as it is gets a link, through which nothing is written.
    ///
    /// - Throws: ``PortingError`` or `AudioError`; also for a name that is no file in the folder, or
    ///   that two values have.
    package func write(valuesTo folder: String) throws {
        let compared = Set(compared.map(\.name))
        for name in reference.names {
            var value = FilePath.name(of: name)
            let chunk = String(name.dropLast(value.count))
            if reference.has(chunk + CoreTensor.input), !reference.has(chunk + "mix") {
                // A chunk of `tensors prepare`, whose x is the spectrogram.
                value = [CoreTensor.input: "mix", CoreTensor.x: "mag"][value] ?? value
            }
            let path = FilePath.joined(folder, "\(chunk)\(value).npy")
            let isTheirs = compared.contains(name)
            guard isTheirs || ForcedPass.inputNames.contains(value) || value == "band_split" else {
                continue
            }
            let parts = "\(chunk)\(value)".split(separator: "/", omittingEmptySubsequences: false)
            var status = stat()
            guard !parts.contains(where: { ["", ".", ".."].contains($0) }),
                FilePath.withCString(path, { lstat($0, &status) }) != 0
            else {
                throw PortingError.unusable(
                    path: reference.path,
                    problem:
                        "has a tensor \(name.quoted), which can't be a file of its own in \(folder)"
                )
            }
            do {
                try FilePath.makeFolder(FilePath.parent(of: path))
            } catch {
                throw PortingError.unwritable(path, "\(error)")
            }
            if isTheirs, let file = try found.file(ofArray: name), symlink(file, path) == 0 {
                continue
            }
            try TensorFile.write(
                isTheirs
                    ? found.tensor(name, like: reference) : reference.tensor(name, like: found),
                to: path, TensorEncoding(.npy, .float32), isFinite: false)
        }
    }
}
