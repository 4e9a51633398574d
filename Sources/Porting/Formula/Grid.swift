// Values with the axes of a 2-D convolution, and plain operations on them.

import Layers
import System
import Tensor
import Tracks

/// A value `[batch, channels, rows, columns]`, row-major.
///
/// Waveforms and tokens have one row. The frequencies of a DConv are batch items.
struct Grid {
    var batch = 1
    var channels: Int
    var rows = 1
    var columns: Int
    var values: [Float]

    private var positions: Int { rows * columns }
    var shape: [Int] { [batch, channels, rows, columns] }

    /// A value of a trace, in the reference's order of axes: ``shape(of:stored:)``.
    init(_ tensor: NamedTensor) {
        let shape = tensor.shape
        values = tensor.values
        channels = shape[0]
        columns = shape[shape.count - 1]
        if Self.isSequences(tensor.name) {
            batch = shape[0]
            channels = shape[2]
            columns = shape[1]
            values = NamedTensor("", shape, values, permuted: [0, 2, 1]).values
        } else if Self.isTokens(tensor.name) {
            channels = shape[1]
            columns = shape[0]
            values = Self.swapped(values, shape[0], shape[1])
        } else if tensor.name == "output" || tensor.name == "add_67" {
            // Sources and channels.
            channels = shape[0] * shape[1]
            rows = shape.count == 4 ? shape[2] : 1
        } else if tensor.name.contains(".dconv"), shape.count == 3 {
            batch = shape[0]
            channels = shape[1]
        } else if shape.count == 3 {
            rows = shape[1]
        }
    }

    /// Whether a value is `[token, channel]`.
    static func isTokens(_ name: String) -> Bool { name.hasPrefix("crosstransformer.") }

    /// Whether a value is `[sequence, token, channel]`: those of a RoFormer.
    static func isSequences(_ name: String) -> Bool {
        ["layers", "band_split", "final_norm"].contains(name.prefix { $0 != "." })
    }

    /// The shape of a value without its batch, which may be missing; nil for an impossible shape.
    static func shape(of name: String, stored: [Int]) -> [Int]? {
        let rank: Int =
            switch name.prefix(while: { $0 != "." }) {
            case "output": 4
            case "add_67", "final", "x", "mag", "encoder", "decoder": 3
            case _ where isSequences(name): 3
            default: 2
            }
        let sizes = stored.unbatched
        guard sizes.count <= rank, !sizes.contains(0) else { return nil }
        return [Int](repeating: 1, count: rank - sizes.count) + sizes
    }

    private init(like other: Grid, channels: Int, rows: Int, columns: Int) {
        batch = other.batch
        self.channels = channels
        self.rows = rows
        self.columns = columns
        values = [Float](repeating: 0, count: batch * channels * rows * columns)
    }

    init(channels: Int, columns: Int, _ element: (_ channel: Int, _ column: Int) -> Float) {
        self.channels = channels
        self.columns = columns
        values = (0..<channels).flatMap { channel in
            (0..<columns).map { element(channel, $0) }
        }
    }

    /// The value in the reference's order of axes.
    ///
    /// - Parameter name: the name of the value.
    func values(named name: String) -> [Float] {
        if Self.isSequences(name) {
            return NamedTensor("", [batch, channels, columns], values, permuted: [0, 2, 1]).values
        }
        return Self.isTokens(name) ? Self.swapped(values, channels, columns) : values
    }

    /// The transpose of a matrix.
    private static func swapped(_ values: [Float], _ rows: Int, _ columns: Int) -> [Float] {
        NamedTensor("", [rows, columns], values, permuted: [1, 0]).values
    }

    // MARK: - Convolutions

    /// A · W, where `fill` writes each row of A.
    private static func product(
        rows: Int, _ weight: WeightMatrix, on backend: Backend,
        _ fill: (_ row: Int, _ target: UnsafeMutablePointer<Float>) -> Void
    ) -> [Float] {
        let (inner, columns) = (weight.inner, weight.columns)
        return [Float](unsafeUninitializedCapacity: rows * columns) { result, count in
            let result = result.baseAddress!
            let tiling = Tiling(rows, longest: Tiling.tokenRows)
            backend.forEachTile(of: tiling, scratch: tiling.length * inner) { range, scratch in
                for row in range { fill(row, scratch + (row - range.lowerBound) * inner) }
                weight.multiply(
                    rows: range.count, scratch, lda: inner,
                    into: result + range.lowerBound * columns, ldc: columns, on: backend)
            }
            count = rows * columns
        }
    }

    /// A · W for a row-major A.
    private static func product(
        _ a: [Float], _ weight: WeightMatrix, on backend: Backend
    ) -> [Float] {
        let inner = weight.inner
        return a.withUnsafeBufferPointer { a in
            product(rows: a.count / inner, weight, on: backend) { row, target in
                target.update(from: a.baseAddress! + row * inner, count: inner)
            }
        }
    }

    /// - Parameter values: `[outputs, inputs]`
    private static func matrix(
        _ values: [Float], outputs: Int, on backend: Backend
    ) -> WeightMatrix {
        WeightMatrix(
            linear: LayerWeights(.floats(values), activations: .float32),
            inputs: values.count / outputs, outputs: 0..<outputs, on: backend)
    }

    /// - Parameter weight: `[outputs, channels, kernel…]`
    func convolved(
        _ layer: Formula.Convolution, weight: NamedTensor, bias: [Float]?, on backend: Backend
    ) -> Grid {
        let kernel = Kernel(layer, weight.shape)
        func length(_ count: Int, _ axis: Int) -> Int {
            (count + kernel.padding[axis].reduce(0, +) - kernel.dilation[axis]
                * (kernel.taps[axis] - 1) - 1) / kernel.stride[axis] + 1
        }
        let outputs = weight.shape[0]
        var result = Grid(
            like: self, channels: outputs, rows: length(rows, 0), columns: length(columns, 1))
        let (size, width) = (result.positions, result.columns)
        let (down, right) = (kernel.stride[0], kernel.stride[1])
        let places = kernel.places
        // A row of A has the elements under the kernel at one position.
        let products = values.withUnsafeBufferPointer { values in
            Self.product(
                rows: batch * size, Self.matrix(weight.values, outputs: outputs, on: backend),
                on: backend
            ) { row, target in
                let (item, position) = (row / size, row % size)
                for (tap, place) in places.enumerated() {
                    let y = position / width * down + place.row
                    let x = position % width * right + place.column
                    let isInside = y >= 0 && y < rows && x >= 0 && x < columns
                    for channel in 0..<channels {
                        target[channel * places.count + tap] =
                            isInside
                            ? values[((item * channels + channel) * rows + y) * columns + x] : 0
                    }
                }
            }
        }
        result.values =
            NamedTensor("", [batch, size, outputs], products, permuted: [0, 2, 1]).values
        result.add(bias)
        return result
    }

    /// - Parameter weight: `[channels, outputs, kernel]`
    func transposed(
        _ layer: Formula.Convolution, weight: NamedTensor, bias: [Float]?, on backend: Backend
    ) -> Grid {
        let kernel = Kernel(layer, weight.shape)
        let outputs = weight.shape[1]
        let places = kernel.places
        var result = Grid(
            like: self, channels: outputs,
            rows: (rows - 1) * kernel.stride[0] + kernel.taps[0],
            columns: (columns - 1) * kernel.stride[1] + kernel.taps[1])
        result.add(bias)
        let (size, width) = (positions, outputs * places.count)
        let inputs = NamedTensor("", [batch, channels, size], values, permuted: [0, 2, 1])
        let products = Self.product(
            inputs.values,
            Self.matrix(
                Self.swapped(weight.values, channels, width), outputs: width, on: backend),
            on: backend)
        for row in 0..<batch * size {
            let (item, position) = (row / size, row % size)
            for output in 0..<outputs {
                for (tap, place) in places.enumerated() {
                    let y = position / columns * kernel.stride[0] + place.row
                    let x = position % columns * kernel.stride[1] + place.column
                    result.values[
                        ((item * outputs + output) * result.rows + y) * result.columns + x] +=
                        products[row * width + output * places.count + tap]
                }
            }
        }
        return result
    }

    /// The taps of a convolution along rows and columns.
    struct Kernel {
        let taps: [Int]
        let stride: [Int]
        let dilation: [Int]
        let padding: [[Int]]

        /// - Parameter weight: the weight's shape.
        init(_ layer: Formula.Convolution, _ weight: [Int]) {
            func both<Value>(_ value: Value, _ other: Value) -> [Value] {
                layer.isVertical ? [value, other] : [other, value]
            }
            // Matrices of linear layers have no kernel. Stored kernels may have a second axis of one.
            let sizes = Array(weight.dropFirst(2))
            if sizes.count == 2, sizes[0] > 1, sizes[1] > 1 {
                taps = sizes
                stride = [layer.stride, layer.stride]
                dilation = [layer.dilation, layer.dilation]
                padding = [layer.padding, layer.padding]
            } else {
                let length = sizes.reduce(1, *)
                taps = both(length, 1)
                stride = both(layer.stride, 1)
                dilation = both(layer.dilation, 1)
                padding = both(layer.padding, [0, 0])
            }
        }

        /// Where each tap lies from the first position on, after the zeros.
        var places: [(row: Int, column: Int)] {
            (0..<taps[0] * taps[1]).map { tap in
                (
                    tap / taps[1] * dilation[0] - padding[0][0],
                    tap % taps[1] * dilation[1] - padding[1][0]
                )
            }
        }
    }

    private mutating func add(_ bias: [Float]?) {
        if let bias { forEachElement { bias[$1] + $0 } }
    }

    // MARK: - Elements

    /// Replaces each element by a function of it and its channel.
    mutating func forEachElement(_ change: (Float, _ channel: Int) -> Float) {
        for plane in 0..<batch * channels {
            let channel = plane % channels
            for index in plane * positions..<(plane + 1) * positions {
                values[index] = change(values[index], channel)
            }
        }
    }

    /// Mean and sum of squared differences from it of some elements.
    private func moments(_ indices: some Sequence<Int>) -> (mean: Double, squares: Double, Int) {
        var (sum, count) = (0.0, 0)
        for index in indices {
            sum += Double(values[index])
            count += 1
        }
        let mean = sum / Double(count)
        let squares = indices.reduce(0.0) {
            let difference = Double(values[$1]) - mean
            return $0 + difference * difference
        }
        return (mean, squares, count)
    }

    /// (x − mean) / √(variance + eps), times a gain, plus a bias.
    ///
    /// - Parameters:
    ///   - gain: for each channel.
    func normalised(_ norm: Formula.Norm, gain: [Float], bias: [Float]) -> Grid {
        var result = self
        func normalise(_ indices: some Sequence<Int>) {
            let (mean, squares, count) = moments(indices)
            let variance = squares / Double(norm.isUnbiased ? max(1, count - 1) : count)
            let factor = 1 / (variance + norm.epsilon).squareRoot()
            for index in indices {
                result.values[index] = Float((Double(values[index]) - mean) * factor)
            }
        }
        switch norm.over {
        case .batch: normalise(values.indices)
        case .groups(let groups):
            let size = channels / groups * positions
            for group in 0..<batch * groups { normalise(group * size..<(group + 1) * size) }
        case .channels:
            for item in 0..<batch {
                for position in 0..<positions {
                    let start = item * channels * positions + position
                    normalise(
                        stride(from: start, to: start + channels * positions, by: positions))
                }
            }
        }
        if norm.isAffine { result.forEachElement { $0 * gain[$1] + bias[$1] } }
        return result
    }

    /// Mean and standard deviation of some elements; of all without a range.
    func statistics(
        of range: Range<Int>? = nil, isUnbiased: Bool = true
    ) -> (mean: Float, deviation: Float) {
        let (mean, squares, count) = moments(range ?? values.indices)
        let variance = squares / Double(isUnbiased ? count - 1 : count)
        return (Float(mean), Float(variance.squareRoot()))
    }

    /// (x − mean) / (1e-5 + std) over all elements.
    func standardised(_ kind: Formula.Standardisation) -> Grid {
        var result = self
        let count = kind == .ofChannels ? positions : values.count
        for start in stride(from: 0, to: values.count, by: count) {
            let range = start..<start + count
            let (mean, deviation) = statistics(of: range, isUnbiased: kind != .biased)
            let offset = kind == .withoutMean ? 0 : mean
            for index in range {
                result.values[index] = (values[index] - offset) / (1e-5 + deviation)
            }
        }
        return result
    }

    /// a · gate(b) of the halves a, b of the channels.
    func gated(_ gate: Formula.Gate) -> Grid {
        var result = Grid(like: self, channels: channels / 2, rows: rows, columns: columns)
        let half = result.channels * positions
        for item in 0..<batch {
            for index in 0..<half {
                let (a, b) = (
                    values[2 * item * half + index], values[(2 * item + 1) * half + index]
                )
                result.values[item * half + index] =
                    switch gate {
                    case .sigmoid: a * sigmoid(b)
                    case .swapped: b * sigmoid(a)
                    case .tanh: a * tanhf(b)
                    }
            }
        }
        return result
    }

    // MARK: - Attention

    /// Attention of the columns of each batch item: softmax(factor · q · k) · v in groups of `size`
    /// channels, where q are these values.
    func attending(
        to k: Grid, _ v: Grid, size: Int, factor: Float, on backend: Backend
    ) -> Grid {
        var joined = self
        for first in stride(from: 0, to: batch * channels, by: size) {
            func head(_ grid: Grid) -> [Float] {
                Array(grid.values[first * grid.columns..<(first + size) * grid.columns])
            }
            // [query, key], then the weighted means of the values, [query, channel].
            var weights = Self.product(
                Self.swapped(head(self), size, columns),
                Self.matrix(
                    Self.swapped(head(k), size, k.columns), outputs: k.columns, on: backend),
                on: backend)
            for row in stride(from: 0, to: weights.count, by: k.columns) {
                let range = row..<row + k.columns
                let highest = range.reduce(-Float.infinity) { max($0, factor * weights[$1]) }
                for index in range { weights[index] = expf(factor * weights[index] - highest) }
                let sum = range.reduce(Float(0)) { $0 + weights[$1] }
                for index in range { weights[index] /= sum }
            }
            let means = Self.product(
                weights, Self.matrix(head(v), outputs: size, on: backend), on: backend)
            joined.values.replaceSubrange(
                first * columns..<(first + size) * columns,
                with: Self.swapped(means, columns, size))
        }
        return joined
    }

    /// Rotary positions: pair i of each head turns by column · frequencies[i].
    func rotated(_ frequencies: [Float], byHalves: Bool) -> Grid {
        var result = self
        let pairs = frequencies.count
        for pair in 0..<batch * channels / 2 {
            let (head, index) = (pair / pairs * 2 * pairs, pair % pairs)
            let first = head + (byHalves ? index : 2 * index)
            let second = first + (byHalves ? pairs : 1)
            for column in 0..<columns {
                let angle = Float(column) * frequencies[index]
                let (a, b) = (values[first * columns + column], values[second * columns + column])
                result.values[first * columns + column] = a * cosf(angle) - b * sinf(angle)
                result.values[second * columns + column] = b * cosf(angle) + a * sinf(angle)
            }
        }
        return result
    }

    /// Multiplies each group of `size` channels by a factor for each column.
    mutating func multiply(by factors: [Float], size: Int) {
        for index in values.indices {
            let plane = index / columns
            values[index] *= factors[plane / size * columns + index % columns]
        }
    }

    /// A RoFormer's norm of the channels of each position.
    func normalised(_ norm: Formula.RMSNorm, gain: [Float]) -> Grid {
        var result = self
        for item in 0..<batch {
            for position in 0..<positions {
                let start = item * channels * positions + position
                let indices = stride(
                    from: start, to: start + channels * positions, by: positions)
                let (mean, squares, count) = moments(indices)
                let offset = norm.isCentred ? mean : 0
                let energy = norm.isCentred ? squares : squares + Double(count) * mean * mean
                let divisor = norm.isScaled ? energy / Double(count) + norm.epsilon : energy
                for index in indices {
                    result.values[index] = Float(
                        (Double(values[index]) - offset) / max(1e-12, divisor.squareRoot()))
                }
            }
        }
        if norm.isAffine { result.forEachElement { $0 * gain[$1] } }
        return result
    }

    // MARK: - Places

    /// More columns of zeros.
    func padded(count: Int, _ placement: Formula.Placement) -> Grid {
        var result = Grid(like: self, channels: channels, rows: rows, columns: columns + count)
        let before = [.end: 0, .both: count / 2, .start: count][placement] ?? 0
        for row in 0..<batch * channels * rows {
            for column in 0..<columns {
                result.values[row * result.columns + before + column] =
                    values[row * columns + column]
            }
        }
        return result
    }

    func cropped(isVertical: Bool, start: Int, count: Int) -> Grid {
        var result = Grid(
            like: self, channels: channels, rows: isVertical ? count : rows,
            columns: isVertical ? columns : count)
        for plane in 0..<batch * channels {
            for row in 0..<result.rows {
                let from =
                    (plane * rows + row + (isVertical ? start : 0)) * columns
                    + (isVertical ? 0 : start)
                let to = (plane * result.rows + row) * result.columns
                for column in 0..<result.columns {
                    result.values[to + column] = values[from + column]
                }
            }
        }
        return result
    }

    /// Batch items and rows in place of each other.
    func exchangingRows() -> Grid {
        var result = self
        (result.batch, result.rows) = (rows, batch)
        let shape = [batch, channels, rows, columns]
        result.values = NamedTensor("", shape, values, permuted: [2, 1, 0, 3]).values
        return result
    }

    /// Columns of one row in the order of the transpose of a matrix with some rows.
    func transposed(rows: Int) -> Grid {
        var result = self
        let shape = [batch * channels, rows, columns / rows]
        result.values = NamedTensor("", shape, values, permuted: [0, 2, 1]).values
        return result
    }

    func reshaped(rows count: Int) -> Grid {
        var result = self
        result.columns = positions / count
        result.rows = count
        return result
    }
}

func sigmoid(_ x: Float) -> Float { 1 / (1 + expf(-x)) }
