// `swift-demucs tensors calibrate`: a calibration set for compilers that quantise.

import Porting
import Separation

extension Option {
    static let samples = Option(
        "samples", value: "n", help: "How many samples in all. (default: 50)")
    static let calibrationOut = Option(
        "out", short: "o", value: "folder",
        help: "Where they go, as <folder>/input/00000.npy and x/00000.npy, with dataset.txt and "
            + "input_list.txt. (required)")
    static let calibrationFormat = Option(
        "format", value: "name", help: "npy, raw or safetensors. (default: npy)")
    static let choiceSeed = Option(
        "seed", value: "n", help: "Seed of the choice. (default: 0)")
}

enum CalibrateCommand {
    static let command = Command(
        definition: CommandDefinition(
            name: "tensors calibrate",
            overview:
                "Choose pieces of tracks, spread over files and loudness and none silent, and "
                + "write the core's inputs of each, with the lists that quantising compilers read.",
            operand: "track", operandHelp: "Sound files: music like that which will be separated.",
            options: [
                .calibrationOut, .samples, .choiceSeed, .name, .repo, .offline, .chunk,
                .calibrationFormat, .tensorType, .threads, .quiet, .version, .help,
            ], exclusive: [])
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let out = try call.required(.calibrationOut)
        let count = try call.number(.samples, in: Calibration.sampleCounts) ?? 50
        let seed = try call.number(.choiceSeed, in: 0...Int.max) ?? 0
        let encoding = TensorEncoding(
            try call.choice(.calibrationFormat, TensorEncoding.Container.self) ?? .npy,
            try call.choice(.tensorType, TensorEncoding.Element.self) ?? .float32)
        let seconds = try call.number(.chunk)
        return try call.run {
            let model = try call.model()
            let display = call.progress("Sample")
            let lists = try Calibration(
                model, chunkSeconds: seconds, encoding: encoding, seed: UInt64(seed)
            ).write(
                arguments.operands.map { try AudioInput(path: $0) }, count: count, to: out,
                on: try call.backend(), cancellation: call.cancellation,
                warn: { console.warning("\($0)") },
                progress: { display.update($0, of: count) })
            lists.forEach(console.result)
        }
    }
}
