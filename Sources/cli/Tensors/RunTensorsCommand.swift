// `swift-demucs tensors run`: the engine's core on prepared chunks.

import Porting
import Separation

enum RunTensorsCommand {
    static let command = Command(
        definition: CommandDefinition(
            name: "tensors run",
            overview: "Run the core on prepared chunks and write output and add_67 beside them.",
            operand: "folder", operandHelp: "What 'tensors prepare' wrote.", operandCount: 1...1,
            options: [
                .portedName, .repo, .offline, .precision, .threads, .quiet, .version, .help,
            ], exclusive: [])
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let folder = arguments.operands[0]
        let precision = try PrecisionChoice(arguments)
        return try call.run {
            let manifest = try Manifest(folder: folder)
            let model = try call.model(defaultName: manifest.model.name)
            let backend = try call.backend(
                precision.precision(isQuantized: model.isQuantized))
            let display = call.progress("Chunk")
            try CoreRun(folder, manifest: manifest, model: model).run(
                on: backend, cancellation: call.cancellation
            ) { display.update($0, of: manifest.chunk.count) }
            console.result(folder)
        }
    }
}
