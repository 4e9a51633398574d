// `swift-demucs tensors prepare`: a track to the core's inputs.

import Porting
import Separation

extension Option {
    static let chunksOut = Option(
        "out", short: "o", value: "folder",
        help: "Where the chunks go, as <folder>/chunk-00000/input.raw and x.raw. (required)")
}

enum PrepareTensorsCommand {
    static let command = Command(
        definition: CommandDefinition(
            name: "tensors prepare",
            overview: "Cut a track into chunks and write the core's inputs of each: the waveform "
                + "and the spectrogram. Chunks that are there are left as they are.",
            operand: "track", operandHelp: "A sound file.", operandCount: 1...1,
            options: [
                .chunksOut, .name, .repo, .offline, .chunk, .chunkOverlap, .tensorFormat,
                .tensorType, .threads, .quiet, .version, .help,
            ], exclusive: [])
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let out = try call.required(.chunksOut)
        let encoding = try call.encoding
        let seconds = try call.number(.chunk)
        let overlap = try call.number(.chunkOverlap) ?? 0.25
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
