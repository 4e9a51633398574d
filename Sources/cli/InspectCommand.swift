// `swift-demucs inspect`: shows the content of a checkpoint.

import Demucs
import System
import WeightsLoader

struct InspectCommand {
    static let command = Command(
        "inspect",
        overview: "Show a checkpoint's format, configuration, tensors and checksum.",
        operand: "file",
        operandHelp: "A checkpoint: .safetensors, .th, demucs.cpp's .bin or .onnx.",
        options: [.json, .member, .version, .help],
        examples: [
            "swift-demucs inspect htdemucs.th": "The contents of a checkpoint, and its SHA-256."
        ]
    ) { arguments, console throws(UsageError) in
        console.reporting(failure: .modelUnusable) {
            let report = try InspectCommand(
                checkpoint: .open(arguments.operands[0], member: arguments.value(.member)))
            console.result(arguments.has(.json) ? report.json : report.text)
            return .done
        }
    }

    private let checkpoint: Checkpoint
    private let checksum: String
    /// The constructor's arguments by name, or the reason why they can't be read.
    private let arguments: Result<[String: ArgumentValue], any Error>
    /// The YAML file that has the arguments; nil if they are stored or inferred.
    private let configurationPath: String?

    private init(checkpoint: Checkpoint) throws {
        self.checkpoint = checkpoint
        checksum = try checkpoint.sha256()
        let file = Result {
            try ModelFiles(checkpoint: checkpoint.path).configuration(of: checkpoint)
        }
        configurationPath = (try? file.get())?.path
        arguments = Result {
            try ModelDescription(of: checkpoint, file.get()).namedArguments
        }
    }

    // MARK: - Reports

    private var text: String {
        var lines = [
            "file: \(checkpoint.path)",
            "format: \(checkpoint.format.rawValue) (\(checkpoint.format.title))",
            "size: \(checkpoint.countBytes) bytes",
            "sha256: \(checksum)",
        ]
        if !checkpoint.submodels.isEmpty {
            lines.append("models: \(checkpoint.submodels.joined(separator: ", "))")
        }
        switch arguments {
        case .success(let arguments):
            lines.append("arguments\(origin):")
            lines += arguments.sorted { $0.key < $1.key }.map { "  \($0.key) = \($0.value)" }
        case .failure(let error):
            lines.append("model: \(error)")
        }
        let values = checkpoint.tensors.reduce(0) { $0 + $1.count }
        let types = typeCounts.map { "\($0.count) × \($0.type)" }.joined(separator: ", ")
        lines.append(
            "tensors: \(checkpoint.tensors.count) with \(values) values"
                + (types.isEmpty ? "" : " (\(types))"))
        lines += checkpoint.tensors.map { tensor in
            let shape = tensor.shape.map(String.init).joined(separator: ", ")
            return "  \(tensor.name) \(tensor.elementType.rawValue) [\(shape)]"
        }
        // Names are untrusted: no control characters may reach a terminal.
        return lines.map(\.withoutHiddenCharacters).joined(separator: "\n")
    }

    /// Where the arguments are from, if they are not in the checkpoint.
    private var origin: String {
        if let configurationPath { return " (of \(configurationPath))" }
        return checkpoint.describesModel ? "" : " (not stored, inferred from the tensors)"
    }

    private var json: String {
        var report: [String: ArgumentValue] = [
            "path": .string(checkpoint.path), "format": .string(checkpoint.format.rawValue),
            "size_bytes": .integer(checkpoint.countBytes), "sha256": .string(checksum),
            "models": .array(checkpoint.submodels.map(ArgumentValue.string)),
            "arguments_inferred": .bool(!checkpoint.describesModel && configurationPath == nil),
            "dtypes": .object(
                Dictionary(uniqueKeysWithValues: typeCounts.map { ($0.type, .integer($0.count)) })),
            "tensors": .array(
                checkpoint.tensors.map { tensor in
                    .object([
                        "name": .string(tensor.name),
                        "dtype": .string(tensor.elementType.rawValue),
                        "shape": .array(tensor.shape.map(ArgumentValue.integer)),
                    ])
                }),
        ]
        switch arguments {
        case .success(let arguments):
            report["arguments"] = .object(arguments.mapValues(InspectCommand.finite))
        case .failure(let error):
            report["arguments"] = .null
            report["problem"] = .string("\(error)")
        }
        return ArgumentValue.object(report).json ?? "{}"
    }

    /// Infinite numbers as strings, since JSON can't express them.
    private static func finite(_ value: ArgumentValue) -> ArgumentValue {
        switch value {
        case .number(let number) where !number.isFinite: .string("\(number)")
        case .array(let elements): .array(elements.map(finite))
        case .object(let fields): .object(fields.mapValues(finite))
        default: value
        }
    }

    private var typeCounts: [(type: String, count: Int)] {
        Dictionary(grouping: checkpoint.tensors, by: \.elementType.rawValue)
            .map { ($0.key, $0.value.count) }.sorted { $0.0 < $1.0 }
    }
}
