// Also Embedded Swift: typed throws, no key paths, no casts.
// Named tensors in the reference's order of axes, converted from the engine's order.

import Networks
import Tensor

/// A row-major array in the reference's order of axes.
package struct NamedTensor: Sendable, Equatable {
    package var name: String
    package var shape: [Int]
    package var values: [Float]

    package init(_ name: String, _ shape: [Int], _ values: [Float]) {
        precondition(shape.reduce(1, *) == values.count)
        self.name = name
        self.shape = shape
        self.values = values
    }

    /// A value of a probe, without a batch dimension.
    package init(_ name: String, _ x: Tensor, _ layout: Probe.Layout) {
        let (shape, values) = (Array(x.shape), x.floats)
        switch layout {
        case .spectrogram:
            self.init(name, shape, values, permuted: Self.axes(2, 0, 1))
        case .rows:
            self.init(name, shape, values, permuted: Self.axes(0, 2, 1))
        case .waveform:
            self.init(name, Array(shape.suffix(2)), values, permuted: Self.axes(1, 0))
        case .tokens:
            self.init(name, shape, values)
        case .bandSequences:
            self.init(name, shape, values, permuted: Self.axes(1, 0, 2))
        case .complexNumbers:
            let channels = shape[2] / 2
            self.init(
                name, [shape[0], shape[1], channels, 2], values, permuted: Self.axes(0, 2, 1, 3))
            self.shape = [shape[0] * channels, shape[1], 2]
        case .positions:
            self.init(name, shape, values, permuted: Self.axes(2, 1, 0))
            self.shape = [shape[2], shape[1] * shape[0]]
        case .stems:
            self.init(name, shape, values, permuted: Self.axes(2, 3, 0, 1))
            if shape[0] == 1 { self.shape.remove(at: 2) }
        }
    }

    /// Writes the values to the tensor that they were taken from.
    package func write(to x: Tensor, _ layout: Probe.Layout) {
        let engine: NamedTensor =
            switch layout {
            case .spectrogram: NamedTensor(name, shape, values, permuted: Self.axes(1, 2, 0))
            case .rows: NamedTensor(name, shape, values, permuted: Self.axes(0, 2, 1))
            case .waveform: NamedTensor(name, shape, values, permuted: Self.axes(1, 0))
            case .tokens: self
            case .bandSequences: NamedTensor(name, shape, values, permuted: Self.axes(1, 0, 2))
            case .complexNumbers:
                NamedTensor(
                    name, [x.shape[0], shape[0] / x.shape[0], x.shape[1], 2], values,
                    permuted: Self.axes(0, 2, 1, 3))
            case .positions:
                NamedTensor(
                    name, [shape[0], x.shape[1], x.shape[0]], values, permuted: Self.axes(2, 1, 0))
            case .stems:
                NamedTensor(
                    name, [x.shape[2], x.shape[3], x.shape[0], x.shape[1]], values,
                    permuted: Self.axes(2, 3, 0, 1))
            }
        engine.values.withUnsafeBufferPointer {
            x.pointer.update(from: $0.baseAddress!, count: $0.count)
        }
        withExtendedLifetime(x) {}
    }

    /// Dimension `i` of the result is dimension `order[i]` of `shape`.
    ///
    /// PyTorch: `torch.Tensor.permute(order).contiguous()`.
    package init(_ name: String, _ shape: [Int], _ values: [Float], permuted order: [Int]) {
        precondition(order.isPermutation(of: shape.indices))
        precondition(shape.reduce(1, *) == values.count)
        let strides = Self.strides(of: shape)
        self.name = name
        self.shape = order.map { shape[$0] }
        self.values = Self.gathered(values, self.shape, order.map { strides[$0] })
    }

    /// An order of two to four axes. Embedded Swift 6.3.1 takes the wrong one of several literals of
    /// arrays in a `switch`.
    @inline(never)
    private static func axes(_ a: Int, _ b: Int, _ c: Int? = nil, _ d: Int? = nil) -> [Int] {
        var order: [Int] = []
        for axis in (0..<4).map({ $0 == 0 ? a : $0 == 1 ? b : $0 == 2 ? c : d }) {
            if let axis { order.append(axis) }
        }
        return order
    }

    /// The distance of neighbours along each axis of a row-major array.
    package static func strides(of shape: [Int]) -> [Int] {
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() {
            strides[axis] = strides[axis + 1] * shape[axis + 1]
        }
        return strides
    }

    /// The elements at multiples of `strides`, in row-major order of `shape`.
    ///
    /// - Parameter strides: those of an array of as many elements, in the order of `shape`.
    package static func gathered(
        _ values: [Float], _ shape: [Int], _ strides: [Int]
    ) -> [Float] {
        guard let inner = shape.last, inner > 0, let step = strides.last else { return values }
        let rows = values.count / inner
        return [Float](unsafeUninitializedCapacity: values.count) { output, count in
            // In bounds, because the strides are permuted strides of the shape of `values`.
            values.withUnsafeBufferPointer { values in
                var index = [Int](repeating: 0, count: shape.count - 1)
                var start = 0
                for row in 0..<rows {
                    for place in 0..<inner {
                        output[row * inner + place] = values[start + place * step]
                    }
                    for axis in index.indices.reversed() {
                        index[axis] += 1
                        start += strides[axis]
                        if index[axis] < shape[axis] { break }
                        start -= shape[axis] * strides[axis]
                        index[axis] = 0
                    }
                }
            }
            count = values.count
        }
    }
}

extension [Int] {
    /// Whether each number of the range is there once, and no other.
    func isPermutation(of range: Range<Int>) -> Bool {
        var isMissing = [Bool](repeating: true, count: range.count)
        for number in self where range.contains(number) {
            isMissing[number - range.lowerBound] = false
        }
        return count == range.count && !isMissing.contains(true)
    }
}
