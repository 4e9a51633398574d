// Also Embedded Swift: typed throws, no key paths, no casts.
// A reader that asks a checkpoint for each tensor by name and shape, like candle's VarBuilder.

import Synchronization
import System

/// Reads parameters under one prefix of the official state dict, and records which were read.
///
/// All scopes of a reader share this record. Several threads may use it at once.
package struct ParameterReader: Sendable {
    /// Gives the values of the tensor with this full name and shape.
    package typealias Generator = @Sendable (_ name: String, _ shape: [Int]) -> [Float]

    /// Tensors that replace tensors of a checkpoint.
    package struct Replacements: Sendable {
        /// INT8 weights, and a scale for each output channel.
        package var quantized: [String: (values: [Int8], scales: [Float])] = [:]
        package var floats: [String: [Float]] = [:]

        package init() {}
    }

    private enum Source: Sendable {
        case checkpoint(Checkpoint, Replacements)
        case generator(Generator)
    }

    private let source: Source
    private let prefix: String
    private let asked: AskedNames

    /// A reader of generated parameters, to measure a model without its file.
    ///
    /// - Parameter generator: returns as many values as the shape has elements.
    package init(generating generator: @escaping Generator) {
        self.init(.generator(generator))
    }

    private init(_ source: Source, prefix: String = "", asked: AskedNames = AskedNames()) {
        self.source = source
        self.prefix = prefix
        self.asked = asked
    }

    /// Starts at the root of the state dict.
    fileprivate init(_ checkpoint: Checkpoint, replacing replacements: Replacements) {
        self.init(.checkpoint(checkpoint, replacements))
    }

    /// A reader for the part of the model below `name`: `reader.scope("encoder").scope("0")`.
    package func scope(_ name: String) -> ParameterReader {
        ParameterReader(source, prefix: "\(prefix)\(name).", asked: asked)
    }

    /// The tensor `name` of this scope as float32, row-major.
    ///
    /// - Parameter shape: the sizes that the model needs; the stored ones must be equal, except for
    ///   sizes of 1 in a format that leaves them out.
    /// - Throws: ``WeightsError`` if the tensor is missing, has another shape or isn't
    ///   floating-point.
    package func floats(_ name: String, _ shape: [Int]) throws(WeightsError) -> [Float] {
        let fullName = prefix + name
        switch source {
        case .checkpoint(let checkpoint, let replacements):
            let stored = try tensor(fullName, shape, from: checkpoint)
            if let replacement = replacements.floats[fullName] { return replacement }
            return try checkpoint.floats(stored)
        case .generator(let generator):
            asked.insert(fullName, shape)
            return generator(fullName, shape)
        }
    }

    private func tensor(
        _ fullName: String, _ shape: [Int], from checkpoint: Checkpoint
    ) throws(WeightsError) -> StoredTensor {
        guard let tensor = checkpoint.tensor(named: fullName) else {
            throw missing(fullName, in: checkpoint)
        }
        guard checkpoint.matches(tensor, shape) else {
            throw .shapeMismatch(
                path: checkpoint.path, tensor: fullName, found: tensor.shape, expected: shape)
        }
        asked.insert(fullName, shape)
        return tensor
    }

    /// The tensor `name` of this scope as INT8 weights, if it is stored in INT8.
    ///
    /// - Parameters:
    ///   - shape: the sizes that the model needs, see ``floats(_:_:)``.
    ///   - channels: number of output channels, each of which has a scale.
    /// - Returns: the values, row-major, and the scales that they are multiplied with; nil if the
    ///   tensor is missing or not of type I8.
    /// - Throws: ``WeightsError`` if the tensor has another shape, or if its scales are not
    ///   positive, finite and as many as output channels.
    package func quantized(
        _ name: String, _ shape: [Int], channels: Int
    ) throws(WeightsError) -> (values: [Int8], scales: [Float])? {
        let fullName = prefix + name
        guard case .checkpoint(let checkpoint, let replacements) = source else { return nil }
        if let replacement = replacements.quantized[fullName] {
            _ = try tensor(fullName, shape, from: checkpoint)
            return replacement
        }
        guard checkpoint.isQuantized,
            checkpoint.tensor(named: fullName)?.elementType == .int8
        else { return nil }
        let tensor = try tensor(fullName, shape, from: checkpoint)
        let scales = try scales(of: fullName, channels, from: checkpoint)
        asked.insert(QuantizationScheme.scaleName(of: fullName), [channels])
        return (checkpoint.withBytes(of: tensor) { Array($0.bindMemory(to: Int8.self)) }, scales)
    }

    private func scales(
        of fullName: String, _ channels: Int, from checkpoint: Checkpoint
    ) throws(WeightsError) -> [Float] {
        let name = QuantizationScheme.scaleName(of: fullName)
        func invalid(_ problem: String) -> WeightsError {
            .scalesInvalid(path: checkpoint.path, tensor: fullName, problem: problem)
        }
        guard let tensor = checkpoint.tensor(named: name) else {
            throw invalid("its scales \"\(name)\" are missing")
        }
        guard tensor.elementType == .float32 else {
            throw invalid("its scales are \(tensor.elementType.rawValue), expected F32")
        }
        guard tensor.shape == [channels] else {
            throw invalid(
                "its scales have the shape \(tensor.shape.listed), expected one for each of \(channels) "
                    + "output channels")
        }
        let scales = try checkpoint.floats(tensor)
        if let index = scales.firstIndex(where: { !($0 > 0 && $0.isFinite) }) {
            throw invalid(
                "scale \(index) is \(scales[index]), expected a positive finite number")
        }
        return scales
    }

    package func fullName(_ name: String) -> String { prefix + name }

    /// The error for a value of the tensor `name` that INT8 can't hold.
    package func notQuantizable(_ name: String, _ value: Float) -> WeightsError {
        let path =
            if case .checkpoint(let checkpoint, _) = source { checkpoint.path } else { "weights" }
        return .notStorable(path: path, tensor: prefix + name, value: value, type: .int8)
    }

    /// The forms of a quantised checkpoint's layers; nil for a checkpoint that is not quantised.
    ///
    /// - Throws: ``WeightsError/metadataInvalid(path:key:problem:)``.
    package func storedForms() throws(WeightsError) -> [String: LayerForm]? {
        guard case .checkpoint(let checkpoint, _) = source else { return nil }
        return try checkpoint.quantizationScheme()?.layers
    }

    /// Whether the tensor `name` of this scope is available.
    package func has(_ name: String) -> Bool {
        switch source {
        case .checkpoint(let checkpoint, _): checkpoint.tensor(named: prefix + name) != nil
        case .generator: true
        }
    }

    /// Checks that every tensor of the checkpoint was read, in all scopes.
    ///
    /// - Throws: ``WeightsError/tensorsUnused(path:tensors:)`` if the stored model is a different
    ///   one.
    package func finish() throws(WeightsError) {
        guard case .checkpoint(let checkpoint, _) = source else { return }
        try checkpoint.checkUnchanged()
        let unused = unaskedNames(of: checkpoint)
        guard unused.isEmpty else {
            throw .tensorsUnused(path: checkpoint.path, tensors: unused)
        }
    }

    /// The official shape of each requested tensor; the file may store it without sizes of 1.
    package var askedShapes: [String: [Int]] { asked.all() }

    /// Number of elements of all requested tensors.
    package var askedCount: Int { askedShapes.values.reduce(0) { $0 + $1.reduce(1, *) } }

    private func unaskedNames(of checkpoint: Checkpoint) -> [String] {
        let asked = asked.all()
        return checkpoint.tensors.map { $0.name }.filter { asked[$0] == nil }
    }

    /// The error for a missing tensor. It lists the unread tensors with the longest common prefix,
    /// which shows a renamed layer or one with another number.
    private func missing(_ name: String, in checkpoint: Checkpoint) -> WeightsError {
        let unasked = unaskedNames(of: checkpoint)
        let nearest =
            unasked
            .map { (name: $0, shared: zip($0.utf8, name.utf8).prefix { $0 == $1 }.count) }
            .sorted { ($1.shared, $0.name) < ($0.shared, $1.name) }
            .prefix(10)
            .map { $0.name }
        return WeightsError.tensorMissing(
            path: checkpoint.path, tensor: name, unasked: unasked.count, similar: nearest)
    }
}

extension Checkpoint {
    /// Starts reading this checkpoint's parameters at the root of the state dict.
    ///
    /// - Parameter replacements: tensors that replace stored ones of the same shape.
    package func parameters(
        replacing replacements: ParameterReader.Replacements = .init()
    ) -> ParameterReader {
        ParameterReader(self, replacing: replacements)
    }

    fileprivate func matches(_ tensor: StoredTensor, _ shape: [Int]) -> Bool {
        guard omitsUnitSizes else { return tensor.shape == shape }
        return tensor.shape.filter { $0 != 1 } == shape.filter { $0 != 1 }
    }
}

/// Names and shapes of the tensors that were read; shared by all scopes of one reader.
private final class AskedNames: Sendable {
    private let shapes = Mutex<[String: [Int]]>([:])

    func insert(_ name: String, _ shape: [Int]) {
        shapes.withLock { $0[name] = shape }
    }

    func all() -> [String: [Int]] {
        shapes.withLock { $0 }
    }
}
