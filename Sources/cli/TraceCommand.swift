// `swift-demucs trace`: writes the activations inside the network for one chunk.

import Demucs
import Porting
import System
import Tracks

extension Option {
    static let only = Option(
        "only", value: "patterns",
        help: "Names of tensors, separated by commas, with * for any characters and ? for one: "
            + "'encoder.?,crosstransformer.*'. (default: all)")
    static let attention = Option(
        "attention", value: "layer:head",
        help: "Also write the attention weights of this head of a layer of the transformer, "
            + "layers.0:0 or layers_t.1:3, [tokens, tokens read]; several are separated by commas. "
            + "(default: none)")
    static let edit = Option(
        "edit", value: "name=change",
        help: "Change a value or a parameter before the network goes on: zero, set:X, scale:K, "
            + "quantise:BITS, permute:AXIS (in a random order), permute:AXIS:2,0,1 (in this order) "
            + "or phase:OTHER (output=phase:mag); the name may have * and ?, and indices that "
            + "change alone: encoder.1[2,*,0]. Skips are encoder.N.skip and tencoder.N.skip. "
            + "Can be repeated.")
}

enum TraceCommand {
    static let command = Command(
        "trace",
        overview: "Write the values inside the network for one chunk, with the reference's "
            + "names and order of axes.",
        operand: "track",
        operandHelp:
            "An audio file, a chunk of 'tensors prepare': <folder>/chunk-00000, or a port's values with "
            + "their 'mix', to trace that: .safetensors, .npz, or a folder of .npy.",
        options: [
            .outFile, .only, .attention, .edit, "start", .chunk, .portedName, .repo, .offline,
            .precision,
            .threads,
        ] + Option.common,
        examples: [
            "swift-demucs trace song.flac -n demo --chunk 1 --only 'encoder.*' -o trace.safetensors":
                "Outputs of the spectrogram's encoder layers for the first second.",
            "swift-demucs trace song.flac -n demo --chunk 1 --only final --edit tdecoder.3=zero "
                + "-o edited.safetensors": "The stems without the waveform branch.",
            "swift-demucs trace song.flac -n demo --chunk 1 --only final --attention layers.0:2 "
                + "-o trace.safetensors":
                "The stems, and which tokens the third head of the first layer reads.",
        ]
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let out = try arguments.required(.outFile)
        let seconds = try arguments.finiteNumber(.chunk)
        let start = try arguments.runSettings(of: ["start"]).request.start
        let precision = try arguments.precisionChoice()
        let track = arguments.operands[0]
        let isFolder = FilePath.isFolder(track)
        let manifest = FilePath.joined(FilePath.parent(of: track), ChunkDescription.fileName)
        let isChunk =
            isFolder && FilePath.isFile(manifest)
            && !FilePath.isFile(FilePath.joined(track, "mix.npy"))
        let isValues =
            isFolder && !isChunk
            || ["safetensors", "npz"].contains(FilePath.pathExtension(of: track))
        if isChunk || isValues, let option = [.chunk, "start"].first(where: arguments.has) {
            throw .onlyFor(option, "audio files")
        }
        var edits: [Edit] = []
        for text in arguments.values(.edit) {
            do { edits.append(try Edit(text)) } catch {
                throw .invalidValue(.edit, value: text, allowed: Edit.forms)
            }
        }
        return call.run {
            // Opens the track before the model, which may have to be downloaded.
            let audio = isChunk || isValues ? nil : try call.track(track)
            let model = try call.model(
                defaultName: isChunk ? Trace.modelName(ofChunk: track) : nil, needsCore: false)
            let heads = try arguments.value(.attention).map {
                try NamePattern.attention($0, of: model)
            }
            let backend = try call.backend(
                precision.precision(for: model.int8Support))
            var trace =
                try audio.map {
                    try Trace(
                        $0, startSeconds: start ?? 0, chunkSeconds: seconds, model: model,
                        on: backend, cancellation: call.cancellation)
                }
                ?? (isValues
                    ? Trace(valuesIn: track, model: model) : Trace(chunk: track, model: model))
            for warning in trace.warnings { console.warning("\(warning)") }
            trace.edits = edits
            let names = try trace.write(
                call.patterns + (heads ?? []), of: model, on: backend, to: out,
                cancellation: call.cancellation)
            console.status("\(names.count) \(names.count == 1 ? "tensor" : "tensors")")
            console.result(out)
        }
    }
}
