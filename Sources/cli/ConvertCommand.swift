// `swift-demucs convert`: writes a checkpoint of any format in the official safetensors layout.

import Demucs
import WeightsLoader

extension Option {
    static let float16 = Option(
        "float16", help: "Round values to float16. (default: keep their types)")
    static let sources = Option(
        "sources", value: "names",
        help: "Names of the sources in the model's order, separated by commas. (default: the "
            + "stored or else the standard ones)")
}

enum ConvertCommand {
    static let command = Command(
        "convert",
        overview: "Write a checkpoint in the official safetensors layout.",
        operand: "file",
        operandHelp: "A checkpoint: .safetensors, .th, demucs.cpp's .bin or .onnx.",
        options: [.outFile, .float16, .member, .sources, .version, .help],
        examples: [
            "swift-demucs convert htdemucs.th -o htdemucs.safetensors":
                "A checkpoint of the reference as safetensors, without Python.",
            "swift-demucs convert htdemucs.onnx -o half.safetensors --float16":
                "Weights out of an ONNX export, in two bytes each.",
        ]
    ) { arguments, console throws(UsageError) in
        let output = try arguments.required(.outFile)
        let sources = arguments.value(.sources)?
            .split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        return console.reporting(failure: .modelUnusable) {
            let checkpoint = try Checkpoint.open(
                arguments.operands[0], member: arguments.value(.member), toWrite: output)
            let conversion = try CheckpointConversion(checkpoint, sources: sources)
            conversion.description.warnings.forEach(console.warning)
            try conversion.write(to: output, asFloat16: arguments.has(.float16))
            console.result(output)
            return .done
        }
    }
}
