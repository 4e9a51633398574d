// Also Embedded Swift: typed throws, no key paths, no casts.
// The bidirectional LSTM (long short-term memory; Hochreiter, Schmidhuber 1997). The products of
// the inputs are one GEMM over all times; each step adds a product of the sequences' states and one
// pass over their gates.

import Tensor

/// Layers of a bidirectional LSTM on several sequences at once: `[time, sequence, inputs]` →
/// `[time, sequence, 2 · hidden]`, the forward direction first.
///
/// PyTorch: `nn.LSTM(inputs, hidden, layers, bidirectional=True)`.
package struct BidirectionalLSTM: Sendable {
    /// One direction of a layer. The columns are the gates i, f, g, o.
    package struct Direction: Sendable {
        /// `[inputs, 4 · hidden]`, with the sum of both biases.
        let input: Linear
        /// `[hidden, 4 · hidden]`
        let recurrent: WeightMatrix

        /// - Parameters:
        ///   - inputWeight: `weight_ih`, `[4 · hidden, inputs]`.
        ///   - recurrentWeight: `weight_hh`, `[4 · hidden, hidden]`.
        ///   - biases: `bias_ih` and `bias_hh`, `[4 · hidden]` each.
        package init(
            inputs: Int, hidden: Int, inputWeight: LayerWeights, recurrentWeight: LayerWeights,
            biases: ([Float], [Float]), on backend: Backend
        ) {
            input = Linear(
                weight: inputWeight, bias: zip(biases.0, biases.1).map(+), inputs: inputs,
                on: backend)
            recurrent = WeightMatrix(
                linear: recurrentWeight, inputs: hidden, outputs: 0..<4 * hidden, on: backend)
        }
    }

    package struct Layer: Sendable {
        let forward: Direction
        let backward: Direction

        package init(forward: Direction, backward: Direction) {
            self.forward = forward
            self.backward = backward
        }
    }

    private let layers: [Layer]
    private let hidden: Int

    package init(layers: [Layer], hidden: Int) {
        self.layers = layers
        self.hidden = hidden
    }

    /// Sequences that one thread runs together: a block of rows of the products.
    private static let sequencesAtOnce = 16

    /// - Parameter x: `[times, sequences, inputs]`
    /// - Returns: `[times, sequences, 2 · hidden]`
    package func callAsFunction(_ x: Tensor, on backend: Backend) -> Tensor {
        layers.reduce(x) { run($1, $0, on: backend) }
    }

    private func run(_ layer: Layer, _ x: Tensor, on backend: Backend) -> Tensor {
        let (times, sequences) = (x.shape[0], x.shape[1])
        let result = backend.tensor(Shape(times, sequences, 2 * hidden))
        let tiling = Tiling(sequences, longest: Self.sequencesAtOnce)
        // [times, sequences, 4 · hidden], to which each step adds the product of its state.
        let gates = [layer.forward, layer.backward].map { $0.input(x, on: backend) }
        let scratch = tiling.length * hidden
        backend.parallelFor(2 * tiling.tiles, scratch: scratch) { index, state in
            let range = tiling[index / 2]
            state.update(repeating: 0, count: range.count * hidden)
            if index % 2 == 0 {
                advance(
                    layer.forward, range, 0..<times, gates[0], state: state,
                    into: result.pointer, from: 0, step: 1, on: backend)
            } else {
                advance(
                    layer.backward, range, 0..<times, gates[1], state: state,
                    into: result.pointer + hidden, from: times - 1, step: -1, on: backend)
            }
        }
        return result
    }

    /// All steps of one direction for the sequences `range`, on the calling thread.
    ///
    /// - Parameters:
    ///   - gates: `[times, sequences, 4 · hidden]`, the products of the inputs; changed.
    ///   - state: `[range.count, hidden]`, zeros.
    ///   - out: `[times, sequences, 2 · hidden]`, offset to this direction's half.
    ///   - first: the first time of this direction.
    ///   - step: 1 for the forward direction, -1 for the backward one.
    private func advance(
        _ direction: Direction, _ range: Range<Int>, _ times: Range<Int>, _ gates: Tensor,
        state: UnsafeMutablePointer<Float>, into out: UnsafeMutablePointer<Float>,
        from first: Int, step: Int, on backend: Backend
    ) {
        let sequences = gates.shape[1]
        var time = first
        while times.contains(time) {
            let row = time * sequences + range.lowerBound
            let present = gates.pointer + row * 4 * hidden
            let output = out + row * 2 * hidden
            if time != first {
                let before = UnsafePointer(output - step * sequences * 2 * hidden)
                direction.recurrent.multiply(
                    rows: range.count, 0..<1, width: hidden, lda: 2 * hidden, into: present,
                    ldc: 4 * hidden, accumulate: true, on: backend
                ) { _ in before }
            }
            backend.kernels.f32_lstm_cell(
                range.count, hidden, present, 4 * hidden, state, hidden, output, 2 * hidden)
            time += step
        }
    }
}
