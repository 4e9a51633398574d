// The YAML file of a bag: several checkpoints whose outputs are averaged.
// Reference: `BagOnlyRepo.get_model` in demucs/repo.py.

import WeightsLoader

/// The content of a bag's YAML file.
///
///     models: ['f7e0c4bc', 'd12395a8']      # signatures of the members
///     weights: [[1., 0.], [0., 1.]]         # [member][source]; all ones if left out
///     segment: 44                           # seconds; replaces the members' own
package struct BagFile: Sendable, Equatable {
    /// Signatures of the members, such as `955717e8`; safe as parts of file names.
    package let signatures: [String]
    /// Weights of the sources of each member, `[member][source]`; `nil` for all ones.
    package let weights: [[Double]]?
    /// Length of a segment, which replaces each member's own; that of an HTDemucs only if it is
    /// longer, and that of a RoFormer never.
    package let segmentSeconds: Double?

    private static let memberLimit = 64

    /// Reads a bag's file.
    ///
    /// - Throws: ``BagError/modelsMissing(path:)``; ``YAMLFileError``; ``WeightsError`` if the file
    ///   can't be read.
    package static func read(_ path: String) throws -> BagFile {
        try BagFile(YAMLFile.read(path))
    }
}

extension BagFile {
    /// - Throws: ``BagError/modelsMissing(path:)``, ``YAMLFileError``.
    package init(_ file: YAMLFile) throws {
        guard let models = file.entries["models"] else {
            throw BagError.modelsMissing(path: file.path)
        }
        do {
            try self.init(models: models, file.entries)
        } catch {
            throw YAMLFileError.invalid(
                path: file.path, line: error.line, problem: error.problem)
        }
    }

    private init(
        models: YAMLNode, _ entries: [String: YAMLNode]
    ) throws(YAMLFailure) {
        let signatures = try BagFile.signatures(models)
        self.init(
            signatures: signatures,
            weights: try BagFile.weights(entries["weights"], of: signatures.count),
            segmentSeconds: try BagFile.seconds(entries["segment"]))
    }

    private static func signatures(_ models: YAMLNode) throws(YAMLFailure) -> [String] {
        guard let nodes = models.items, (1...memberLimit).contains(nodes.count) else {
            throw models.failure("'models' must be a list of 1 to \(memberLimit) signatures")
        }
        var signatures: [String] = []
        for node in nodes {
            guard let signature = node.text, ModelName.isSignature(signature) else {
                throw node.failure(
                    "each of 'models' must be a signature, as '955717e8': letters, digits, "
                        + "'.', '_' and '-'")
            }
            signatures.append(signature)
        }
        return signatures
    }

    private static func weights(
        _ node: YAMLNode?, of memberCount: Int
    ) throws(YAMLFailure) -> [[Double]]? {
        guard let node, !node.isNull else { return nil }
        guard let rows = node.items, rows.count == memberCount else {
            throw node.failure("'weights' must have a row for each of the \(memberCount) models")
        }
        var weights: [[Double]] = []
        for row in rows {
            guard let items = row.items, items.count == (rows[0].items ?? []).count else {
                throw row.failure("all rows of 'weights' must be lists of the same length")
            }
            var values: [Double] = []
            for item in items {
                guard let value = item.number, Float(value).isFinite else {
                    throw item.failure("each of 'weights' must be a finite number")
                }
                values.append(value)
            }
            weights.append(values)
        }
        return weights
    }

    private static func seconds(_ node: YAMLNode?) throws(YAMLFailure) -> Double? {
        guard let node, !node.isNull else { return nil }
        guard let value = node.number, value > 0 else {
            throw node.failure("'segment' must be a positive number of seconds")
        }
        return value
    }
}
