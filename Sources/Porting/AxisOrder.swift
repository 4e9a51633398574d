// The order in which a port stores the axes of a value.

import Signal
import Tracks

/// Where the elements of one of our values are in a port's array with other axes.
struct AxisOrder {
    /// Our shape.
    let shape: [Int]
    /// The sizes of our axes, or of their parts, and the distance of their elements in the port's
    /// array.
    private let sizes: [Int]
    private let strides: [Int]
    /// The SNR in dB of some of the port's elements in this order.
    private(set) var decibels = -Double.infinity

    /// Orders of more axes aren't tried: six have 720.
    private static let mostAxes = 5
    /// Elements that tell which order is ours.
    private static let sampledElements = 4_096

    /// The order of a port's array that is most like ours; nil if no order of its axes, or of ours,
    /// gives the other shape. An axis of an array of our shape may have its parts in the other order:
    /// tokens with the frequency outermost, or channels with the heads innermost.
    init?(_ found: NamedTensor, like reference: NamedTensor) {
        guard found.values.count == reference.values.count, !found.values.isEmpty else {
            return nil
        }
        let (theirs, ours) = (found.shape.filter { $0 != 1 }, reference.shape.filter { $0 != 1 })
        var orders: [AxisOrder] = []
        // The port's axes in another order, of which ours may have some merged; then the reverse.
        for axes in Self.permutations(theirs.count) {
            let sizes = axes.map { theirs[$0] }
            if Self.divides(sizes, ours) {
                let strides = NamedTensor.strides(of: theirs)
                orders.append(AxisOrder(reference.shape, sizes, axes.map { strides[$0] }))
            }
        }
        for axes in Self.permutations(ours.count) where Self.divides(axes.map { ours[$0] }, theirs)
        {
            var strides = ours
            for (axis, stride) in zip(axes, NamedTensor.strides(of: axes.map { ours[$0] })) {
                strides[axis] = stride
            }
            orders.append(AxisOrder(reference.shape, ours, strides))
        }
        if theirs == ours, theirs.count <= Self.mostAxes {
            let strides = NamedTensor.strides(of: ours)
            for (axis, count) in ours.enumerated() {
                for inner in 2..<max(2, count) where count.isMultiple(of: inner) {
                    let outer = count / inner
                    var (sizes, split) = (ours, strides)
                    sizes.replaceSubrange(axis...axis, with: [outer, inner])
                    split.replaceSubrange(
                        axis...axis, with: [strides[axis], outer * strides[axis]])
                    orders.append(AxisOrder(reference.shape, sizes, split))
                }
            }
        }
        let step = max(1, found.values.count / Self.sampledElements)
        for index in orders.indices {
            var ratio = SignalToNoise()
            for place in stride(from: 0, to: found.values.count, by: step | 1) {
                ratio.add(
                    found.values[orders[index].place(place)], reference: reference.values[place])
            }
            if ratio.noise.isFinite { orders[index].decibels = ratio.decibels }
        }
        guard let best = orders.max(by: { $0.decibels < $1.decibels }) else { return nil }
        self = best
    }

    private init(_ shape: [Int], _ sizes: [Int], _ strides: [Int]) {
        self.shape = shape
        self.sizes = sizes
        self.strides = strides
    }

    /// A port's value in our order.
    func restored(_ found: NamedTensor) -> NamedTensor {
        NamedTensor(found.name, shape, NamedTensor.gathered(found.values, sizes, strides))
    }

    /// The place of one of our elements in the port's array.
    private func place(_ index: Int) -> Int {
        var (rest, place) = (index, 0)
        for axis in sizes.indices.reversed() {
            place += rest % sizes[axis] * strides[axis]
            rest /= sizes[axis]
        }
        return place
    }

    /// Whether axes are those of a shape, or parts of them.
    private static func divides(_ parts: [Int], _ shape: [Int]) -> Bool {
        Set(NamedTensor.strides(of: shape)).isSubset(of: NamedTensor.strides(of: parts))
    }

    private static func permutations(_ count: Int) -> [[Int]] {
        guard (1...mostAxes).contains(count) else { return [] }
        return (0..<count).reduce([[]]) { some, axis in
            some.flatMap { order in
                (0...order.count).map { Array(order[..<$0]) + [axis] + Array(order[$0...]) }
            }
        }
    }
}
