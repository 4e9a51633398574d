// `swift-demucs inspect`: what a checkpoint holds.

import Demucs
import HTDemucs
import WeightsLoader

extension Option {
    static let member = Option(
        "member", value: "name", help: "Which model, of a file that holds several.")
}

struct InspectCommand {
    static let command = Command(
        definition: CommandDefinition(
            name: "inspect",
            overview: "Show a checkpoint's format, configuration, tensors and checksum.",
            operand: "file",
            operandHelp: "A checkpoint: .safetensors, .th, demucs.cpp's .bin or .onnx.",
            operandCount: 1...1,
            options: [.json, .member, .version, .help],
            exclusive: [])
    ) { arguments, console throws(UsageError) in
        do {
            let report = try InspectCommand(
                checkpoint: .open(arguments.operands[0], member: arguments.value(.member)))
            console.result(arguments.has(.json) ? report.json : report.text)
            return .done
        } catch {
            console.error("\(error)")
            return .modelUnusable
        }
    }

    private let checkpoint: Checkpoint
    private let checksum: String
    /// The constructor's arguments by name, or why there are none.
    private let arguments: Result<[String: ArgumentValue], any Error>

    private init(checkpoint: Checkpoint) {
        self.checkpoint = checkpoint
        checksum = checkpoint.sha256()
        arguments = Result {
            let arguments = try Configuration.arguments(of: checkpoint)
            _ = try Configuration.read(arguments)
            return Configuration.named(arguments)
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
        if !checkpoint.members.isEmpty {
            lines.append("models: \(checkpoint.members.joined(separator: ", "))")
        }
        switch arguments {
        case .success(let arguments):
            lines.append(
                checkpoint.describesModel
                    ? "arguments:" : "arguments (not stored, inferred from the tensors):")
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
        // Names are a stranger's text: no control characters on a terminal.
        return lines.map { line in
            String(
                line.unicodeScalars.map { scalar in
                    scalar.properties.generalCategory == .control
                        ? "\u{FFFD}" : Character(scalar)
                })
        }.joined(separator: "\n")
    }

    private var json: String {
        var report: [String: ArgumentValue] = [
            "path": .string(checkpoint.path), "format": .string(checkpoint.format.rawValue),
            "size_bytes": .integer(checkpoint.countBytes), "sha256": .string(checksum),
            "models": .array(checkpoint.members.map(ArgumentValue.string)),
            "arguments_inferred": .bool(!checkpoint.describesModel),
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

    /// Infinite numbers, which JSON has no text for, as strings.
    private static func finite(_ value: ArgumentValue) -> ArgumentValue {
        switch value {
        case .number(let number) where !number.isFinite: .string("\(number)")
        case .array(let elements): .array(elements.map(finite))
        case .object(let members): .object(members.mapValues(finite))
        default: value
        }
    }

    private var typeCounts: [(type: String, count: Int)] {
        Dictionary(grouping: checkpoint.tensors, by: \.elementType.rawValue)
            .map { ($0.key, $0.value.count) }.sorted { $0.0 < $1.0 }
    }
}

extension Checkpoint {
    /// Opens a file, and one of its models if that is asked for.
    static func open(_ path: String, member: String?) throws -> Checkpoint {
        let checkpoint = try Checkpoint.open(path)
        guard let member else { return checkpoint }
        return try checkpoint.member(member)
    }
}
