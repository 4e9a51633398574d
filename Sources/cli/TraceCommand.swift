// `swift-demucs trace`: the values inside the network.

import Demucs
import Foundation
import Porting

extension Option {
    static let traceOut = Option(
        "out", short: "o", value: "file", help: "The safetensors file to write. (required)")
    static let only = Option(
        "only", value: "patterns",
        help: "Which values, separated by commas; * stands for any characters, ? for one: "
            + "'encoder.?,crosstransformer.*'. (default: all)")
}

enum TraceCommand {
    static let command = Command(
        definition: CommandDefinition(
            name: "trace",
            overview: "Write the values inside the network for one chunk, under the reference's "
                + "names and in its order of axes.",
            operand: "track",
            operandHelp: "A sound file, or a chunk of 'tensors prepare': <folder>/chunk-00000.",
            operandCount: 1...1,
            options: [
                .traceOut, .only, .start, .chunk, .portedName, .repo, .offline, .precision,
                .threads,
                .quiet, .version, .help,
            ], exclusive: [])
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let out = try call.required(.traceOut)
        let seconds = try arguments.finiteNumber(.chunk)
        let start = try SeparateCommand.Settings.time(.start, arguments)
        let precision = try PrecisionChoice(arguments)
        let track = arguments.operands[0]
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: track, isDirectory: &isFolder)
        if isFolder.boolValue, let option = [.chunk, .start].first(where: arguments.has) {
            throw .exclusiveAction(option, "a sound file")
        }
        return try call.run {
            let model = try call.model(
                defaultName: isFolder.boolValue ? Trace.modelName(ofChunk: track) : nil)
            let backend = try call.backend(
                precision.precision(isQuantized: model.isQuantized))
            let trace =
                isFolder.boolValue
                ? try Trace(chunk: track, model: model)
                : try Trace(
                    AudioInput(path: track), startSeconds: start ?? 0, chunkSeconds: seconds,
                    model: model, on: backend, cancellation: call.cancellation)
            for warning in trace.warnings { console.warning("\(warning)") }
            let names = try trace.write(
                call.patterns, of: model.network(on: backend), model: model, to: out,
                cancellation: call.cancellation)
            call.console.status("\(names.count) tensors")
            console.result(out)
        }
    }
}
