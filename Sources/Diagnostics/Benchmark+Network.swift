// The networks that can be measured, and how they are loaded.

import HTDemucs
import Quantization
import System
import Tensor
import WeightsLoader

extension Benchmark {
    /// A network to measure.
    package enum Network: Sendable {
        /// A checkpoint file.
        ///
        /// - Parameter segmentSeconds: the bag's segment length, if the model is a member of a bag.
        case checkpoint(path: String, segmentSeconds: Double?)
        /// A configuration with ``SeededWeights``, without a file.
        case random(Configuration)

        /// The precision of the weights: INT8 for a checkpoint with INT8 weights, else float32.
        ///
        /// - Throws: `WeightsError`.
        package func ownPrecision() throws -> Precision {
            guard case .checkpoint(let path, _) = self else { return .float32 }
            return try Checkpoint.open(path).isQuantized ? .int8 : .float32
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
            guard case .checkpoint(let path, let segmentSeconds) = network else {
                return try body(Source(network: network, isFloat16: true))
            }
            let checkpoint = try Checkpoint.open(path)
            guard !checkpoint.isQuantized else { return }
            let number = UInt64.random(in: .min ... .max)
            let file = FilePath.joined(
                FilePath.temporaryFolder, "swift-demucs-\(number).safetensors")
            defer { unlink(file) }
            try CheckpointConversion(checkpoint).write(to: file, asFloat16: true)
            try body(
                Source(
                    network: .checkpoint(path: file, segmentSeconds: segmentSeconds),
                    isFloat16: true))
        }

        /// Size of the checkpoint in bytes; 0 for random weights.
        func fileBytes() throws -> Int {
            guard case .checkpoint(let path, _) = network else { return 0 }
            return try Checkpoint.open(path).countBytes
        }

        func load(_ precision: Precision, threads: Int) throws -> LoadedNetwork {
            let backend = try Backend(threads: threads, precision: precision)
            switch network {
            case .checkpoint(let path, let segmentSeconds):
                return try Checkpoint.open(path).network(
                    segmentSeconds: segmentSeconds, backend: backend)
            case .random(let configuration):
                let (weights, isFloat16) = (SeededWeights(configuration: configuration), isFloat16)
                let parameters = ParameterReader { name, shape in
                    let values = weights.draw(name, shape)
                    return isFloat16
                        ? values.map { Widening.float(fromFloat16: Narrowing.float16($0)) } : values
                }
                return try configuration.network(parameters: parameters, backend: backend)
            }
        }
    }

    /// Size of a model's values in a checkpoint of that precision, in bytes; nil stands for
    /// float16.
    static func valueBytes(_ configuration: Configuration, _ precision: Precision?) throws -> Int {
        let parameters = ParameterReader { _, shape in
            [Float](repeating: 0, count: shape.reduce(1, *))
        }
        let observer = CalibrationObserver(rowsPerSegment: 2)
        _ = try configuration.network(
            parameters: parameters, backend: Backend(threads: 1), observer: observer)
        let shapes = parameters.askedShapes
        let count = shapes.values.reduce(0) { $0 + $1.reduce(1, *) }
        return switch precision {
        case .int8:
            QuantizedModel.valueBytes(
                shapes, of: observer.layers, in: .recommended(for: configuration))
        case .float32: 4 * count
        case .bfloat16, nil: 2 * count
        }
    }
}
