// `swift-demucs tensors`: separates a track in chunks, with files between the steps, so that
// another runtime can run the network.

import Demucs
import Porting

extension Option {
    static let tensorsOut = Option(
        "out", short: "o", value: "folder",
        help: "The output folder for chunks, stems or samples. (required)")
    static let portedName = Option(
        "name", short: "n", value: "model",
        completion: .wordsOrFile(["htdemucs", "htdemucs_6s", "demo"]),
        help: "The model, as for separate. 'stems' names its files after it. (default: the one in "
            + "the manifest; if there is none yet, that of separate)")
    static let chunk = Option(
        "chunk", value: "seconds",
        help: "Length of a chunk, decimals allowed. (default: the model's segment)")
    static let chunkOverlap = Option(
        "overlap", value: "fraction",
        help: "Fraction of each chunk that overlaps the next one, 0 to less than 1. (default: 0.25)"
    )
    static let tensorFormat = Option(
        "format", values: TensorEncoding.Container.allCases.map(\.rawValue),
        help: "Format of the tensors' files. (default: raw; for calibrate, npy)")
    static let tensorType = Option(
        "type", values: TensorEncoding.Element.allCases.map(\.rawValue),
        help: "The type of the written tensors, or for stems of the network's outputs. (default: "
            + "float32; for stems, the inputs' type)")
    static let outputsFrom = Option(
        "from", value: "folder",
        help: "Folder of another runtime's tensors, as <folder>/chunk-00000/output.raw and so on. "
            + "(default: beside the inputs)")
    static let outputNames = Option(
        "tensors", value: "names",
        help: "Names of the spectrogram's and the waveform's tensor, or of one tensor that is the "
            + "finished waveform. (default: output,add_67)")
    static let samples = Option(
        "samples", value: "n",
        help: "Number of samples to choose in all, \(Calibration.sampleCounts.lowerBound) to "
            + "\(Calibration.sampleCounts.upperBound). (default: 50)")
    static let choiceSeed = Option(
        "seed", value: "n", help: "Seed of the choice. (default: 0)")
}

enum TensorsCommand {
    static let command = Command(
        "tensors",
        overview:
            "Take a track through the network in chunks of raw tensors, here or in another runtime.",
        actions: [prepare, run, stems, calibrate],
        examples: [
            "swift-demucs tensors prepare song.flac -o chunks":
                "The core's inputs, chunk by chunk.",
            "swift-demucs tensors run chunks":
                "The core's outputs beside them; another runtime may do this step.",
            "swift-demucs tensors stems chunks -o stems": "The outputs as stems.",
        ])

    private static let prepare = Command(
        "tensors prepare",
        overview: "Cut a track into chunks and write the core's inputs of each, waveform and "
            + "spectrogram: <out>/chunk-00000/input.raw, x.raw and so on.",
        operand: "track", operandHelp: "An audio file.",
        options: [
            .tensorsOut, .portedName, .repo, .offline, "start", "duration", .chunk, .chunkOverlap,
            .tensorFormat, .tensorType, .threads,
        ] + Option.common
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let out = try arguments.required(.tensorsOut)
        let encoding = try call.encoding(.raw)
        let seconds = try arguments.finiteNumber(.chunk)
        let overlap = try arguments.finiteNumber(.chunkOverlap) ?? 0.25
        let excerpt = try arguments.runSettings(of: ["start", "duration"]).request.excerpt
        return call.run {
            // A mistyped name must not start a download.
            let track = try call.track(arguments.operands[0])
            let backend = try call.backend()
            let model = try call.model()
            let preparation = try Preparation(
                track, excerpt: excerpt, model: model, chunkSeconds: seconds, overlap: overlap,
                encoding: encoding, cancellation: call.cancellation)
            for warning in preparation.warnings { console.warning("\(warning)") }
            let count = preparation.description.chunk.count
            let display = call.progress("Chunk")
            try preparation.write(to: out, on: backend, cancellation: call.cancellation) {
                display.update($0, of: count)
            }
            console.status(
                "\(count) chunks of \(preparation.description.chunk.samples) samples")
            console.result(out)
        }
    }

    private static let run = Command(
        "tensors run",
        overview: "Run the core on prepared chunks and write output and add_67 beside them.",
        operand: "folder", operandHelp: "The output folder of 'tensors prepare'.",
        options: [.portedName, .repo, .offline, .precision, .threads] + Option.common
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let folder = arguments.operands[0]
        let precision = try arguments.precisionChoice()
        return call.run {
            let description = try ChunkDescription(folder: folder)
            let model = try call.model(defaultName: description.model.name)
            let backend = try call.backend(
                precision.precision(for: model.int8Support))
            let display = call.progress("Chunk")
            try CoreRun(folder, description: description, model: model).run(
                on: backend, cancellation: call.cancellation
            ) { display.update($0, of: description.chunk.count) }
            console.result(folder)
        }
    }

    private static let stems = Command(
        "tensors stems",
        overview: "Turn the core's outputs, ours or another runtime's, into stems: inverse "
            + "STFT, sum of both branches, cross-fade, denormalisation.",
        operand: "folder", operandHelp: "The output folder of 'tensors prepare'.",
        options: [
            .tensorsOut, .outputsFrom, .outputNames, .tensorType, .portedName, .repo, .offline,
            "int24", "float32", "clip-mode", "gain",
        ] + Option.formatFlags + ["mp3-bitrate", "mp3-preset", "spool", .threads] + Option.common,
        exclusive: [["int24", "float32"], Option.formatFlags]
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let folder = arguments.operands[0]
        let out = try arguments.required(.tensorsOut)
        let outputs = try call.outputs
        let element = try arguments.choice(.tensorType, of: TensorEncoding.Element.allCases)
        let options = try arguments.runSettings().output
        return call.run {
            var description = try ChunkDescription(folder: folder)
            if arguments.has(.portedName) {
                description = try description.named(after: try call.model(), folder: folder)
            }
            let display = call.progress("Chunk")
            let count = description.chunk.count
            let paths = try StemAssembly(
                arguments.value(.outputsFrom) ?? folder, description: description, outputs: outputs,
                element: element
            ).write(
                to: out, options, on: try call.backend(), cancellation: call.cancellation
            ) { display.update($0, of: count) }
            paths.forEach(console.result)
        }
    }

    private static let calibrate = Command(
        "tensors calibrate",
        overview:
            "Choose chunks of tracks, spread over files and loudness and none silent, and "
            + "write the core's inputs of each, with dataset.txt and input_list.txt for "
            + "quantising compilers.",
        operand: "track ...", operandHelp: "Audio files, of music like that to be separated.",
        options: [
            .tensorsOut, .samples, .choiceSeed, .portedName, .repo, .offline, .chunk, .tensorFormat,
            .tensorType, .threads,
        ] + Option.common
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let out = try arguments.required(.tensorsOut)
        let count = try arguments.number(.samples, in: Calibration.sampleCounts) ?? 50
        let seed = try arguments.number(.choiceSeed, in: 0...Int.max) ?? 0
        let encoding = try call.encoding(.npy)
        let seconds = try arguments.finiteNumber(.chunk)
        return call.run {
            let tracks = try arguments.operands.map(call.track)
            let model = try call.model()
            let display = call.progress("Sample")
            let lists = try Calibration(
                model, chunkSeconds: seconds, encoding: encoding, seed: UInt64(seed)
            ).write(
                tracks, count: count, to: out,
                on: try call.backend(), cancellation: call.cancellation,
                warn: { console.warning("\($0)") },
                progress: { display.update($0, of: count) })
            lists.forEach(console.result)
        }
    }
}

extension PortingCall {
    /// The outputs of `--tensors`.
    fileprivate var outputs: StemAssembly.Outputs {
        get throws(UsageError) {
            try arguments.value(
                .outputNames, allowed: "one name, or two separated by a comma"
            ) { text in
                let names = text.split(separator: ",", omittingEmptySubsequences: false)
                    .map(String.init)
                guard names.count <= 2, names.allSatisfy({ !$0.isEmpty && !$0.contains("/") })
                else { return nil }
                return names.count == 1
                    ? .finished(names[0]) : .branches(spectrogram: names[0], waveform: names[1])
            } ?? .standard
        }
    }
}
