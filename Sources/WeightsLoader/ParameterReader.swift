// The model's view of a checkpoint: a cursor that asks for each tensor by name and shape, in the
// manner of candle's VarBuilder.

import Synchronization

/// Reads parameters under one prefix of the official state dict, and remembers which were read.
///
/// Scopes of one reader share their memory, which is safe to use from several threads.
package struct ParameterReader: Sendable {
    /// Values for the tensor of this full name and shape.
    package typealias Generator = @Sendable (_ name: String, _ shape: [Int]) -> [Float]

    private enum Source: Sendable {
        case checkpoint(Checkpoint)
        case generator(Generator)
    }

    private let source: Source
    private let prefix: String
    private let asked: AskedNames

    init(_ checkpoint: Checkpoint) {
        self.init(.checkpoint(checkpoint))
    }

    /// Parameters that are made where they are asked for, to measure a model without its file.
    ///
    /// - Parameter generator: gives as many values as the shape has elements.
    package init(generating generator: @escaping Generator) {
        self.init(.generator(generator))
    }

    private init(_ source: Source) {
        self.source = source
        prefix = ""
        asked = AskedNames()
    }

    private init(parent: ParameterReader, name: String) {
        source = parent.source
        prefix = parent.prefix + name + "."
        asked = parent.asked
    }

    /// The part of the model below `name`: `reader.scope("encoder").scope("0")`.
    package func scope(_ name: String) -> ParameterReader {
        ParameterReader(parent: self, name: name)
    }

    /// The tensor `name` of this scope as float32, row-major.
    ///
    /// - Parameter shape: the sizes that the model needs; the stored ones must be the same, but
    ///   for sizes of 1 in a format that leaves them out.
    /// - Throws: ``WeightsError`` if it is missing, has another shape or isn't floating-point.
    package func floats(_ name: String, _ shape: [Int]) throws -> [Float] {
        let fullName = prefix + name
        switch source {
        case .checkpoint(let checkpoint):
            return try floats(fullName, shape, from: checkpoint)
        case .generator(let generator):
            asked.insert(fullName, shape)
            return generator(fullName, shape)
        }
    }

    private func floats(
        _ fullName: String, _ shape: [Int], from checkpoint: Checkpoint
    ) throws -> [Float] {
        guard let tensor = checkpoint.tensor(named: fullName) else {
            throw missing(fullName, in: checkpoint)
        }
        guard checkpoint.matches(tensor, shape) else {
            throw WeightsError.shapeMismatch(
                path: checkpoint.path, tensor: fullName, found: tensor.shape, expected: shape)
        }
        asked.insert(fullName, shape)
        return try checkpoint.floats(tensor)
    }

    /// Whether the tensor `name` of this scope can be had.
    package func has(_ name: String) -> Bool {
        switch source {
        case .checkpoint(let checkpoint): checkpoint.tensor(named: prefix + name) != nil
        case .generator: true
        }
    }

    /// Ends the reading of the whole checkpoint, whatever this reader's scope.
    ///
    /// - Throws: ``WeightsError/tensorsUnused(path:tensors:)`` if nobody asked for some tensors:
    ///   the model would then not be the one that was stored.
    package func finish() throws {
        guard case .checkpoint(let checkpoint) = source else { return }
        let unused = unaskedNames(of: checkpoint)
        guard unused.isEmpty else {
            throw WeightsError.tensorsUnused(path: checkpoint.path, tensors: unused)
        }
    }

    /// The shape that each tensor was asked for with: the official one, whatever the file says.
    package var askedShapes: [String: [Int]] { asked.all() }

    private func unaskedNames(of checkpoint: Checkpoint) -> [String] {
        let asked = asked.all()
        return checkpoint.tensors.map(\.name).filter { asked[$0] == nil }
    }

    /// Names what is missing beside the unread tensors that start most like it: a renamed or
    /// differently counted layer shows at once.
    private func missing(_ name: String, in checkpoint: Checkpoint) -> WeightsError {
        let unasked = unaskedNames(of: checkpoint)
        let nearest =
            unasked
            .map { (name: $0, shared: zip($0.utf8, name.utf8).prefix { $0 == $1 }.count) }
            .sorted { ($1.shared, $0.name) < ($0.shared, $1.name) }
            .prefix(10)
            .map(\.name)
        return WeightsError.tensorMissing(
            path: checkpoint.path, tensor: name, unasked: unasked.count, similar: nearest)
    }
}

extension Checkpoint {
    /// Starts reading this checkpoint's parameters at the root of the state dict.
    package func parameters() -> ParameterReader {
        ParameterReader(self)
    }

    fileprivate func matches(_ tensor: StoredTensor, _ shape: [Int]) -> Bool {
        guard omitsUnitSizes else { return tensor.shape == shape }
        return tensor.shape.filter { $0 != 1 } == shape.filter { $0 != 1 }
    }
}

/// Which tensors were read, and with which shapes; shared by all scopes of one reader.
private final class AskedNames: Sendable {
    private let shapes = Mutex<[String: [Int]]>([:])

    func insert(_ name: String, _ shape: [Int]) {
        shapes.withLock { $0[name] = shape }
    }

    func all() -> [String: [Int]] {
        shapes.withLock { $0 }
    }
}
