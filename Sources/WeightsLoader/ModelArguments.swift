// Also Embedded Swift: typed throws, no key paths, no casts.
// The class of a stored model and the arguments of its constructor, from a checkpoint's metadata:
// `klass` (a bare string), `args` and `kwargs` (JSON), as demucs 4.1.0 writes and reads them.

import System

package struct ModelArguments: Sendable, Equatable {
    /// Module and class, `demucs.htdemucs.HTDemucs`.
    package let className: String
    /// `args`: positional arguments in the order of the class's constructor.
    package let positional: [ArgumentValue]
    /// `kwargs`: arguments by name.
    package let keyword: [String: ArgumentValue]
    /// Names of the arguments that neither the file nor its tensors show, in the order of messages.
    package var assumed: [String] = []

    package init(
        className: String, positional: [ArgumentValue], keyword: [String: ArgumentValue]
    ) {
        self.className = className
        self.positional = positional
        self.keyword = keyword
    }
}

extension Checkpoint {
    /// Whether the file stores constructor arguments, even if they are damaged.
    package var describesModel: Bool {
        storedArguments != nil
            || ["klass", "args", "kwargs", "structure"].contains { metadata[$0] != nil }
    }

    /// The most bytes of arguments; those of published models take about 2,000.
    private static let argumentsLimitBytes = 1 << 20

    /// The arguments of the stored model.
    ///
    /// - Parameter classNames: the classes that the caller can build.
    /// - Throws: ``WeightsError`` if the metadata are missing or damaged, if they have another
    ///   class, or if the tensors are packed by diffq.
    package func modelArguments(
        ofClasses classNames: [String]
    ) throws(WeightsError) -> ModelArguments {
        if let storedArguments {
            try check(storedArguments.className, isOneOf: classNames)
            return storedArguments
        }
        let className = metadata["klass"] ?? ""
        if metadata["klass"] != nil { try check(className, isOneOf: classNames) }
        guard metadata["structure"] == nil else {
            throw .unsupported(
                path: path, format: format,
                problem: "its weights are packed by diffq (the metadata have a \"structure\"); "
                    + CheckpointContents.floatsWanted)
        }
        let missing = ["klass", "args", "kwargs"].filter { metadata[$0] == nil }
        guard missing.isEmpty else {
            throw .metadataMissing(path: path, keys: missing)
        }
        guard case .array(let positional) = try argument("args") else {
            throw invalid("args", "expected a JSON array")
        }
        guard case .object(let keyword) = try argument("kwargs") else {
            throw invalid("kwargs", "expected a JSON object")
        }
        return ModelArguments(className: className, positional: positional, keyword: keyword)
    }

    private func check(_ className: String, isOneOf classNames: [String]) throws(WeightsError) {
        guard classNames.contains(className) else {
            throw .otherModel(path: path, found: className, expected: classNames)
        }
    }

    private func invalid(_ key: String, _ problem: String) -> WeightsError {
        .metadataInvalid(path: path, key: key, problem: problem)
    }

    func argument(_ key: String) throws(WeightsError) -> ArgumentValue {
        let text = Array((metadata[key] ?? "").utf8)
        guard text.count <= Self.argumentsLimitBytes else {
            throw invalid(
                key,
                "\(text.count) bytes of arguments; at most \(Self.argumentsLimitBytes) "
                    + "are read")
        }
        let value: JSON
        do throws(JSONError) {
            var cursor = JSONCursor(text)
            value = try cursor.value()
            try cursor.end()
        } catch {
            throw invalid(key, "not JSON at byte \(error.offset): \(error.problem)")
        }
        return try decoded(value, key: key)
    }

    /// The Python value of JSON; objects may encode fractions, at any depth.
    private func decoded(_ value: JSON, key: String) throws(WeightsError) -> ArgumentValue {
        switch value {
        case .null: return .null
        case .bool(let value): return .bool(value)
        case .integer(let value): return .integer(value)
        case .number(let value): return .number(value)
        case .text(let value): return .string(value)
        case .array(let elements):
            return .array(
                try elements.map { element throws(WeightsError) in
                    try decoded(element, key: key)
                })
        case .object(let fields):
            var members: [String: ArgumentValue] = [:]
            for (name, field) in fields { members[name] = try decoded(field, key: key) }
            guard members["_type"] == .string("fraction") else { return .object(members) }
            guard case .integer(let numerator) = members["numerator"],
                case .integer(let denominator) = members["denominator"], denominator != 0
            else {
                throw invalid(
                    key,
                    "a fraction needs a whole numerator and a whole denominator other "
                        + "than 0, found \(ArgumentValue.object(members))")
            }
            return .fraction(numerator: numerator, denominator: denominator)
        }
    }
}
