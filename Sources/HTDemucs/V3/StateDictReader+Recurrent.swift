// Also Embedded Swift: typed throws, no key paths, no casts.
// The parameters of LSTMs and of the local attention. They always stay floats (docs/int8.md).

import Layers
import Tensor
import WeightsLoader

extension StateDictReader {
    /// `BLSTM` of a DConv layer.
    func dconvLSTM(_ reader: ParameterReader, channels: Int) throws(WeightsError) -> BLSTM {
        try blstm(
            reader, channels: channels, layers: DConv.lstmLayers, windowTimes: DConv.lstmWindow,
            skips: true)
    }

    /// `BLSTM`: `lstm` and `linear`.
    package func blstm(
        _ reader: ParameterReader, channels: Int, layers: Int, windowTimes: Int?, skips: Bool
    ) throws(WeightsError) -> BLSTM {
        let linear = reader.scope("linear")
        return BLSTM(
            channels: channels,
            lstm: try bidirectionalLSTM(reader.scope("lstm"), channels: channels, layers: layers),
            linear: Linear(
                weight: .floats(
                    try linear.floats("weight", [channels, 2 * channels]), on: backend),
                bias: try linear.floats("bias", [channels]), inputs: 2 * channels, on: backend),
            windowTimes: windowTimes, skips: skips)
    }

    /// `nn.LSTM(channels, channels, layers, bidirectional=True)`: `weight_ih_l{layer}` and the like, with
    /// the suffix `_reverse` for the backward direction.
    package func bidirectionalLSTM(
        _ reader: ParameterReader, channels: Int, layers: Int
    ) throws(WeightsError) -> BidirectionalLSTM {
        let built = try (0..<layers).map { layer throws(WeightsError) in
            func direction(_ suffix: String) throws(WeightsError) -> BidirectionalLSTM.Direction {
                let inputs = layer == 0 ? channels : 2 * channels
                func floats(_ name: String, _ shape: [Int]) throws(WeightsError) -> [Float] {
                    try reader.floats("\(name)_l\(layer)\(suffix)", shape)
                }
                return BidirectionalLSTM.Direction(
                    inputs: inputs, hidden: channels,
                    inputWeight: .floats(
                        try floats("weight_ih", [4 * channels, inputs]), on: backend),
                    recurrentWeight: .floats(
                        try floats("weight_hh", [4 * channels, channels]), on: backend),
                    biases: (
                        try floats("bias_ih", [4 * channels]), try floats("bias_hh", [4 * channels])
                    ), on: backend)
            }
            return BidirectionalLSTM.Layer(
                forward: try direction(""), backward: try direction("_reverse"))
        }
        return BidirectionalLSTM(layers: built, hidden: channels)
    }

    /// `LocalState`: 1×1 convolutions `query`, `key`, `content`, `query_decay` and `proj`.
    package func localState(
        _ reader: ParameterReader, channels: Int, heads: Int = DConv.heads,
        decays: Int = DConv.decays
    ) throws(WeightsError) -> LocalState {
        func floats(_ name: String, _ outputs: Int) throws(WeightsError) -> (
            weight: [Float], bias: [Float]
        ) {
            let reader = reader.scope(name)
            return (
                try reader.floats("weight", [outputs, channels, 1]),
                try reader.floats("bias", [outputs])
            )
        }
        let inner = try ["query", "key", "content"].map { name throws(WeightsError) in
            try floats(name, channels)
        }
        let decay = try floats("query_decay", heads * decays)
        let projection = try floats("proj", channels)
        return LocalState(
            attention: MultiheadAttention(
                channels: channels, heads: heads,
                inWeight: .floats(inner.flatMap { $0.weight }, on: backend),
                inBias: inner.flatMap { $0.bias },
                outWeight: .floats(projection.weight, on: backend), outBias: projection.bias,
                on: backend),
            queryDecay: Linear(
                weight: .floats(decay.weight, on: backend), bias: decay.bias, inputs: channels,
                on: backend))
    }
}
