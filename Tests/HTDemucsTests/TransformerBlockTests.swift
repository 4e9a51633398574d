// The layers of the cross-domain transformer, and all of it, against PyTorch's, in float32. No
// parameter has its initial value: with the initial LayerScale of 1e-4 a wrong layer would not be
// noticed.

import HTDemucs
import Networks
import System
import Tensor
import TestSupport
import Testing

@Suite struct TransformerBlockTests {
    let backend: Backend

    init() throws {
        backend = try Backend(threads: 2)
    }

    struct LayerArguments: Decodable {
        let dModel: Int
        let nhead: Int
        let dimFeedforward: Int
    }

    @Test(arguments: [false, true])
    func transformerLayer(isCross: Bool) throws {
        let block = try Block(isCross ? "transformer_cross" : "transformer_self", on: backend)
        let arguments = try block.golden.arguments(as: LayerArguments.self)
        let reader = try block.reader {
            $0.tLayers = 1
            $0.bottomChannels = arguments.dModel
            $0.tHeads = arguments.nhead
            $0.tHiddenScale = Double(arguments.dimFeedforward) / Double(arguments.dModel)
        }
        let layer = try reader.transformerLayer(block.parameters, isCross: isCross)
        func tokens(_ name: String) throws -> Tensor {
            backend.tensor(try block.golden.shape(name), try block.golden.floats(name))
        }
        let x = try tokens("x")
        let others = isCross ? try tokens("xt") : x
        let (queries, keysValues) = layer.project(x, others: others, on: backend)
        layer.finish(x, queries: queries, keysValues: keysValues, in: ForwardPass(on: backend))
        try block.expect(LaidOut(x.shape, x.floats))
    }

    struct Arguments: Decodable {
        let dim: Int
        let hiddenScale: Double
        let numHeads: Int
        let numLayers: Int
        let crossFirst: Bool
        let maxPeriod: Double
        let weightPosEmbed: Double
    }

    private func transformer(
        _ block: Block, _ arguments: Arguments
    ) throws -> CrossTransformerEncoder {
        let reader = try block.reader {
            $0.tLayers = arguments.numLayers
            $0.bottomChannels = arguments.dim
            $0.tHeads = arguments.numHeads
            $0.tHiddenScale = arguments.hiddenScale
            $0.tCrossFirst = arguments.crossFirst
            $0.tMaxPeriod = arguments.maxPeriod
            $0.tWeightPosEmbed = arguments.weightPosEmbed
        }
        return try #require(try reader.crossTransformer(block.parameters))
    }

    @Test(arguments: Fixture.names(in: "blocks", prefix: "cross_transformer"))
    func crossTransformer(_ name: String) throws {
        let block = try Block(name, on: backend)
        let arguments = try block.golden.arguments(as: Arguments.self)
        // [C, F, T] as tokens, [T · F, C]; [C, T] as [T, C].
        let input = try block.golden.laidOut("x")
        let (freqs, times) = (input.shape[1], input.shape[2])
        let (x, xt) = try transformer(block, arguments)(
            backend.tensor([times * freqs, arguments.dim], input.permuted([2, 1, 0]).values),
            freqs: freqs,
            try block.input("xt").reshaped([
                try block.golden.shape("xt")[1], arguments.dim,
            ]), in: ForwardPass(on: backend))
        try block.expect(
            LaidOut([times, freqs, arguments.dim], x.floats).permuted([2, 1, 0]), "x_out")
        try block.expect(LaidOut(xt.shape, xt.floats).permuted([1, 0]), "xt_out")
    }

    @Test func crossTransformerReportsEachLayerAndCanBeStopped() throws {
        let block = try Block("cross_transformer_one_layer", on: backend)
        let arguments = try block.golden.arguments(as: Arguments.self)
        let transformer = try transformer(block, arguments)
        let cancelled = CancellationToken()
        cancelled.cancel()
        #expect(throws: CancellationError.self) {
            _ = try transformer(
                backend.zeros([6, arguments.dim]), freqs: 2, backend.zeros([5, arguments.dim]),
                in: ForwardPass(on: backend, observer: cancelled))
        }
    }
}
