// `swift-demucs tensors calibrate`: a calibration set for compilers that quantise.

import Porting
import Separation

enum CalibrateCommand {
    static let command = Command(
        definition: CommandDefinition(
            name: "tensors calibrate",
            overview:
                "Choose pieces of tracks, spread over files and loudness and none silent, and "
                + "write the core's inputs of each, with dataset.txt and input_list.txt for compilers "
                + "that quantise.",
            operand: "track", operandHelp: "Sound files: music like that which will be separated.",
            options: [
                .tensorsOut, .samples, .choiceSeed, .portedName, .repo, .offline, .chunk,
                .tensorFormat, .tensorType, .threads, .quiet, .version, .help,
            ], exclusive: [])
    ) { arguments, console throws(UsageError) in
        let call = PortingCall(arguments, console)
        let out = try call.required(.tensorsOut)
        let count = try arguments.number(.samples, in: Calibration.sampleCounts) ?? 50
        let seed = try arguments.number(.choiceSeed, in: 0...Int.max) ?? 0
        let encoding = try call.encoding(.npy)
        let seconds = try arguments.finiteNumber(.chunk)
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
