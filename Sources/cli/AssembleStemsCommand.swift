// `swift-demucs tensors stems`: from a core's outputs to sound files.

import Porting
import Separation

extension Option {
    static let stemsOut = Option(
        "out", short: "o", value: "folder",
        help: "Where the stems go, as <folder>/<stem>.wav. (required)")
    static let outputsFrom = Option(
        "from", value: "folder",
        help: "Where another runtime's tensors are, as <folder>/chunk-00000/output.raw and so on. "
            + "(default: beside the inputs)")
    static let outputNames = Option(
        "tensors", value: "names",
        help: "Names of the spectrogram's and the waveform's tensor, or of one tensor that is the "
            + "finished waveform. (default: output,add_67)")
    static let outputType = Option(
        "type", value: "name",
        help: "What the outputs hold, float32 or float16. (default: the inputs' type)")
    static let stemNames = Option(
        "name", short: "n", value: "model",
        help: "The model that the stems are named after. (default: names in the manifest)")
}

enum AssembleStemsCommand {
    static let command = Command(
        definition: CommandDefinition(
            name: "tensors stems",
            overview: "Turn a core's outputs, ours or another runtime's, into stems: inverse "
                + "transform, sum, cross-fade, denormalisation.",
            operand: "folder", operandHelp: "What 'tensors prepare' wrote.", operandCount: 1...1,
            options: [
                .stemsOut, .outputsFrom, .outputNames, .outputType, .stemNames, .repo, .offline,
                .int24, .float32, .clipMode, .threads, .quiet, .version, .help,
            ], exclusive: [[.int24, .float32]])
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let folder = arguments.operands[0]
        let out = try call.required(.stemsOut)
        let outputs = try call.outputs
        let element = try call.choice(.outputType, TensorEncoding.Element.self)
        let clipMode = try call.clipMode
        let format = OutputFormat.wav(
            arguments.has(.float32) ? .float32 : arguments.has(.int24) ? .int24 : .int16)
        return try call.run {
            var manifest = try Manifest(folder: folder)
            if arguments.has(.stemNames) {
                manifest = try manifest.named(after: try call.model(), folder: folder)
            }
            let display = call.progress("Chunk")
            let count = manifest.chunk.count
            let paths = try StemAssembly(
                arguments.value(.outputsFrom) ?? folder, manifest: manifest, outputs: outputs,
                element: element
            ).write(
                to: out, OutputOptions(format: format, clipMode: clipMode),
                on: try call.backend(), cancellation: call.cancellation
            ) { display.update($0, of: count) }
            paths.forEach(console.result)
        }
    }
}

extension PortingCall {
    var outputs: StemAssembly.Outputs {
        get throws(UsageError) {
            guard let text = arguments.value(.outputNames) else { return .standard }
            let names = text.split(separator: ",", omittingEmptySubsequences: false)
                .map(String.init)
            guard (1...2).contains(names.count),
                names.allSatisfy({ !$0.isEmpty && !$0.contains("/") })
            else {
                throw .invalidValue(
                    .outputNames, value: text, allowed: "one name, or two separated by a comma")
            }
            return names.count == 1
                ? .finished(names[0]) : .branches(spectrogram: names[0], waveform: names[1])
        }
    }

    var clipMode: ClipMode {
        get throws(UsageError) {
            // As of `separate`, which does not offer the library's tanh.
            let modes: [ClipMode] = [.rescale, .clamp, .none]
            guard let text = arguments.value(.clipMode) else { return .rescale }
            guard let mode = modes.first(where: { $0.rawValue == text }) else {
                throw .invalidValue(
                    .clipMode, value: text,
                    allowed: "one of " + modes.map(\.rawValue).joined(separator: ", "))
            }
            return mode
        }
    }
}
