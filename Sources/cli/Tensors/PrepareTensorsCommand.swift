// `swift-demucs tensors prepare`: a track to the core's inputs.

import Porting
import Separation

enum PrepareTensorsCommand {
    static let command = Command(
        definition: CommandDefinition(
            name: "tensors prepare",
            overview: "Cut a track into chunks and write the core's inputs of each, waveform and "
                + "spectrogram: <out>/chunk-00000/input.raw, x.raw and so on.",
            operand: "track", operandHelp: "A sound file.", operandCount: 1...1,
            options: [
                .tensorsOut, .portedName, .repo, .offline, .chunk, .chunkOverlap, .tensorFormat,
                .tensorType, .threads, .quiet, .version, .help,
            ], exclusive: [])
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let out = try call.required(.tensorsOut)
        let encoding = try call.encoding(.raw)
        let seconds = try arguments.finiteNumber(.chunk)
        let overlap = try arguments.finiteNumber(.chunkOverlap) ?? 0.25
        return try call.run {
            let backend = try call.backend()
            let model = try call.model()
            let preparation = try Preparation(
                AudioInput(path: arguments.operands[0]), modelName: model.name,
                configuration: model.configuration, chunkSeconds: seconds, overlap: overlap,
                encoding: encoding, cancellation: call.cancellation)
            for warning in preparation.warnings { console.warning("\(warning)") }
            let count = preparation.manifest.chunk.count
            let display = call.progress("Chunk")
            try preparation.write(to: out, on: backend, cancellation: call.cancellation) {
                display.update($0, of: count)
            }
            call.console.status(
                "\(count) chunks of \(preparation.manifest.chunk.samples) samples")
            console.result(out)
        }
    }
}
