import Layers
import Networks
import Quantization
import Tensor
import TestSupport
import Testing

/// Rounding by GPTQ, and its moments of the inputs.
struct GPTQTests {
    private var generator = SplitMix64(seed: 4)

    private mutating func noise(_ count: Int) -> [Float] {
        generator.floats(count)
    }

    /// `[inner, inner]`: xᵀx over rows, `[rows, inner]`.
    private func squares(_ x: [Float], inner: Int) -> [Float] {
        (0..<inner * inner).map { index in
            stride(from: 0, to: x.count, by: inner).reduce(0) {
                $0 + x[$1 + index / inner] * x[$1 + index % inner]
            }
        }
    }

    /// Σ over rows and columns of |x·(ŵ − w)|².
    private func error(
        _ x: [Float], _ weights: [Float], _ quantized: [Int8], _ scales: [Float], inner: Int
    ) -> Float {
        let columns = scales.count
        return stride(from: 0, to: x.count, by: inner).reduce(0) { sum, row in
            sum
                + (0..<columns).reduce(0) { sum, column in
                    let difference = (0..<inner).reduce(Float(0)) {
                        let index = $1 * columns + column
                        return $0 + x[row + $1]
                            * (Float(quantized[index]) * scales[column] - weights[index])
                    }
                    return sum + difference * difference
                }
        }
    }

    private func nearest(_ weights: [Float], _ scales: [Float]) -> [Int8] {
        weights.enumerated().map { index, weight in
            Int8(max(-127, min(127, (weight / scales[index % scales.count]).rounded())))
        }
    }

    /// Weights of independent inputs can't compensate for each other's errors.
    @Test(arguments: [1, 5, 15, 16, 17, 31, 32, 33])
    mutating func independentInputsAreRoundedToNearest(columns: Int) throws {
        let inner = 37
        let weights = noise(inner * columns)
        let scales = (0..<columns).map { 0.01 + 0.003 * Float($0) }
        let diagonal: [Float] = (0..<inner * inner).map { (index: Int) -> Float in
            index % (inner + 1) == 0 ? Float(1 + index) : 0
        }
        let backend = try Backend(threads: 2)
        let quantized = GPTQ(squares: diagonal, order: inner, on: backend)
            .quantized(weights, scales: scales, on: backend)
        #expect(quantized == nearest(weights, scales))
    }

    /// Inputs are mixtures of a fifth as many sources: five weights can share an error.
    @Test mutating func dependentInputsErrMuchLess() throws {
        let (inner, columns, rows, sources) = (100, 33, 300, 20)
        let mixing = noise(sources * inner)
        let drawn = noise(rows * sources)
        let x: [Float] = (0..<rows * inner).map { (index: Int) -> Float in
            let (row, column) = (index / inner, index % inner)
            return (0..<sources).reduce(Float(0)) { (sum: Float, source: Int) -> Float in
                sum + drawn[row * sources + source] * mixing[source * inner + column]
            }
        }
        let weights = noise(inner * columns)
        let scales = [Float](repeating: 1 / 127, count: columns)
        let squares = squares(x, inner: inner)
        let single = try Backend(threads: 1)
        let quantized = GPTQ(squares: squares, order: inner, on: single)
            .quantized(weights, scales: scales, on: single)
        let (found, plain) = (
            error(x, weights, quantized, scales, inner: inner),
            error(x, weights, nearest(weights, scales), scales, inner: inner)
        )
        // At most a hundredth of the noise remains; the rest is orthogonal to the inputs.
        #expect(found < plain / 10, "\(found), \(plain)")
        let several = try Backend(threads: 3)
        #expect(
            GPTQ(squares: squares, order: inner, on: several)
                .quantized(weights, scales: scales, on: several) == quantized)
    }

    @Test func inputsThatWereNeverSeenAreRoundedToNearest() throws {
        let backend = try Backend(threads: 1)
        let quantized = GPTQ(squares: [0, 0, 0, 0], order: 2, on: backend)
            .quantized([0.5, -1, 0.26, 2], scales: [0.1, 0.01], on: backend)
        #expect(quantized == [5, -100, 3, 127])
    }

    // MARK: - Moments

    /// The product of a transposed convolution of stride 4, after a segment.
    ///
    /// - Parameters:
    ///   - groups: the observed groups of outputs.
    ///   - x: `[length, inputs]`
    private func observedProduct(
        of weights: [Float], shape: [Int], x values: [Float], groups: (ConvTranspose) -> Range<Int>
    ) throws -> HessianAccumulator {
        let backend = try Backend(threads: 1)
        let observed = CalibratedLayer(
            tensor: "weight", shape: shape, outputAxis: 1, rowsPerSegment: 1000)
        let layer = ConvTranspose(
            weight: LayerWeights(.floats(weights), activations: .float32, observer: observed),
            inputs: shape[0], outputs: shape[1], kernel: shape[2], stride: 4, on: backend)
        let length = values.count / shape[0]
        let x = backend.tensor([length, shape[0]], values)
        let out = backend.tensor([layer.groups(length), layer.groupFloats])
        withExtendedLifetime((x, out)) {
            layer.multiply(
                groups: groups(layer), x: x.pointer, length: length, into: out.pointer,
                on: backend)
        }
        let product = try #require(observed.products.first)
        product.endSegment(on: backend)
        return product
    }

    /// Weights of a transposed convolution keep their positions in the tensor, and each row has the
    /// inputs of two blocks of taps.
    @Test mutating func momentsAreThoseOfTheRows() throws {
        let (inputs, outputs, kernel, stride, length) = (3, 2, 8, 4, 50)
        let weights = noise(inputs * outputs * kernel)
        let values = noise(length * inputs)
        let product = try observedProduct(
            of: weights, shape: [inputs, outputs, kernel], x: values
        ) { 0..<$0.groups(length) }
        let moments = product.moments
        #expect(moments.count == length + 1)
        // Group g has input g, and in the second block input g − 1.
        func seen(_ group: Int, _ k: Int) -> Float {
            let input = group - k / inputs
            return (0..<length).contains(input) ? values[input * inputs + k % inputs] : 0
        }
        for i in 0..<product.inner {
            for j in 0...i {
                let expected = (0...length).reduce(Float(0)) { $0 + seen($1, i) * seen($1, j) }
                let found = moments.squares[i * product.inner + j]
                // Tolerance of fifty products in float32.
                #expect(abs(found - expected) < 1e-4)
            }
        }
        // The output of input i at tap t is column (t mod stride) · outputs + o.
        for input in 0..<inputs {
            for tap in 0..<kernel {
                for output in 0..<outputs {
                    let place = product.place(
                        tap / stride * inputs + input, tap % stride * outputs + output)
                    #expect(place == (input * outputs + output) * kernel + tap)
                }
            }
        }
    }

    /// Moments are computed for 48 inputs at a time.
    @Test(arguments: [1, 47, 48, 49, 97])
    mutating func everyInputHasItsMoments(inputs: Int) throws {
        let values = noise(20 * inputs)
        let product = try observedProduct(
            of: noise(inputs * 2 * 4), shape: [inputs, 2, 4], x: values
        ) { 0..<$0.groups(20) }
        let expected = squares(values, inner: inputs)
        for i in 0..<inputs {
            for place in i * inputs...i * inputs + i {
                #expect(abs(product.moments.squares[place] - expected[place]) < 1e-4)
            }
        }
    }

    /// With an error of one in all weights, the error of each output is the sum of its two inputs.
    @Test func meanErrorsAreThoseOfTheOutputs() throws {
        let (shape, length) = ([2, 3, 8], 400)
        let ones = [Float](repeating: 1, count: shape.reduce(1, *))
        let product = try observedProduct(
            of: ones, shape: shape, x: (0..<length * 2).map { $0 % 2 == 0 ? 10 : 1 }
        ) { _ in 1..<length }
        var means = [0.0, 0, 0]
        product.addMeanErrors(of: ones, Quantizer(shape: shape, outputAxis: 1), to: &means)
        #expect(means == [22, 22, 22])
    }

    /// Of each segment every 2ⁿ-th row, for the smallest n that leaves at most eight; the moments add up.
    @Test(arguments: [1, 7, 8, 9, 16, 17, 30])
    func rowsAreThinnedOutEvenly(rows: Int) throws {
        let backend = try Backend(threads: 1)
        let observed = CalibratedLayer(
            tensor: "weight", shape: [1, 2], outputAxis: 0, rowsPerSegment: 8)
        let layer = Linear(
            weight: LayerWeights(.floats([1, 1]), activations: .float32, observer: observed),
            bias: [0], inputs: 2, on: backend)
        var step = 1
        while (rows + step - 1) / step > 8 { step *= 2 }
        var kept: [Float] = []
        for segment in 1...3 {
            let values = (0..<2 * rows).map { Float(segment * $0 % 23) }
            _ = layer(backend.tensor([rows, 2], values), on: backend)
            let product = try #require(observed.products.first)
            product.endSegment(on: backend)
            for row in stride(from: 0, to: rows, by: step) { kept += values[2 * row...2 * row + 1] }
            let expected = squares(kept, inner: 2)
            #expect(product.moments.count == kept.count / 2)
            #expect(product.moments.squares[0] == expected[0])
            #expect(product.moments.squares[2...] == expected[2...])
            let sums = (0..<2).map { input in
                stride(from: input, to: kept.count, by: 2).reduce(0) { $0 + Double(kept[$1]) }
            }
            #expect(product.moments.sums == sums)
        }
    }
}
