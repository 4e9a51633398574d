// `swift-demucs convert`: any readable checkpoint to the official safetensors layout.

import Demucs
import HTDemucs
import WeightsLoader

extension Option {
    static let convertOut = Option(
        "out", short: "o", value: "file", help: "The safetensors file to write. (required)")
    static let float16 = Option(
        "float16", help: "Round values to float16. (default: keep their types)")
    static let sources = Option(
        "sources", value: "names",
        help: "Names of the sources in their order, separated by commas. (default: those stored, "
            + "or the standard ones)")
}

enum ConvertCommand {
    static let command = Command(
        definition: CommandDefinition(
            name: "convert",
            overview: "Write a checkpoint in the official safetensors layout.",
            operand: "file",
            operandHelp: "A checkpoint: .safetensors, .th, demucs.cpp's .bin or .onnx.",
            operandCount: 1...1,
            options: [.convertOut, .float16, .member, .sources, .version, .help],
            exclusive: [])
    ) { arguments, console throws(UsageError) in
        guard let output = arguments.value(.convertOut), !output.isEmpty else {
            throw .missingValue(.convertOut)
        }
        var overriding: [String: ArgumentValue] = [:]
        if let names = arguments.value(.sources) {
            overriding["sources"] = .array(
                names.split(separator: ",", omittingEmptySubsequences: false)
                    .map { .string(String($0)) })
        }
        do {
            let checkpoint = try Checkpoint.open(
                arguments.operands[0], member: arguments.value(.member))
            let conversion = try CheckpointConversion(checkpoint, overriding: overriding)
            conversion.warnings.forEach(console.warning)
            try conversion.write(to: output, isHalf: arguments.has(.float16))
            console.result(output)
            return .done
        } catch {
            console.error("\(error)")
            return .modelUnusable
        }
    }
}
