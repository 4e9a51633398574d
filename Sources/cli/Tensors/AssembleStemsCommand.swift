// `swift-demucs tensors stems`: from a core's outputs to sound files.

import Porting
import Separation

enum AssembleStemsCommand {
    static let command = Command(
        definition: CommandDefinition(
            name: "tensors stems",
            overview: "Turn a core's outputs, ours or another runtime's, into stems: inverse "
                + "transform, sum, cross-fade, denormalisation.",
            operand: "folder", operandHelp: "What 'tensors prepare' wrote.", operandCount: 1...1,
            options: [
                .tensorsOut, .outputsFrom, .outputNames, .tensorType, .portedName, .repo, .offline,
                .int24, .float32, .clipMode, .gain, .flac, .mp3, .mp3Bitrate, .mp3Preset, .spool,
                .threads, .quiet, .version, .help,
            ], exclusive: [[.int24, .float32], [.flac, .mp3]])
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let folder = arguments.operands[0]
        let out = try call.required(.tensorsOut)
        let outputs = try call.outputs
        let element = try arguments.choice(.tensorType, of: TensorEncoding.Element.allCases)
        let options = try SeparateCommand.Settings.output(arguments)
        return try call.run {
            var manifest = try Manifest(folder: folder)
            if arguments.has(.portedName) {
                manifest = try manifest.named(after: try call.model(), folder: folder)
            }
            let display = call.progress("Chunk")
            let count = manifest.chunk.count
            let paths = try StemAssembly(
                arguments.value(.outputsFrom) ?? folder, manifest: manifest, outputs: outputs,
                element: element
            ).write(
                to: out, options, on: try call.backend(), cancellation: call.cancellation
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
}
