// Where the weights of a measurement come from.

import Foundation
import HTDemucs
import Quantization
import Tensor
import WeightsLoader

/// A network that is loaded to be measured.
struct BenchmarkSource {
    let network: Benchmark.Network
    /// Whether its weights are float16 values.
    let isHalf: Bool

    /// - Parameter isHalf: of a checkpoint a statement, for random weights a wish.
    init(_ network: Benchmark.Network, isHalf: Bool) {
        self.network = network
        self.isHalf = isHalf
    }

    /// Runs `body` with the same network from a float16 file, unless its weights are INT8. That of a
    /// checkpoint is written to the temporary folder and removed afterwards.
    static func withHalf(
        of network: Benchmark.Network, _ body: (BenchmarkSource) throws -> Void
    ) throws {
        guard case .checkpoint(let path, let segmentSeconds) = network else {
            return try body(BenchmarkSource(network, isHalf: true))
        }
        let checkpoint = try Checkpoint.open(path)
        guard !checkpoint.isQuantized else { return }
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("swift-demucs-\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: file) }
        try CheckpointConversion(checkpoint).write(to: file.path, isHalf: true)
        try body(
            BenchmarkSource(
                .checkpoint(path: file.path, segmentSeconds: segmentSeconds), isHalf: true))
    }

    /// Of the checkpoint; 0 for random weights.
    func fileBytes() throws -> Int {
        guard case .checkpoint(let path, _) = network else { return 0 }
        return try Checkpoint.open(path).countBytes
    }

    func load(_ precision: Precision, threads: Int) throws -> HTDemucs {
        let backend = try Backend(threads: threads, precision: precision)
        switch network {
        case .checkpoint(let path, let segmentSeconds):
            return try HTDemucs(
                try Checkpoint.open(path), segmentSeconds: segmentSeconds, backend: backend)
        case .random(let configuration):
            let (weights, isHalf) = (SeededWeights(configuration: configuration), isHalf)
            let parameters = ParameterReader { name, shape in
                let values = weights.draw(name, shape)
                return isHalf
                    ? values.map { Widening.float(fromHalf: Narrowing.half($0)) } : values
            }
            return try HTDemucs(
                configuration, warnings: [], parameters: parameters, backend: backend)
        }
    }
}

extension Benchmark {
    /// Bytes of the values of a model in a checkpoint of a precision; nil for float16.
    static func valueBytes(_ configuration: Configuration, _ precision: Precision?) throws -> Int {
        let parameters = ParameterReader { _, shape in
            [Float](repeating: 0, count: shape.reduce(1, *))
        }
        let observer = CalibrationObserver(rowsPerSegment: 2)
        _ = try HTDemucs(
            configuration, warnings: [], parameters: parameters, backend: Backend(threads: 1),
            observer: observer)
        let shapes = parameters.askedShapes
        switch precision {
        case .int8:
            return QuantizedModel.valueBytes(
                shapes, of: observer.layers, in: .recommended(for: configuration))
        case .float32: return 4 * shapes.values.reduce(0) { $0 + $1.reduce(1, *) }
        case .bfloat16, nil: return 2 * shapes.values.reduce(0) { $0 + $1.reduce(1, *) }
        }
    }
}
