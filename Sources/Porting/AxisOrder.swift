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

    /// Orders of more axes aren't tried: six have 720.
    private static let mostAxes = 5
    /// Elements that tell which order is ours.
    private static let sampledElements = 4_096

    /// The order of a port's array of another shape that is most like ours; nil if no order of its
    /// axes, or of ours, gives the other shape.
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
        let step = max(1, found.values.count / Self.sampledElements)
        let levels = orders.map { order in
            var ratio = SignalToNoise()
            for index in stride(from: 0, to: found.values.count, by: step | 1) {
                ratio.add(found.values[order.place(index)], reference: reference.values[index])
            }
            return ratio.noise.isFinite ? -ratio.noise : -.infinity
        }
        guard let best = levels.indices.max(by: { levels[$0] < levels[$1] }) else { return nil }
        self = orders[best]
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
