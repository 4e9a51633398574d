// One block of the reference from a fixture, built by the model's own `StateDictReader`.

import HTDemucs
import Networks
import Tensor
import TestSupport
import Testing
import WeightsLoader

/// A fixture under Tests/Fixtures/blocks or layers, with its parameters, inputs and arguments.
struct Block {
    let golden: Fixture
    let backend: Backend

    init(_ name: String, in group: String = "blocks", on backend: Backend) throws {
        golden = try Fixture("\(group)/\(name)")
        self.backend = backend
    }

    /// The block's parameters, at the root of the fixture, beside inputs and outputs.
    var parameters: ParameterReader { golden.checkpoint.parameters() }

    /// An input, channels last: `[freq, time, channel]` or `[1, time, channel]`.
    func input(_ name: String) throws -> Tensor {
        let array = try golden.channelsLast(name)
        return backend.tensor(array.shape, array.values)
    }

    func reader(_ change: (inout Configuration.Hyperparameters) -> Void) throws -> StateDictReader {
        var hyperparameters = Configuration.Hyperparameters(sources: ["one", "rest"])
        // The block is not part of a model, so no transformer has to fit its size.
        hyperparameters.tLayers = 0
        change(&hyperparameters)
        return StateDictReader(
            configuration: try Configuration(hyperparameters), backend: backend)
    }

    /// Expects the golden tensor of that name with an SNR of 120 dB, a relative error of 1e-6.
    /// PyTorch's float32 results have 127 dB or more against its float64 results on all of these
    /// fixtures.
    func expect(
        _ output: LaidOut, _ name: String = "output",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let comparison = try golden.comparison(of: output, with: name)
        #expect(comparison.snrDecibels >= 120, "\(comparison)", sourceLocation: sourceLocation)
    }
}

/// The arguments of the reference's encoder and decoder layers.
struct LayerArguments: Decodable {
    let chin: Int
    let chout: Int
    let kernelSize: Int
    let stride: Int
    let normGroups: Int
    let norm: Bool
    let dconv: Bool
    let context: Int
    let dconvKw: DConvArguments
    let freq: Bool
    let pad: Bool?
    let empty: Bool?
    let last: Bool?

    struct DConvArguments: Decodable {
        let depth: Int
        let compress: Int
    }

    /// The layer's sizes, the same for both branches; a block uses those of its own branch.
    ///
    /// - Parameters:
    ///   - outer: channels on the side of the mix.
    ///   - inner: channels on the side of the transformer.
    func shape(outer: Int, inner: Int) -> Configuration.LayerShape {
        let branch = Configuration.BranchShape(
            channelsIn: outer, decoderChannelsOut: outer, kernel: kernelSize, stride: stride,
            pad: pad ?? true ? kernelSize / 4 : 0, lengthIn: 0, lengthOut: 0)
        return Configuration.LayerShape(
            // Only the outermost layer is the decoder's last.
            index: last ?? false ? 0 : 1, channelsOut: inner, isNormed: norm,
            dconvHidden: inner / dconvKw.compress, merges: empty ?? false, frequency: branch,
            time: branch)
    }

    /// Sets the model's hyperparameters that the layer uses.
    func set(_ hyperparameters: inout Configuration.Hyperparameters) {
        hyperparameters.normGroups = normGroups
        hyperparameters.dconvMode = dconv ? 3 : 0
        hyperparameters.dconvDepth = dconvKw.depth
        hyperparameters.dconvComp = Double(dconvKw.compress)
        hyperparameters.context = context
        hyperparameters.contextEnc = context
    }
}
