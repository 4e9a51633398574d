import HTDemucs
import Layers
import Quantization
import Tensor
import TestSupport
import Testing

/// Rounding that makes up for its own errors, and the moments that it goes by.
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
        _ x: [Float], _ weights: [Float], _ codes: [Int8], _ scales: [Float], inner: Int
    ) -> Float {
        let columns = scales.count
        return stride(from: 0, to: x.count, by: inner).reduce(0) { sum, row in
            sum
                + (0..<columns).reduce(0) { sum, column in
                    let difference = (0..<inner).reduce(Float(0)) {
                        let index = $1 * columns + column
                        return $0 + x[row + $1]
                            * (Float(codes[index]) * scales[column] - weights[index])
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

    /// Nothing can be made up for: each input is seen alone.
    @Test mutating func independentInputsTakeTheNearestCodes() throws {
        let (inner, columns) = (37, 5)
        let weights = noise(inner * columns)
        let scales = (0..<columns).map { 0.01 + 0.003 * Float($0) }
        let diagonal = (0..<inner * inner).map { Float($0 % (inner + 1) == 0 ? 1 + $0 : 0) }
        let backend = try Backend(threads: 2)
        let codes = GPTQ(squares: diagonal, order: inner, on: backend)
            .codes(of: weights, scales: scales, on: backend)
        #expect(codes == nearest(weights, scales))
    }

    /// Inputs that are mixtures of a fifth as many: five weights can share what one gets wrong.
    @Test mutating func dependentInputsErrMuchLess() throws {
        let (inner, columns, rows, sources) = (100, 33, 300, 20)
        let mixing = noise(sources * inner)
        let drawn = noise(rows * sources)
        let x = (0..<rows * inner).map { index in
            (0..<sources).reduce(Float(0)) {
                $0 + drawn[index / inner * sources + $1] * mixing[$1 * inner + index % inner]
            }
        }
        let weights = noise(inner * columns)
        let scales = [Float](repeating: 1 / 127, count: columns)
        let squares = squares(x, inner: inner)
        let single = try Backend(threads: 1)
        let codes = GPTQ(squares: squares, order: inner, on: single)
            .codes(of: weights, scales: scales, on: single)
        let (found, plain) = (
            error(x, weights, codes, scales, inner: inner),
            error(x, weights, nearest(weights, scales), scales, inner: inner)
        )
        // Most of the noise lies where the inputs never are: a hundredth or less stays.
        #expect(found < plain / 10, "\(found), \(plain)")
        let several = try Backend(threads: 3)
        #expect(
            GPTQ(squares: squares, order: inner, on: several)
                .codes(of: weights, scales: scales, on: several) == codes)
    }

    @Test func inputsThatWereNeverSeenTakeTheNearestCodes() throws {
        let backend = try Backend(threads: 1)
        let codes = GPTQ(squares: [0, 0, 0, 0], order: 2, on: backend)
            .codes(of: [0.5, -1, 0.26, 2], scales: [0.1, 0.01], on: backend)
        #expect(codes == [5, -100, 3, 127])
    }

    // MARK: - Moments

    /// Of a transposed convolution the places in its tensor, and the inputs of each block of taps.
    @Test mutating func momentsAreThoseOfTheRows() throws {
        let backend = try Backend(threads: 1)
        let (inputs, outputs, kernel, stride, length) = (3, 2, 8, 4, 50)
        let weights = noise(inputs * outputs * kernel)
        let watched = LayerInputs(rowsPerSegment: 1000)
        let layer = ConvTranspose(
            weight: LayerWeights(.floats(weights), activations: .float32, observer: watched),
            inputs: inputs, outputs: outputs, kernel: kernel, stride: stride, on: backend)
        let x = backend.tensor([length, inputs], noise(length * inputs))
        let out = backend.tensor([layer.groups(length), layer.groupFloats])
        withExtendedLifetime((x, out)) {
            layer.multiply(
                groups: 0..<layer.groups(length), x: x.pointer, length: length, into: out.pointer,
                on: backend)
        }
        let product = try #require(watched.products.first)
        product.endSegment(on: backend)
        let moments = product.moments
        #expect(moments.count == length + 1 && moments.countAll == length + 1)
        let values = x.floats
        // Group g sees input g, and in the second block input g − 1.
        func seen(_ group: Int, _ k: Int) -> Float {
            let input = group - k / inputs
            return (0..<length).contains(input) ? values[input * inputs + k % inputs] : 0
        }
        for i in 0..<product.inner {
            for j in 0...i {
                let expected = (0...length).reduce(Float(0)) { $0 + seen($1, i) * seen($1, j) }
                let found = moments.squares[i * product.inner + j]
                // Fifty products of float32.
                #expect(abs(found - expected) < 1e-4)
            }
        }
        // The output at tap t of input i is column (t mod stride) · outputs + o.
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

    /// A transposed convolution with weights that are all too small by one: its outputs are too small
    /// by the sum of the inputs that each depends on, two of them.
    @Test func meanErrorsAreThoseOfTheOutputs() throws {
        let backend = try Backend(threads: 1)
        let (inputs, outputs, kernel, length) = (2, 3, 8, 400)
        let watched = LayerInputs(rowsPerSegment: 1000)
        let layer = ConvTranspose(
            weight: LayerWeights(
                .floats([Float](repeating: 1, count: inputs * outputs * kernel)),
                activations: .float32, observer: watched),
            inputs: inputs, outputs: outputs, kernel: kernel, stride: 4, on: backend)
        let x = backend.tensor(
            [length, inputs], (0..<length * inputs).map { $0 % 2 == 0 ? 10 : 1 })
        let out = backend.tensor([layer.groups(length), layer.groupFloats])
        withExtendedLifetime((x, out)) {
            layer.multiply(
                groups: 1..<length, x: x.pointer, length: length, into: out.pointer, on: backend)
        }
        let product = try #require(watched.products.first)
        product.endSegment(on: backend)
        var means = [0.0, 0, 0]
        WatchedProduct(product).addMeans(
            of: [Float](repeating: 1, count: inputs * outputs * kernel),
            Quantizer(shape: [inputs, outputs, kernel], outputAxis: 1), to: &means)
        #expect(means == [22, 22, 22])
    }

    @Test mutating func rowsAreThinnedOutEvenly() throws {
        let backend = try Backend(threads: 1)
        let watched = LayerInputs(rowsPerSegment: 8)
        let layer = Linear(
            weight: LayerWeights(.floats([1, 1]), activations: .float32, observer: watched),
            bias: [0], inputs: 2, on: backend)
        _ = layer(backend.tensor([30, 2], (0..<60).map { Float($0 / 2) }), on: backend)
        let product = try #require(watched.products.first)
        product.endSegment(on: backend)
        // Every fourth of 30: 0, 4 … 28.
        #expect(product.moments.count == 8 && product.moments.countAll == 30)
        #expect(product.moments.sums == [112, 112])
    }
}
