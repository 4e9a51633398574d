// Permutes arrays from the reference's order of dimensions to the engine's, and back.

/// A row-major array of any rank, for comparisons across layouts.
package struct LaidOut: Equatable, Sendable {
    package let shape: [Int]
    package let values: [Float]

    package init(_ shape: some Collection<Int>, _ values: [Float]) {
        precondition(shape.reduce(1, *) == values.count)
        self.shape = Array(shape)
        self.values = values
    }

    /// Dimension `i` of the result is dimension `order[i]` of this array.
    ///
    /// PyTorch: `torch.Tensor.permute`.
    package func permuted(_ order: [Int]) -> LaidOut {
        precondition(order.sorted() == Array(shape.indices))
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() {
            strides[axis] = strides[axis + 1] * shape[axis + 1]
        }
        let newShape = order.map { shape[$0] }
        let newStrides = order.map { strides[$0] }
        let permuted = values.indices.map { index in
            var (rest, offset) = (index, 0)
            for axis in newShape.indices.reversed() {
                offset += rest % newShape[axis] * newStrides[axis]
                rest /= newShape[axis]
            }
            return values[offset]
        }
        return LaidOut(newShape, permuted)
    }

    /// `[F, T, C]` → `[C, F, T]`
    package var channelsFirst: LaidOut { permuted([2, 0, 1]) }

    /// `[C, F, T]` → `[F, T, C]` and `[C, T]` → `[1, T, C]`.
    package var channelsLast: LaidOut {
        switch shape.count {
        case 2: LaidOut([shape[0], 1, shape[1]], values).permuted([1, 2, 0])
        default: permuted([1, 2, 0])
        }
    }
}

extension Fixture {
    package func laidOut(_ name: String) throws -> LaidOut {
        LaidOut(try shape(name), try floats(name))
    }

    /// The tensor with its channels as the last dimension: `[F, T, C]`, F = 1 for waveforms.
    package func channelsLast(_ name: String) throws -> LaidOut {
        try laidOut(name).channelsLast
    }

    /// Compares `actual`, in the reference's order of axes, with the golden tensor of that name;
    /// only at the stored positions if the fixture stores every n-th value, as `name[::step]`.
    ///
    /// Dimensions of size 1 may be left out on either side.
    package func comparison(of actual: LaidOut, with name: String) throws -> Comparison {
        func sizes(_ shape: [Int]) -> [Int] { shape.filter { $0 != 1 } }
        let part = names.first { $0.hasPrefix(name + "[::") && $0.hasSuffix("]") }
        guard let part, let step = Int(part.dropFirst(name.count + 3).dropLast()) else {
            let matches = sizes(actual.shape) == sizes(try shape(name))
            return Comparison(actual: matches ? actual.values : [], expected: try floats(name))
        }
        let places = stride(from: 0, to: actual.values.count, by: step)
        return Comparison(actual: places.map { actual.values[$0] }, expected: try floats(part))
    }
}

extension Comparison {
    /// Compares shapes too: different shapes give the worst result.
    package init(_ actual: LaidOut, _ expected: LaidOut) {
        self.init(
            actual: actual.shape == expected.shape ? actual.values : [], expected: expected.values)
    }
}
