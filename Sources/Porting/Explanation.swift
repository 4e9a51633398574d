// What a wrong value is instead of the right one.

import Signal
import System
import Tracks

/// A simple relation of a port's wrong value to the right one.
package struct Explanation: Sendable, Equatable {
    /// Such as "ours × 0.5" or "ours but for the last 2 frames".
    package let text: String
    /// The SNR of the port's value against the right one after that, in dB.
    package let snrDecibels: Double

    /// An explanation must raise the SNR by so much, and to so much: a wrong one gains less.
    private static let leastGainDecibels = 20.0
    private static let leastDecibels = 50.0
    /// The same for ports that round: less than what a right port in the precision has.
    private static let leastGainOfRounded = 10.0
    private static let marginOfRounded = 6.0
    /// Of explanations that are as good but for rounding, the first one counts: the simplest.
    private static let roundingDecibels = 3.0
    /// The farthest shift that is tried, in steps of an axis.
    private static let farthestShift = 8
    /// The most lines of an axis, such as channels or frames, that may be wrong alone.
    private static let mostLines = 32
    /// Elements that share a factor or an offset; fewer ones would fit by chance.
    private static let leastElements = 16

    /// The best explanation of a wrong value; nil if none fits.
    ///
    /// - Parameters:
    ///   - feeds: right values that feed the value.
    ///   - variants: the differences of `found` from the value with each common mistake in its
    ///     formula.
    ///   - likeDecibels: the SNR of a right port in the same precision; nil for float32.
    package init?(
        of found: NamedTensor, reference: NamedTensor, feeds: [NamedTensor],
        variants: [(text: String, ratio: SignalToNoise)] = [], likeDecibels: Double? = nil
    ) {
        guard found.values.count == reference.values.count,
            found.values.allSatisfy(\.isFinite), reference.values.allSatisfy(\.isFinite)
        else { return nil }
        let (found, reference) = (Self.unbatched(found), Self.unbatched(reference))
        let names = Self.axes(of: reference.name, rank: reference.shape.count)
        var tried = variants.map { text, ratio in
            Explanation("ours \(text)", signal: ratio.signal, noise: ratio.noise)
        }
        if found.shape == reference.shape {
            tried += Self.combinations(found, reference, feeds.map(Self.unbatched))
            for axis in reference.shape.indices {
                let lines = Lines(found, reference, axis: axis)
                tried += Self.moves(lines, along: names[axis])
                tried += Self.parts(lines, along: names[axis])
                tried += Self.factors(lines, along: names[axis])
            }
        }
        tried += Self.orders(found, reference)
        let plain =
            found.shape == reference.shape
            ? SignalToNoise(of: found.values, against: reference.values).decibels : 0
        var least = max(Self.leastDecibels, plain + Self.leastGainDecibels)
        if let likeDecibels {
            let rounded = max(
                likeDecibels - Self.marginOfRounded, plain + Self.leastGainOfRounded)
            least = min(least, rounded)
        }
        let good = tried.filter { $0.snrDecibels >= least }
        guard let best = good.map(\.snrDecibels).max(),
            let first = good.first(where: { $0.snrDecibels >= best - Self.roundingDecibels })
        else { return nil }
        self = first
    }

    private init(_ text: String, signal: Double, noise: Double) {
        self.text = text
        // No port is closer than 120 dB in float32: what fits better fits by chance.
        let noise = max(noise, signal * 1e-12)
        snrDecibels =
            signal > 0 ? SignalToNoise(signal: signal, noise: noise).decibels : -.infinity
    }

    private static func unbatched(_ tensor: NamedTensor) -> NamedTensor {
        NamedTensor(tensor.name, Array(tensor.shape.unbatched), tensor.values)
    }

    /// The nouns for the axes of a value.
    static func axes(of name: String, rank: Int) -> [String] {
        let path = FilePath.name(of: name).split(separator: ".")
        let isTime =
            path.first.map { $0 == "mix" || $0.hasPrefix("t") || $0.hasSuffix("t") } ?? false
        let names: [String] =
            switch path.first {
            case "crosstransformer": ["tokens", "channels"]
            case "output": ["sources", "channels", "frequencies", "frames"]
            case "add_67", "final": ["sources", "channels", "samples"]
            case "channel_upsampler", "channel_downsampler": ["channels", "positions"]
            case _ where isTime: ["channels", "samples"]
            case _ where path.contains("dconv"): ["frequencies", "channels", "frames"]
            default: ["channels", "frequencies", "frames"]
            }
        return names.count == rank ? names : (0..<rank).map { "axis \($0) elements" }
    }

    // MARK: - Factors and sums

    /// Ours by a factor, and sums of ours and what feeds the value, by least squares.
    private static func combinations(
        _ found: NamedTensor, _ reference: NamedTensor, _ feeds: [NamedTensor]
    ) -> [Explanation] {
        let target = found.values
        func product(_ a: [Float], _ b: [Float]) -> Double {
            zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        let energy = product(target, target)
        let own = product(reference.values, reference.values)
        let shared = product(reference.values, target)
        guard own > 0 else { return [] }
        let factor = shared / own
        let text =
            abs(factor + 1) < 1e-3 ? "ours with the opposite sign" : "ours × \(factor.brief)"
        var found = [Explanation(text, signal: energy, noise: energy - shared * factor)]
        for feed in feeds where feed.shape == reference.shape {
            let (other, cross) = (
                product(feed.values, feed.values), product(feed.values, reference.values)
            )
            let fed = product(feed.values, target)
            let determinant = own * other - cross * cross
            guard determinant > 1e-9 * own * other else { continue }
            let a = (shared * other - fed * cross) / determinant
            let b = (fed * own - shared * cross) / determinant
            let text =
                abs(a + b - 1) < 1e-3
                ? "\(feed.name) plus \(a.brief) times what should be added"
                : "ours × \(a.brief) + \(feed.name) × \(b.brief)"
            found.append(
                Explanation(text, signal: energy, noise: energy - a * shared - b * fed))
        }
        return found
    }

    /// Ours with a factor or an offset for each line of an axis.
    private static func factors(_ lines: Lines, along name: String) -> [Explanation] {
        guard lines.length >= leastElements, lines.count > 1 else { return [] }
        var (scaled, moved, signal) = (0.0, 0.0, 0.0)
        for sums in lines.sums {
            signal += sums.ff
            scaled += sums.ff - (sums.rr > 0 ? sums.rf * sums.rf / sums.rr : 0)
            let offset = (sums.f - sums.r) / Double(lines.length)
            moved += sums.error - offset * offset * Double(lines.length)
        }
        return [
            Explanation("ours with other factors for the \(name)", signal: signal, noise: scaled),
            Explanation("ours with other offsets for the \(name)", signal: signal, noise: moved),
        ]
    }

    // MARK: - Other places

    /// Ours with the lines of an axis in another order.
    private static func moves(_ lines: Lines, along name: String) -> [Explanation] {
        let count = lines.count
        guard count > 1 else { return [] }
        func moved(_ text: String, _ place: (Int) -> Int) -> Explanation {
            let pairs = (0..<count).map { ($0, place($0)) }.filter { 0..<count ~= $0.1 }
            let ratio = lines.difference(pairs)
            return Explanation(text, signal: ratio.signal, noise: ratio.noise)
        }
        var found: [Explanation] = []
        for shift in 1...farthestShift where shift * 4 <= count {
            found.append(moved("ours, \(shift) later along the \(name)") { $0 - shift })
            found.append(moved("ours, \(shift) earlier along the \(name)") { $0 + shift })
        }
        found.append(moved("ours with the \(name) in reverse") { count - 1 - $0 })
        if count % 2 == 0 {
            found.append(
                moved("ours with the halves of the \(name) swapped") { ($0 + count / 2) % count })
            found.append(moved("ours with the \(name) swapped in pairs") { $0 ^ 1 })
        }
        return found
    }

    /// Ours but for some lines of an axis, a quarter of them at most.
    private static func parts(_ lines: Lines, along name: String) -> [Explanation] {
        let sums = lines.sums
        let order = sums.indices.sorted { sums[$0].error > sums[$1].error }
        // Energies without the n worst lines, added from the best line on: a difference of two
        // sums would cancel.
        var left: [(signal: Double, noise: Double)] = [(0, 0)]
        for line in order.reversed() {
            left.append(
                (
                    left[left.count - 1].signal + sums[line].rr,
                    left[left.count - 1].noise + sums[line].error
                ))
        }
        left.reverse()
        return (0...min(lines.count / 4, mostLines)).dropFirst().map { count in
            Explanation(
                "ours but for " + words(order.prefix(count).sorted(), of: lines.count, name),
                signal: left[count].signal, noise: left[count].noise)
        }
    }

    /// Lines of an axis in words: "the last 2 frames", "channels 3, 17".
    private static func words(_ lines: [Int], of count: Int, _ name: String) -> String {
        let (first, last) = (lines[0], lines[lines.count - 1])
        let isRow = last - first == lines.count - 1
        if isRow, first == 0 || last == count - 1 {
            let end = first == 0 ? "first" : "last"
            return "the \(end) " + (lines.count == 1 ? singular(name) : "\(lines.count) \(name)")
        }
        if lines.count == 1 { return "\(singular(name)) \(first)" }
        if isRow { return "\(name) \(first) to \(last)" }
        let shown = lines.prefix(8).map(String.init).joined(separator: ", ")
        return "\(name) \(shown)" + (lines.count > 8 ? ", …" : "")
    }

    private static func singular(_ name: String) -> String {
        name == "frequencies" ? "frequency" : String(name.dropLast())
    }

    /// Ours with its axes in another order.
    private static func orders(_ found: NamedTensor, _ reference: NamedTensor) -> [Explanation] {
        permutations(reference.shape.count).dropFirst().compactMap { axes in
            // Another shape is another order; the same shape may have been filled in another one.
            let shape = axes.map { reference.shape[$0] }
            guard found.shape == shape || found.shape == reference.shape else { return nil }
            let moved = NamedTensor(
                reference.name, reference.shape, reference.values, permuted: axes)
            let ratio = SignalToNoise(of: found.values, against: moved.values)
            let order = axes.map(String.init).joined(separator: ", ")
            return Explanation(
                "ours with its axes in the order \(order)", signal: ratio.signal,
                noise: ratio.noise)
        }
    }

    private static func permutations(_ count: Int) -> [[Int]] {
        (0..<count).reduce([[]]) { orders, _ in
            orders.flatMap { order in
                (0..<count).filter { !order.contains($0) }.map { order + [$0] }
            }
        }
    }
}

/// Two tensors of one shape as lines: all elements with the same index of an axis.
private struct Lines {
    private let found: [Float]
    private let reference: [Float]
    private let outer: Int
    private let inner: Int
    let count: Int
    private(set) var sums: [Sums] = []

    /// Elements of a line.
    var length: Int { outer * inner }

    init(_ found: NamedTensor, _ reference: NamedTensor, axis: Int) {
        self.found = found.values
        self.reference = reference.values
        outer = reference.shape[..<axis].reduce(1, *)
        inner = reference.shape[(axis + 1)...].reduce(1, *)
        count = reference.shape[axis]
        sums = (0..<count).map(sums(of:))
    }

    /// Sums over a line of the reference (r), the found values (f), and squared errors.
    struct Sums {
        var r = 0.0
        var f = 0.0
        var rr = 0.0
        var rf = 0.0
        var ff = 0.0
        var error = 0.0
    }

    private func sums(of line: Int) -> Sums {
        var sums = Sums()
        for block in 0..<outer {
            let start = (block * count + line) * inner
            for index in start..<start + inner {
                let (r, f) = (Double(reference[index]), Double(found[index]))
                sums.r += r
                sums.f += f
                sums.rr += r * r
                sums.rf += r * f
                sums.ff += f * f
                sums.error += (r - f) * (r - f)
            }
        }
        return sums
    }

    /// The energy of lines of the reference, and of the differences of found lines from them.
    ///
    /// - Parameter pairs: a found line and the line of the reference that it is compared with.
    func difference(_ pairs: [(Int, Int)]) -> SignalToNoise {
        var ratio = SignalToNoise()
        for (line, other) in pairs {
            for block in 0..<outer {
                let start = (block * count + line) * inner
                let from = (block * count + other) * inner
                for index in 0..<inner {
                    ratio.add(found[start + index], reference: reference[from + index])
                }
            }
        }
        return ratio
    }
}

extension Double {
    /// Three digits: 0.5, 1.05, -12.
    fileprivate var brief: String { self.significant(3) }
}
