// The blocks of the two U-Nets against PyTorch's, in float32: DConv, encoder and decoder layers,
// the frequency embedding. No parameter has its initial value.

import Foundation
import HTDemucs
import Layers
import Networks
import Tensor
import TestSupport
import Testing

@Suite struct BlockTests {
    let backend: Backend

    init() throws {
        backend = try Backend(threads: 2)
    }

    private static func names(_ prefix: String) -> [String] {
        Fixture.names(in: "blocks", prefix: prefix)
    }

    @Test func everyFixtureBelongsToOneTest() {
        let kinds = ["dconv_", "encoder_", "decoder_", "transformer_", "cross_transformer"]
        #expect(kinds.allSatisfy { !Self.names($0).isEmpty })
        #expect(kinds.flatMap { Self.names($0) }.sorted() == Self.names(""))
    }

    struct DConvArguments: Decodable {
        let channels: Int
        let compress: Int
        let depth: Int
        let lstm: Bool?
        let attn: Bool?
    }

    @Test(arguments: names("dconv_"))
    func dconv(_ name: String) throws {
        let block = try Block(name, on: backend)
        let arguments = try block.golden.arguments(as: DConvArguments.self)
        let reader = try block.reader { $0.dconvDepth = arguments.depth }
        let dconv = try reader.dconv(
            block.parameters, channels: arguments.channels,
            hidden: arguments.channels / arguments.compress,
            dilations: reader.configuration.dconvDilations, hasLSTM: arguments.lstm ?? false,
            hasAttention: arguments.attn ?? false)
        // Frequency rows are a batch in the reference, [F, C, T].
        let isRows = name.hasSuffix("_rows")
        let input =
            try isRows
            ? block.golden.laidOut("x").permuted([0, 2, 1]) : block.golden.channelsLast("x")
        let x = backend.tensor(input.shape, input.values)
        dconv(x, in: ForwardPass(on: backend))
        let output = LaidOut(x.shape, x.floats)
        try block.expect(isRows ? output.permuted([0, 2, 1]) : output.channelsFirst)
    }

    @Test(arguments: names("encoder_"))
    func encoderLayer(_ name: String) throws {
        let block = try Block(name, on: backend)
        let output = try encode(block).output
        try block.expect(LaidOut(output.shape, output.floats).channelsFirst)
    }

    /// Tiles on two threads, in 16 bits.
    @Test(arguments: names("encoder_"))
    func theSkipIsTheRoundedOutputWithItsEmbedding(_ name: String) throws {
        let backend = try Backend(threads: 2, precision: .bfloat16)
        let block = try Block(name, on: backend)
        let plain = try encode(block).output
        let (freqs, times, channels) = (plain.shape[0], plain.shape[1], plain.shape[2])
        let values = (0..<freqs * channels).map { Float($0 % 7) }
        let isEmbedded = freqs > 1
        let (output, skip) = try encode(
            block, embedding: isEmbedded ? backend.tensor([freqs, channels], values) : nil)
        let expected = plain.floats.enumerated().map { index, value in
            isEmbedded
                ? value + values[index / (times * channels) * channels + index % channels] : value
        }
        #expect(output.floats == expected)
        guard let skip else { return }
        let zeros = [Float](repeating: 0, count: output.count)
        let (found, whole) = (
            backend.tensor(output.shape, zeros), backend.tensor(output.shape, zeros)
        )
        skip.add(to: found, on: backend)
        Skip(output, on: backend).add(to: whole, on: backend)
        #expect(found.floats == whole.floats)
    }

    private func encode(
        _ block: Block, embedding: Tensor? = nil
    ) throws -> (output: Tensor, skip: Skip?) {
        let arguments = try block.golden.arguments(as: LayerArguments.self)
        let reader = try block.reader(arguments.set)
        let shape = arguments.shape(outer: arguments.chin, inner: arguments.chout)
        let layer = try reader.encoderLayer(
            block.parameters, shape, isFrequency: arguments.freq)
        let inject =
            block.golden.names.contains("inject") ? try block.input("inject") : nil
        return layer(
            try block.input("x"), inject: inject, embedding: embedding,
            in: ForwardPass(on: block.backend))
    }

    @Test(arguments: names("decoder_"))
    func decoderLayer(_ name: String) throws {
        let block = try Block(name, on: backend)
        let arguments = try block.golden.arguments(as: LayerArguments.self)
        let reader = try block.reader(arguments.set)
        let layer = try reader.decoderLayer(
            block.parameters, arguments.shape(outer: arguments.chout, inner: arguments.chin),
            isFrequency: arguments.freq)
        let x = try block.input("x")
        let times = try block.golden.checkpoint.metadata["length"].map { try #require(Int($0)) }
        let isEmpty = arguments.empty ?? false
        if !isEmpty { backend.add(try block.input("skip"), to: x) }
        let (output, inner) = layer(
            x, length: times ?? x.shape[1], returnsInner: true, in: ForwardPass(on: backend))
        try block.expect(LaidOut(output.shape, output.floats).channelsFirst)
        // An empty layer has no operation before its transposed convolution.
        let before = try #require(inner)
        try block.expect(
            LaidOut(before.shape, before.floats).channelsFirst, isEmpty ? "x" : "pre")

        // The next level's skip is added last.
        let again = try block.input("x")
        if !isEmpty { backend.add(try block.input("skip"), to: again) }
        let skip = backend.tensor(output.shape, (0..<output.count).map { Float($0 % 5) })
        let sum = layer(
            again, length: times ?? x.shape[1], nextSkip: Skip(skip, on: backend),
            in: ForwardPass(on: backend)
        ).output
        #expect(sum.floats == zip(output.floats, skip.floats).map(+))
    }

    /// The reference's table times its scale; the model multiplies it by another 0.2.
    @Test func frequencyEmbedding() throws {
        let golden = try Fixture("layers/scaled_embedding")
        let shape = try golden.shape("output")
        var hyperparameters = Configuration.Hyperparameters(sources: ["one"])
        hyperparameters.tLayers = 0
        hyperparameters.channels = shape[1]
        hyperparameters.nfft = 2 * shape[0] * hyperparameters.stride
        hyperparameters.depth = 2
        for weight in [1, 0.2] {
            hyperparameters.freqEmb = weight
            let reader = StateDictReader(
                configuration: try Configuration(hyperparameters), backend: backend)
            let embedding = try #require(
                try reader.frequencyEmbedding(golden.checkpoint.parameters()))
            let expected = try golden.floats("output").map { $0 * Float(weight) }
            #expect(Array(embedding.shape) == shape)
            #expect(embedding.floats == expected, "weight \(weight)")
        }
    }
}
