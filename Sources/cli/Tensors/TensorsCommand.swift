// The table of `tensors`: a track through the network in pieces, with files between the steps, so that
// another runtime can take the network's place.

import Porting
import Separation

enum TensorsCommand {
    static let command = Command(
        "tensors",
        overview:
            "Take a track through the network in chunks of raw tensors, here or in another runtime.",
        actions: [
            PrepareTensorsCommand.command, RunTensorsCommand.command,
            AssembleStemsCommand.command, CalibrateCommand.command,
        ])
}

extension Option {
    static let tensorsOut = Option(
        "out", short: "o", value: "folder",
        help: "Where chunks, stems or samples go. (required)")
    static let portedName = Option(
        "name", short: "n", value: "model",
        completion: .wordsOrFile(["htdemucs", "htdemucs_6s", "demo"]),
        help: "The model, named as for separate. 'stems' names its files after it. (default: the "
            + "one in the manifest; before there is one, that of separate)")
    static let chunk = Option(
        "chunk", value: "seconds",
        help: "Length of a chunk, decimals allowed. (default: the model's segment)")
    static let chunkOverlap = Option(
        "overlap", value: "share",
        help: "Share of each chunk that the next one repeats. (default: 0.25)")
    static let tensorFormat = Option(
        "format", value: "name",
        completion: .words(TensorEncoding.Container.allCases.map(\.rawValue)),
        help: "raw, npy or safetensors. (default: raw; for calibrate, npy)")
    static let tensorType = Option(
        "type", value: "name", completion: .words(TensorEncoding.Element.allCases.map(\.rawValue)),
        help: "float32 or float16: what is written, or for stems what the outputs hold. (default: "
            + "float32; for stems, the inputs' type)")
    static let outputsFrom = Option(
        "from", value: "folder",
        help: "Where another runtime's tensors are, as <folder>/chunk-00000/output.raw and so on. "
            + "(default: beside the inputs)")
    static let outputNames = Option(
        "tensors", value: "names",
        help: "Names of the spectrogram's and the waveform's tensor, or of one tensor that is the "
            + "finished waveform. (default: output,add_67)")
    static let samples = Option(
        "samples", value: "n", help: "How many samples to choose in all. (default: 50)")
    static let choiceSeed = Option(
        "seed", value: "n", help: "Seed of the choice. (default: 0)")
}
