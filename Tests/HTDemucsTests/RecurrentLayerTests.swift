// LSTM, BLSTM and local attention against PyTorch's, in float32, on the golden tensors of
// Tests/Fixtures/layers.

import Foundation
import HTDemucs
import Layers
import Networks
import Tensor
import TestSupport
import Testing

@Suite struct RecurrentLayerTests {
    let backend: Backend
    let reader: StateDictReader

    init() throws {
        backend = try Backend(threads: 2)
        reader = try Self.reader(on: backend)
    }

    private static func reader(on backend: Backend) throws -> StateDictReader {
        StateDictReader(
            configuration: try Configuration(.init(.hdemucs, sources: ["one"])), backend: backend)
    }

    private static func names(_ prefix: String) -> [String] {
        Fixture.names(in: "layers", prefix: prefix)
    }

    struct LSTMArguments: Decodable {
        let numLayers: Int
    }

    struct BLSTMArguments: Decodable {
        let maxSteps: Int?
        let layers: Int?
        let skip: Bool?
    }

    struct AttentionArguments: Decodable {
        let heads: Int?
        let ndecay: Int?
    }

    @Test(arguments: names("lstm"))
    func lstm(_ name: String) throws {
        let block = try Block(name, in: "layers", on: backend)
        let golden = block.golden
        let input = try golden.laidOut("input")
        // The dimension of a single sequence or a single step may be missing.
        let channels = input.shape[input.shape.count - 1]
        let count = input.shape.count
        let sequences = count < 2 ? 1 : input.shape[count - 2]
        let times = input.values.count / channels / sequences
        let lstm = try reader.bidirectionalLSTM(
            block.parameters, channels: channels,
            layers: golden.arguments(as: LSTMArguments.self).numLayers)
        let output = lstm(
            backend.tensor([times, sequences, channels], input.values), on: backend)
        try block.expect(LaidOut(golden.shape("output"), output.floats))
    }

    /// `[signals, channels, times]` of a fixture as `[signals, times, channels]`; a fixture of one
    /// signal has no dimension for it.
    private func signals(_ golden: Fixture) throws -> Tensor {
        var input = try golden.laidOut("input")
        if input.shape.count == 2 { input = LaidOut([1] + input.shape, input.values) }
        input = input.permuted([0, 2, 1])
        return backend.tensor(input.shape, input.values)
    }

    private func expectSignals(_ x: Tensor, in block: Block) throws {
        let output = LaidOut(x.shape, x.floats).permuted([0, 2, 1])
        try block.expect(LaidOut(block.golden.shape("output"), output.values))
    }

    @Test(arguments: names("blstm"))
    func blstm(_ name: String) throws {
        let block = try Block(name, in: "layers", on: backend)
        let arguments = try block.golden.arguments(as: BLSTMArguments.self)
        let x = try signals(block.golden)
        let blstm = try reader.blstm(
            block.parameters, channels: x.shape[2], layers: arguments.layers ?? 1,
            windowTimes: arguments.maxSteps, skips: arguments.skip ?? false)
        try expectSignals(blstm(x, on: backend), in: block)
    }

    @Test(arguments: names("local_state"))
    func localState(_ name: String) throws {
        let block = try Block(name, in: "layers", on: backend)
        let arguments = try block.golden.arguments(as: AttentionArguments.self)
        let x = try signals(block.golden)
        let localState = try reader.localState(
            block.parameters, channels: x.shape[2], heads: arguments.heads ?? 4,
            decays: arguments.ndecay ?? 4)
        localState(x, on: backend)
        try expectSignals(x, in: block)
    }
}
