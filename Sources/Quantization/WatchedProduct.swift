// One product of a layer while the layer is rounded: what a calibration has seen of it.

import Layers
import Tensor

/// A product whose inputs were watched: E[x] and E[xᵀx].
package struct WatchedProduct {
    private let inputs: HessianAccumulator
    let moments: HessianAccumulator.Moments

    package init(_ inputs: HessianAccumulator) {
        self.inputs = inputs
        moments = inputs.moments
    }

    /// Multiplications of a segment.
    var operations: Double {
        Double(moments.countAll) * Double(inputs.inner) * Double(inputs.columns)
    }

    /// Sets E[x²] of each weight of the product.
    func fillMeanSquares(_ values: inout [Float]) {
        let inner = inputs.inner
        for input in 0..<inner {
            let mean = moments.squares[input * inner + input] / Float(moments.count)
            for column in 0..<inputs.columns {
                if let place = inputs.place(input, column) { values[place] = mean }
            }
        }
    }

    /// Sets the codes of the product's weights.
    func round(
        _ weights: [Float], _ quantizer: Quantizer, scales: [Float], into codes: inout [Int8],
        on backend: Backend
    ) {
        let (inner, columns) = (inputs.inner, inputs.columns)
        let places = (0..<inner * columns).map { inputs.place($0 / columns, $0 % columns) }
        let columnScales = (0..<columns).map { column in
            (0..<inner).lazy.compactMap { places[$0 * columns + column] }.first
                .map { scales[quantizer.channel(ofPlace: $0)] } ?? 1
        }
        let compensated = GPTQ(
            squares: moments.squares, order: inner, on: backend)
        let found = compensated.codes(
            of: places.map { $0.map { weights[$0] } ?? 0 }, scales: columnScales, on: backend)
        for (place, code) in zip(places, found) {
            if let place { codes[place] = code }
        }
    }

    /// Adds Σ E[x]·error to the output channels: the mean over a channel's columns, the neighbours that
    /// a transposed convolution makes at once.
    package func addMeans(of errors: [Float], _ quantizer: Quantizer, to means: inout [Double]) {
        var sums = means.map { _ in 0.0 }
        var countColumns = means.map { _ in 0.0 }
        for column in 0..<inputs.columns {
            var (sum, channel) = (0.0, Int?.none)
            for input in 0..<inputs.inner {
                guard let place = inputs.place(input, column) else { continue }
                channel = quantizer.channel(ofPlace: place)
                sum += moments.sums[input] / Double(moments.count) * Double(errors[place])
            }
            guard let channel else { continue }
            sums[channel] += sum
            countColumns[channel] += 1
        }
        for channel in means.indices where countColumns[channel] > 0 {
            means[channel] += sums[channel] / countColumns[channel]
        }
    }
}
