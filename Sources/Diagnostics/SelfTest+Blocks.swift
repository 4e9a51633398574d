// Self-test cases of the model's blocks, which are built by the model's own `StateDictReader`.

import HTDemucs
import Layers
import Tensor

extension SelfTest {
    /// A `StateDictReader` for single blocks.
    private static func reader(
        _ vector: Vector, _ change: (inout Configuration.Hyperparameters) -> Void = { _ in }
    ) throws -> StateDictReader {
        var hyperparameters = Configuration.Hyperparameters(sources: ["one", "rest"])
        // No transformer, so that blocks of unrelated sizes are valid.
        hyperparameters.tLayers = 0
        hyperparameters.normGroups = 2
        hyperparameters.dconvMode = 3
        hyperparameters.dconvDepth = 2
        hyperparameters.dconvComp = 4
        hyperparameters.contextEnc = 0
        change(&hyperparameters)
        return StateDictReader(
            configuration: try Configuration(hyperparameters), backend: vector.backend)
    }

    // MARK: - The two U-Nets

    static let unetBlocks = [
        Case(name: "dconv_rows", output: [9, 37, 24]) { vector in
            try dconv(vector, channels: 24, x: try vector.tensor("x", 9, 37, 24))
        },
        Case(name: "dconv_signal", output: [1, 41, 96]) { vector in
            try dconv(vector, channels: 96, x: try vector.tensor("x", 1, 41, 96))
        },
        // With an LSTM and local attention, as in v3.
        Case(name: "dconv_deep", output: [3, 37, 24]) { vector in
            try dconv(
                vector, channels: 24, compress: 3, isDeep: true,
                x: try vector.tensor("x", 3, 37, 24))
        },
        Case(name: "encoder", output: [8, 19, 16]) { vector in
            let layer = try reader(vector).encoderLayer(
                vector.reader, layerShape(outer: 4), isFrequency: true)
            return layer(try vector.tensor("x", 32, 19, 4), in: ForwardPass(on: vector.backend))
                .output
        },
        Case(name: "tencoder", output: [1, 64, 16]) { vector in
            let layer = try reader(vector).encoderLayer(
                vector.reader, layerShape(outer: 2), isFrequency: false)
            return layer(try vector.tensor("x", 1, 256, 2), in: ForwardPass(on: vector.backend))
                .output
        },
        Case(name: "decoder", output: [32, 19, 6]) { vector in
            let layer = try reader(vector).decoderLayer(
                vector.reader, layerShape(outer: 6), isFrequency: true)
            let x = try vector.tensor("x", 8, 19, 16)
            vector.backend.add(try vector.tensor("skip", 8, 19, 16), to: x)
            return layer(x, in: ForwardPass(on: vector.backend)).output
        },
        Case(name: "tdecoder", output: [1, 256, 6]) { vector in
            let layer = try reader(vector).decoderLayer(
                vector.reader, layerShape(outer: 6), isFrequency: false)
            let x = try vector.tensor("x", 1, 64, 16)
            vector.backend.add(try vector.tensor("skip", 1, 64, 16), to: x)
            return layer(x, length: 256, in: ForwardPass(on: vector.backend)).output
        },
    ]

    private static func dconv(
        _ vector: Vector, channels: Int, compress: Int = 8, isDeep: Bool = false, x: Tensor
    ) throws -> Tensor {
        let reader = try reader(vector)
        let dconv = try reader.dconv(
            vector.reader, channels: channels, hidden: channels / compress,
            dilations: reader.configuration.dconvDilations, hasLSTM: isDeep,
            hasAttention: isDeep)
        dconv(x, in: ForwardPass(on: vector.backend))
        return x
    }

    /// A layer that is not the outermost of its U-Net, with 16 channels on the transformer's side.
    ///
    /// - Parameter outer: channels on the mix's side.
    private static func layerShape(outer: Int) -> Configuration.LayerShape {
        let branch = Configuration.BranchShape(
            channelsIn: outer, decoderChannelsOut: outer, kernel: 8, stride: 4, pad: 2,
            lengthIn: 32, lengthOut: 8)
        return Configuration.LayerShape(
            index: 1, channelsOut: 16, isNormed: false, dconvHidden: 4, frequency: branch,
            time: branch)
    }

    // MARK: - Transformer

    static let transformerBlocks = [
        Case(name: "transformer_self", output: [45, 32]) { vector in
            try transformerLayer(vector, others: nil)
        },
        Case(name: "transformer_cross", output: [45, 32]) { vector in
            try transformerLayer(vector, others: try vector.tensor("xt", 33, 32))
        },
    ]

    /// - Parameter others: the other branch's tokens; nil for a self-attention layer.
    private static func transformerLayer(
        _ vector: Vector, others: Tensor?
    ) throws -> Tensor {
        let reader = try reader(vector) {
            $0.tLayers = 1
            $0.bottomChannels = 32
            $0.tHeads = 4
            $0.tHiddenScale = 2
        }
        let layer = try reader.transformerLayer(vector.reader, isCross: others != nil)
        let x = try vector.tensor("x", 45, 32)
        let (queries, keysValues) = layer.project(x, others: others ?? x, on: vector.backend)
        layer.finish(
            x, queries: queries, keysValues: keysValues, in: ForwardPass(on: vector.backend))
        return x
    }
}
