// The networks that can be measured, and how they are loaded.

import Demucs
import ModelZoo
import Networks
import Quantization
import System
import Tensor
import WeightsLoader

extension Benchmark {
    package enum Network: Sendable {
        /// The files of a model with one checkpoint.
        case checkpoint(ModelFiles)
        /// A configuration with ``SeededWeights``, without a file.
        case random(any ModelConfiguration)

        /// The precision of the weights: INT8 for a checkpoint with INT8 weights, else float32.
        ///
        /// - Throws: `WeightsError`.
        package func ownPrecision() throws -> Precision {
            guard case .checkpoint(let files) = self else { return .float32 }
            return try files.isQuantized() ? .int8 : .float32
        }

        /// The names of the stems.
        ///
        /// - Throws: errors of opening the files.
        package func sources() throws -> [String] {
            switch self {
            case .checkpoint(let files): try OpenedModel(files).sources
            case .random(let configuration): configuration.trackRules.sources
            }
        }
    }

    /// A network and the type of its stored weights.
    struct Source {
        let network: Network
        /// Whether the weights are float16: for a checkpoint a description, for random weights a
        /// request.
        var isFloat16 = false

        /// Calls `body` with the network's weights in float16, unless they are INT8. A checkpoint
        /// is converted into a temporary file.
        static func withFloat16(of network: Network, _ body: (Source) throws -> Void) throws {
            guard case .checkpoint(let files) = network else {
                return try body(Source(network: network, isFloat16: true))
            }
            let checkpoint = try files.open(files.checkpoints[0])
            guard !checkpoint.isQuantized else { return }
            let number = UInt64.random(in: .min ... .max)
            let file = FilePath.joined(
                FilePath.temporaryFolder, "swift-demucs-\(number).safetensors")
            defer { unlink(file) }
            try CheckpointConversion(checkpoint).write(to: file, asFloat16: true)
            try body(
                Source(
                    network: .checkpoint(
                        ModelFiles(
                            name: files.name, checkpoints: [file],
                            segmentSeconds: files.segmentSeconds)), isFloat16: true))
        }

        /// Size of the checkpoint in bytes; 0 for random weights.
        func fileBytes() throws -> Int {
            guard case .checkpoint(let files) = network else { return 0 }
            return try files.open(files.checkpoints[0]).countBytes
        }

        func load(
            _ precision: Precision, threads: Int
        ) throws -> (any ModelConfiguration, any SeparationNetwork) {
            let backend = try Backend(threads: threads, precision: precision)
            switch network {
            case .checkpoint(let files):
                let model = try OpenedModel(files)
                return (model.configurations[0], try model.network(on: backend))
            case .random(let configuration):
                let (weights, isFloat16) = (SeededWeights(configuration: configuration), isFloat16)
                let parameters = ParameterReader { name, shape in
                    let values = weights.draw(name, shape)
                    return isFloat16
                        ? values.map { Widening.float(fromFloat16: Narrowing.float16($0)) } : values
                }
                return (configuration, try configuration.network(parameters, on: backend))
            }
        }
    }

    /// Size of a model's values in a checkpoint of that precision, in bytes; nil stands for
    /// float16.
    static func valueBytes(
        _ configuration: any ModelConfiguration, _ precision: Precision?
    ) throws -> Int {
        let parameters = ParameterReader { _, shape in
            [Float](repeating: 0, count: shape.reduce(1, *))
        }
        let observer = CalibrationObserver(rowsPerSegment: 2)
        _ = try configuration.network(
            parameters, on: Backend(threads: 1), observer: observer)
        let shapes = parameters.askedShapes
        let count = shapes.values.reduce(0) { $0 + $1.reduce(1, *) }
        return switch precision {
        case .int8:
            QuantizedModel.valueBytes(
                shapes, of: observer.layers, in: configuration.recommendedPlan)
        case .float32: 4 * count
        case .bfloat16, nil: 2 * count
        }
    }
}
