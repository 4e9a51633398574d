// Named tensors in the reference's order of axes, converted from the engine's order.

import HTDemucs
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
            self.init(name, shape, values, permuted: [2, 0, 1])
        case .rows:
            self.init(name, shape, values, permuted: [0, 2, 1])
        case .waveform:
            self.init(name, Array(shape.suffix(2)), values, permuted: [1, 0])
        case .tokens:
            self.init(name, shape, values)
        case .bandSequences:
            self.init(name, shape, values, permuted: [1, 0, 2])
        case .complexNumbers:
            let channels = shape[2] / 2
            self.init(
                name, [shape[0], shape[1], channels, 2], values, permuted: [0, 2, 1, 3])
            self.shape = [shape[0] * channels, shape[1], 2]
        case .positions(let freqs):
            let channels = x.shape[1]
            let times = x.shape[0] / freqs
            self.init(name, [times, freqs, channels], values, permuted: [2, 1, 0])
            self.shape = [channels, freqs * times]
        }
    }

    /// Writes the values to the tensor that they were taken from.
    func write(to x: Tensor, _ layout: Probe.Layout) {
        let engine: NamedTensor =
            switch layout {
            case .spectrogram: NamedTensor(name, shape, values, permuted: [1, 2, 0])
            case .rows: NamedTensor(name, shape, values, permuted: [0, 2, 1])
            case .waveform: NamedTensor(name, shape, values, permuted: [1, 0])
            case .tokens: self
            case .bandSequences: NamedTensor(name, shape, values, permuted: [1, 0, 2])
            case .complexNumbers:
                NamedTensor(
                    name, [x.shape[0], shape[0] / x.shape[0], x.shape[1], 2], values,
                    permuted: [0, 2, 1, 3])
            case .positions(let freqs):
                NamedTensor(
                    name, [shape[0], freqs, shape[1] / freqs], values, permuted: [2, 1, 0])
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
        precondition(order.sorted() == Array(shape.indices))
        precondition(shape.reduce(1, *) == values.count)
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() {
            strides[axis] = strides[axis + 1] * shape[axis + 1]
        }
        self.name = name
        self.shape = order.map { shape[$0] }
        self.values = Self.gathered(values, self.shape, order.map { strides[$0] })
    }

    /// The elements at multiples of `strides`, in row-major order of `shape`.
    private static func gathered(
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
    /// A shape without leading dimensions of one.
    var unbatched: ArraySlice<Int> { drop { $0 == 1 } }
}
