// A bag of models: several checkpoints whose outputs are averaged, as the official package defines
// it in a YAML file. Reference: `BagOnlyRepo.get_model` in demucs/repo.py.

import Foundation
import WeightsLoader

/// What a bag's YAML file says.
///
///     models: ['f7e0c4bc', 'd12395a8']      # signatures of the members
///     weights: [[1., 0.], [0., 1.]]         # per member, per source; all ones if left out
///     segment: 44                           # seconds; replaces longer segments of the members
public struct Bag: Sendable, Equatable {
    /// Signatures of the members, `955717e8`; safe as parts of file names.
    public let signatures: [String]
    /// Per member, a weight for each source; `nil` for all ones.
    public let weights: [[Double]]?
    /// Replaces the segment length of members that have a longer one.
    public let segmentSeconds: Double?

    package init(
        signatures: [String], weights: [[Double]]? = nil, segmentSeconds: Double? = nil
    ) {
        self.signatures = signatures
        self.weights = weights
        self.segmentSeconds = segmentSeconds
    }

    /// Far above every published bag's size.
    static let sizeLimitBytes = 65_536
    private static let memberLimit = 64

    /// Reads a bag's file.
    ///
    /// - Throws: ``BagError``; ``WeightsError`` if the file can't be read.
    public static func read(_ path: String) throws -> Bag {
        let file = try MappedFile(path)
        guard file.countBytes <= sizeLimitBytes else {
            throw BagError.tooLong(
                path: path, foundBytes: file.countBytes, limitBytes: sizeLimitBytes)
        }
        let bytes = file.withBytes(0..<file.countBytes) { [UInt8]($0) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw BagError.invalid(path: path, line: 1, problem: "the file is not UTF-8 text")
        }
        return try parse(text, path: path)
    }

    /// Reads the text of a bag's file.
    ///
    /// - Parameter path: for errors.
    /// - Throws: ``BagError``.
    package static func parse(_ text: String, path: String) throws(BagError) -> Bag {
        let entries: [String: YAMLNode]
        do {
            entries = try YAMLMapping.parse(text)
        } catch {
            throw .invalid(path: path, line: error.line, problem: error.problem)
        }
        func invalid(_ node: YAMLNode, _ problem: String) -> BagError {
            .invalid(path: path, line: node.line, problem: problem)
        }

        guard let models = entries["models"] else { throw .modelsMissing(path: path) }
        guard let nodes = models.items, (1...memberLimit).contains(nodes.count) else {
            throw invalid(models, "'models' must be a list of 1 to \(memberLimit) signatures")
        }
        var signatures: [String] = []
        for node in nodes {
            guard let signature = node.text, ModelName.isSignature(signature) else {
                throw invalid(
                    node,
                    "each of 'models' must be a signature, as '955717e8': letters, digits, "
                        + "'.', '_' and '-'")
            }
            signatures.append(signature)
        }

        var weights: [[Double]]?
        if let node = entries["weights"], !node.isNull {
            guard let rows = node.items, rows.count == signatures.count else {
                throw invalid(
                    node, "'weights' must have a row for each of the \(signatures.count) models")
            }
            weights = []
            for row in rows {
                guard let items = row.items, items.count == (rows[0].items ?? []).count else {
                    throw invalid(row, "all rows of 'weights' must be lists of the same length")
                }
                var values: [Double] = []
                for item in items {
                    guard let value = item.number, Float(value).isFinite else {
                        throw invalid(item, "each of 'weights' must be a finite number")
                    }
                    values.append(value)
                }
                weights?.append(values)
            }
        }

        var segmentSeconds: Double?
        if let node = entries["segment"], !node.isNull {
            guard let value = node.number, value > 0 else {
                throw invalid(node, "'segment' must be a positive number of seconds")
            }
            segmentSeconds = value
        }
        return Bag(signatures: signatures, weights: weights, segmentSeconds: segmentSeconds)
    }
}
